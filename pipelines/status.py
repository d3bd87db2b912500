"""What `rolescope status` prints: how far the lake is, per account; what was rejected; how the last runs ended."""

from __future__ import annotations

from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from expectations.tables import INGEST_FAILURES, INGEST_FILES, REJECTED_RECORDS
from pipelines.report.texts import visible
from pipelines.settings import Settings

_REASONS = 20  # that are listed, the most frequent first
_WIDE = 1000  # of a table: rich would cut account ids and dates to what it takes for the terminal's width


def print_status(settings: Settings) -> None:
    """Print tables: accounts, rejects, what could not be read so far (if anything), runs."""
    from pipelines.night import Night  # noqa: PLC0415
    from pipelines.run import last_runs  # noqa: PLC0415

    lake = Night(settings).lake_as_it_is()
    by_account = lake.read_rows(
        INGEST_FILES,
        [
            "source",
            "account_id",
            "max(publish_date) AS published_to",
            "max(max_event_at) AS reach_to",
            "count(*) AS objects",
            "sum(record_count) AS records",
            "sum(rejected_count) AS rejected",
        ],
        "source IN ('cloudtrail', 'cloudtrail-digest', 'guardduty', 'vpcflowlogs')",
        group_by=["source", "account_id"],
    )
    ingested = _table(
        "Ingested", "source", "account_id", "published to", "reach to (UTC)", "objects", "records", "rejected"
    )
    for row in sorted(by_account, key=lambda row: (row["source"], row["account_id"] or "")):
        ingested.add_row(*map(_cell, row.values()))
    _print(ingested)
    reasons = lake.read_rows(REJECTED_RECORDS, ["reason", "count(*) AS records"], group_by=["reason"])
    rejected = _table("Rejected", *(["reason", "records"] if reasons else ["nothing was rejected"]))
    for row in sorted(reasons, key=lambda row: (-row["records"], row["reason"]))[:_REASONS]:
        rejected.add_row(*map(_cell, row.values()))
    _print(rejected)
    if unread := lake.read_rows(INGEST_FAILURES, ["source", "prefix", "unread_from_date", "unread_to_date", "reason"]):
        left = _table("Not read so far, tried again by each run", "source", "where", "from", "to", "reason")
        for row in sorted(unread, key=lambda row: (row["source"], row["prefix"])):
            left.add_row(*map(_cell, row.values()))
        _print(left)
    runs = _table("Last runs", "run", "began (UTC)", "took", "ended")
    for line in last_runs(settings.lake_uri):
        runs.add_row(*line)
    _print(runs)


def _table(title: str, *columns: str) -> RichTable:
    return RichTable(*columns, title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _print(table: RichTable) -> None:
    Console(highlight=False, width=_WIDE).print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:,}" if isinstance(value, int) else escape(visible(str(value)))
