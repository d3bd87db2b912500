"""Which unresolved sessions are looked at again, and since when the lake has the logs of an account."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from expectations.tables import CREDENTIAL_SESSIONS, INGEST_FILES
from tests.builders import ACCOUNT, Row, frame, row
from transforms.sessions.build import log_windows, only_due

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

UNLOGGED = "999999999999"
CLOCK = date(2026, 5, 10)


def no_gaps(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([], "account_id string, gap_started_at timestamp, gap_ended_at timestamp")


def test_only_due__an_unresolved_session_whose_reason_is_another_by_now(spark: SparkSession) -> None:
    def waiting(name: str, reason: str | None, **fields: Any) -> Row:
        return row(CREDENTIAL_SESSIONS, credential_session_id=name, attribution_reason=reason, assumed_by_type=None,
                   attribution_method=None,
                   **{"started_at": "2026-05-08 12:00", **fields})  # fmt: skip

    sessions = [
        waiting("still pending", "PENDING"),
        waiting("pending no more", "PENDING", started_at="2026-05-07 12:00"),
        waiting("account known by now", "NO_ACCOUNT"),
        waiting("account still unknown", "NO_ACCOUNT", account_id=UNLOGGED),
        waiting("reaches back by now", "BEFORE_WINDOW", started_at="2026-05-01 00:00"),
        waiting("its parent waits", "PENDING", started_at="2026-05-07 12:00", top_session_id="pending no more"),
        waiting("two parents", "AMBIGUOUS"),
        waiting("resolved", None),
    ]
    logs = row(INGEST_FILES, account_id=ACCOUNT, publish_date="2026-05-01", min_event_at="2026-04-30 20:00")
    windows = log_windows(frame(spark, INGEST_FILES, logs), no_gaps(spark))
    due = only_due(frame(spark, CREDENTIAL_SESSIONS, *sessions), windows, CLOCK)
    assert {each.credential_session_id for each in due.collect()} == {
        "pending no more", "account known by now", "reaches back by now",
    }  # fmt: skip
    assert set(due.columns) == set(CREDENTIAL_SESSIONS.column_names)


def test_log_windows__begin_on_the_first_day_whatever_came_late(spark: SparkSession) -> None:
    def file(account: str | None, published: str, earliest: str, **fields: Any) -> Row:
        return row(INGEST_FILES, uri=f"{account}{published}{earliest}", account_id=account, publish_date=published,
                   min_event_at=earliest, max_event_at=earliest, **fields)  # fmt: skip

    files = frame(
        spark, INGEST_FILES,
        file("late", "2026-05-01", "2026-04-30 23:00"), file("late", "2026-05-02", "2026-04-01 00:00"),
        file("midday", "2026-05-01", "2026-05-01 12:00"), file("midday", "2026-05-01", "2026-05-01 13:00"),
        file("unreadable", "2026-05-01", "2026-05-01 12:00", status="rejected"),
        file("findings", "2026-05-01", "2026-05-01 12:00", source="guardduty"), file(None, "2026-05-01", "2026-05-01 12:00"),
    )  # fmt: skip
    windows = log_windows(files, no_gaps(spark))
    starts = {
        each.account_id: each.starts_at for each in windows.selectExpr("account_id", "string(starts_at)").collect()
    }
    assert starts == {"late": "2026-05-01 00:00:00", "midday": "2026-05-01 12:00:00"}
