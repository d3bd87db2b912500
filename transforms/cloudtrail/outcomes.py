"""How a call ended, from its error code (SEMANTICS §6)."""

from __future__ import annotations

import re
from functools import lru_cache

_DRY_RUN = "DryRunOperation"
_DENIED = re.compile(r"AccessDenied|UnauthorizedOperation$|^UnauthorizedException$|^AuthorizationError")
_THROTTLED = re.compile(
    r"Throttl|^(Request|Rate|Bandwidth)LimitExceeded|^SlowDown|^TooManyRequests|^ProvisionedThroughputExceeded"
)


@lru_cache(maxsize=4096)
def outcome_of(error_code: str | None) -> str:
    """Return success, denied, throttled, dry_run or failed.

    Credential errors and not-found are failures; a quota (`LimitExceededException`) is one too, since waiting does not help.
    """
    if not error_code:
        return "success"
    code = error_code.removeprefix("Client.").removeprefix("Server.")
    if code == _DRY_RUN:
        return "dry_run"
    if _DENIED.search(code):
        return "denied"
    if _THROTTLED.search(code):
        return "throttled"
    return "failed"
