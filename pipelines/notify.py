"""Tell a webhook about severe reports and failed nights: JSON, once per version of a report.

A webhook that does not answer never fails a night: it is one sentence of warning. Its URL may carry a secret, and is said nowhere.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from uuid import uuid4

import orjson
import urllib3

from expectations.columns import SEVERITIES
from transforms.cloudtrail.scrubbing import scrubbed_text

if TYPE_CHECKING:
    from pipelines.settings import Settings

SCHEMA = "rolescope.notification/1"

_TIMEOUT = urllib3.Timeout(connect=5, read=10)  # seconds
# A server may not make a night wait as long as it likes (Retry-After), nor send the answers on to somewhere else (redirects).
_RETRY = urllib3.Retry(
    total=3,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,
)
_ENTITY = ("kind", "id", "name", "account_id")
_FINDING = ("finding_id", "type", "title", "severity", "severity_label", "account_id", "region")


def is_told_of(row: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the investigation of a finding is severe enough for the webhook, if there is one; a profile beside it is no news."""
    least = SEVERITIES.index(settings.webhook_severity)
    is_news = row["finding_id"] is not None
    return settings.webhook is not None and is_news and SEVERITIES.index(row["severity"]) >= least


def of_report(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notification of a report, from its row of the table investigations."""
    document = json.loads(row["document"])
    finding, entity = document["finding"], document["entity"]
    told = {
        "investigation_id": row["investigation_id"],
        "severity": row["severity"],
        "score": row["score"],
        "finding": finding and {name: finding[name] for name in _FINDING},
        "entity": {name: entity[name] for name in _ENTITY},
        "account_name": document.get("context", {}).get("names", {}).get(entity["account_id"]),
        "scope": {name: document["scope"][name] for name in ("start_at", "end_at")},
        "answers": {name: row[name] for name in ("who", "what_else", "consistency", "gaps")},
        "logs_complete_to_at": document["logs"]["complete_to_at"],
        "report": row["report_uri"],
    }
    version = sha256(f"{row['investigation_id']}\n{row['document']}".encode()).hexdigest()
    return {"schema": SCHEMA, "kind": "report", "id": version, **told}


def of_failed_night(run_id: str | None, lake: str, failures: Iterable[str], part: str | None = None) -> dict[str, Any]:
    """Return the notification of a night that failed, or of the `part` of one that did; one that never began has no run."""
    listed = [scrubbed_text(failure) for failure in failures]
    told = {"run_id": run_id, "lake": lake, "failures": listed}
    whole = run_id or str(uuid4())
    return {"schema": SCHEMA, "kind": "failed_night", "id": f"{whole}-{part}" if part else whole, **told}


def notify(
    settings: Settings,
    notifications: list[dict[str, Any]],
    tell: Callable[[str], None] = lambda _: None,
    retry: urllib3.Retry = _RETRY,
) -> str | None:
    """Send notifications, in order; return a sentence if some could not be sent, null if all were.

    The first one that cannot be sent, after retries, is the last that is tried: the others would wait as long. Each has its id as
    `Idempotency-Key`: what is sent again after a crash has the same.
    """
    if settings.webhook is None or not notifications:
        return None
    url = settings.webhook.get_secret_value()
    with _client(url, retry) as client, _unlogged():
        for sent, notification in enumerate(notifications):
            problem = _post(client, url, notification)
            if problem is not None:
                left = len(notifications) - sent
                return f"the webhook {problem}: {left:,} of {len(notifications):,} notifications were not sent"
            tell(f"{sent + 1:,} of {len(notifications):,} notifications sent")
    return None


def _client(url: str, retry: urllib3.Retry) -> urllib3.PoolManager:
    """Return a client that goes through the proxy of the environment, as other tools here do; not to this machine itself."""
    parts = urlsplit(url)
    proxy = None if parts.scheme == "http" or proxy_bypass(parts.hostname or "") else getproxies().get("https")
    if proxy:
        return urllib3.ProxyManager(proxy, retries=retry, timeout=_TIMEOUT)
    return urllib3.PoolManager(retries=retry, timeout=_TIMEOUT)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep urllib3 silent: it warns of each retry, with the path."""
    loggers = [logging.getLogger(f"urllib3.{name}") for name in ("connectionpool", "poolmanager", "util.retry")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was_disabled in zip(loggers, before, strict=True):
            logger.disabled = was_disabled


def _post(client: urllib3.PoolManager, url: str, notification: dict[str, Any]) -> str | None:
    """Send one; return what is wrong. The messages of errors have the URL in them, and are said nowhere."""
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": notification["id"],
        "User-Agent": "rolescope",
    }
    try:
        answer = client.request("POST", url, body=orjson.dumps(notification), headers=headers, redirect=False)
    except urllib3.exceptions.MaxRetryError as error:
        return f"cannot be reached ({type(error.reason).__name__})"
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        return f"cannot be reached ({type(error).__name__})"
    return None if 200 <= answer.status < 300 else f"answers with status {answer.status}"
