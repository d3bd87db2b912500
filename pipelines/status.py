"""What `rolescope status` prints: how far the lake is, per account; what was rejected; how the last runs ended."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from expectations.tables import INGEST_FILES, REJECTED_RECORDS
from pipelines.report.texts import visible
from pipelines.settings import Settings

_WIDE = 1000  # of a table: rich would cut account ids and dates to what it takes for the terminal's width


def print_status(settings: Settings) -> None:
    """Print three tables: accounts, rejects, runs."""
    from pyspark.sql import functions as F  # noqa: PLC0415

    from pipelines.night import Night  # noqa: PLC0415
    from pipelines.run import last_runs  # noqa: PLC0415

    night = Night(settings)
    by_account = (
        night.lake.read(INGEST_FILES)
        .where("source IN ('cloudtrail', 'guardduty')")
        .groupBy("source", "account_id")
        .agg(
            F.max("publish_date").alias("published to"),
            F.date_format(F.max("max_event_at"), "yyyy-MM-dd HH:mm:ss").alias("events to (UTC)"),
            F.count("*").alias("objects"),
            F.sum("record_count").alias("records"),
            F.sum("rejected_count").alias("rejected"),
        )
        .orderBy("source", "account_id")
    )
    _print_table("Ingested", by_account)
    rejects = night.lake.read(REJECTED_RECORDS).groupBy("reason").agg(F.count("*").alias("records"))
    _print_table("Rejected", rejects.orderBy(F.desc("records"), "reason").limit(20), none="nothing was rejected")
    runs = _table("Last runs", "run", "began (UTC)", "took", "ended")
    for line in last_runs(settings.lake_uri):
        runs.add_row(*line)
    _print(runs)


def _print_table(title: str, frame: Any, none: str = "nothing yet") -> None:
    table = _table(title, *frame.columns)
    rows = frame.collect()
    if not rows:
        table = _table(title, none)
    for row in rows:
        table.add_row(
            *["" if value is None else f"{value:,}" if isinstance(value, int) else _cell(str(value)) for value in row]
        )
    _print(table)


def _table(title: str, *columns: str) -> RichTable:
    return RichTable(*columns, title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _print(table: RichTable) -> None:
    Console(highlight=False, width=_WIDE).print(table)


def _cell(text: str) -> str:
    return escape(visible(text))
