"""Which session an issuance belongs to: the usage that echoes it best, or none yet."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from expectations.tables import CREDENTIAL_ISSUANCES, SESSION_USAGE
from tests.builders import ACCOUNT, Row, at, frame, row
from transforms.sessions.identity import with_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T = "2026-05-02 10:00:00"


def seconds(number: int) -> str:
    """Return the instant that is so many seconds after T."""
    return f"{at(T) + timedelta(seconds=number):%Y-%m-%d %H:%M:%S}"


def arn(role: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{role}"


def test_with_home__the_best_usage_that_is_its_own(spark: SparkSession) -> None:
    def issue(action: str, key: str | None = None, **fields: Any) -> Row:
        named = {"issued_principal_id": f"AROA-{action}:n", "issued_role_arn": arn(action), "issued_session_name": "n"}
        issued = {"issued_at": T, "issued_access_key_id": key or action, "issued_role_account_id": ACCOUNT}
        return row(CREDENTIAL_ISSUANCES, action_id=action, **{**named, **issued, **fields})

    def use(principal: str, since: str, key: str | None = None) -> Row:
        return row(SESSION_USAGE, principal_id=principal, session_created_at=since, access_key_id=key, first_event_at=seconds(9),
                   role_arn=arn(principal[5:].partition(":")[0]))  # fmt: skip

    issuances = [
        issue("exact"), issue("key", "K"), issue("near"), issue("unused"), issue("nameless", issued_principal_id=None),
        issue("late-1"), issue("late-2", issued_principal_id="AROA-late-1:n", issued_at=seconds(1)),
        issue("denied", outcome="denied"),
    ]  # fmt: skip
    usage = [
        use("AROA-exact:n", T), use("AROA-exact:n", seconds(1), "exact"), use("AROA-exact:n", seconds(-1 + 3600)),
        use("AROA-else:m", seconds(3), "K"), use("AROA-key:n", seconds(1)), use("AROA-near:n", seconds(1)),
        use("AROA-nameless:n", T), use("AROA-late-1:n", seconds(1)),
    ]  # fmt: skip
    homes = with_home(frame(spark, CREDENTIAL_ISSUANCES, *issuances), frame(spark, SESSION_USAGE, *usage)).collect()
    assert {
        each.action_id: (each.home_principal_id, (each.home_started_at.astimezone(UTC) - at(T)).seconds, each.is_twin)
        for each in homes
    } == {
        "exact": ("AROA-exact:n", 0, False),
        "key": ("AROA-else:m", 3, False),
        "near": ("AROA-near:n", 1, False),
        "unused": ("AROA-unused:n", 0, False),
        "nameless": ("AROA-nameless:n", 0, False),
        "late-1": ("AROA-late-1:n", 0, False),  # the use a second later has an issuance of its own
        "late-2": ("AROA-late-1:n", 1, False),
    }
