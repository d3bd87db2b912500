"""The nightly attribution of one day, with 30 and with 365 days of history behind it: it should take the same time.

One day of the generated organisation is made into tables; the history is that day over and over, further back each time, its
sessions, keys and calls with ids of their own. Events of the history are left out: attribution reads none of them. What is
timed is a night that brings the next day: issuances, usage, sessions with their chains, edges.

    python -m benchmarks.attribution [--events 300000] [--out benchmarks/out]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import functions as F
from rich.console import Console

from benchmarks.lines import Line
from benchmarks.organisation import Parameters, generate
from expectations.contract import Table
from expectations.tables import CHAIN_EDGES, CREDENTIAL_ISSUANCES, CREDENTIAL_SESSIONS, SESSION_USAGE
from pipelines.assets import ingest, sessions, usage
from pipelines.lake import Consumed
from pipelines.night import Night
from pipelines.settings import load_settings

HISTORIES = (30, 365)  # days
LIMIT = 1.2
_TABLES = (CREDENTIAL_ISSUANCES, SESSION_USAGE, CREDENTIAL_SESSIONS, CHAIN_EDGES)
_DAYS = 8  # the fewest that the generator makes: of these, the last two are used
_DAYS_OF_A_COMMIT = 10  # each day is a partition, and a writer holds what it has of each
_ROWS = 65_536  # of a batch
_NIGHTS = 2  # measured with each history, in turn, after one that is not
_OF_ITS_DAY = (
    "credential_session_id", "parent_session_id", "top_session_id", "child_session_id", "action_id", "access_key_id",
    "issued_access_key_id", "caller_access_key_id",
)  # fmt: skip

out = Console(highlight=False, width=140)


@dataclass(frozen=True)
class Nights:
    """What the attribution of a day took, in seconds, by days of history; and how many rows the history has."""

    events: int
    new_sessions: int
    history_sessions: dict[int, int]
    seconds: dict[int, list[float]]

    @property
    def ratio(self) -> float:
        """The night with the longest history to that with the shortest, by their medians."""
        medians = [statistics.median(self.seconds[days]) for days in HISTORIES]
        return medians[-1] / medians[0]

    @property
    def holds(self) -> bool:
        """Whether a longer history costs no more than the limit allows."""
        return self.ratio <= LIMIT


def main() -> int:
    """Measure and print; exit 1 if the limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attribution")
    parser.add_argument("--events", type=int, default=300_000, help="events of the day")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="where logs and lakes go")
    arguments = parser.parse_args()
    nights = measure(arguments.out / "nights", arguments.events)
    say(nights)
    (arguments.out / "attribution.json").write_text(
        json.dumps({**asdict(nights), "ratio": nights.ratio}, indent=1), encoding="utf-8"
    )
    return 0 if nights.holds else 1


def say(nights: Nights) -> None:
    """Print what was measured."""
    for days, seconds in nights.seconds.items():
        measured = ", ".join(f"{each:.1f}" for each in seconds)
        history = f"{nights.history_sessions[days]:,} sessions in {days} days"
        out.print(
            f"attribution of {nights.events:,} events, {nights.new_sessions:,} sessions, after {history}: {measured} s"
        )
    verdict = "holds" if nights.holds else "DOES NOT HOLD"
    out.print(f"ratio {nights.ratio:.2f}, should be at most {LIMIT}: {verdict}")


def line(folder: Path, events: int) -> Line:
    """Measure, and return it as a line of the comparison."""
    nights = measure(folder, events)
    short, long = (statistics.median(nights.seconds[days]) for days in HISTORIES)
    return Line(
        "attribution",
        f"attribution of a day of {nights.events:,} events behind {HISTORIES[-1]} days to behind {HISTORIES[0]}",
        long,
        short,
        nights.ratio,
        at_most=LIMIT,
        facts={
            "new_sessions": nights.new_sessions,
            **{f"sessions_in_{days}_days": found for days, found in nights.history_sessions.items()},
        },
    )


def measure(folder: Path, events: int) -> Nights:
    """Make the day and the histories below `folder`, and attribute the next day after each."""
    parameters = Parameters(accounts=5, days=_DAYS, events_per_day=events)
    first, second = parameters.end - timedelta(days=1), parameters.end
    shutil.rmtree(folder, ignore_errors=True)
    generate(folder, parameters)
    base = _night(folder, "base")
    _materialize(base, first, [ingest.ingest, *_attribution()])
    _materialize(base, second, [ingest.ingest])
    history = {days: _prolong(folder, f"after-{days}", days) for days in HISTORIES}
    seconds: dict[int, list[float]] = {days: [] for days in HISTORIES}
    new = 0
    for number in range(_NIGHTS + 1):
        for days in HISTORIES:
            night = _copy(folder, f"after-{days}", "tonight")
            begun = time.monotonic()
            _materialize(night, second, _attribution())
            if number:
                seconds[days].append(time.monotonic() - begun)
            new = night.lake.read(CREDENTIAL_SESSIONS).where(F.col("started_date") == F.lit(second)).count()
            out.print(f"night {number} after {days} days: {time.monotonic() - begun:.1f} s")
    return Nights(events, new, history, seconds)


def _attribution() -> list[dg.AssetsDefinition]:
    return [usage.credential_issuances, usage.session_usage, sessions.credential_sessions, sessions.chain_edges]


def _night(folder: Path, lake: str) -> Night:
    # No look-back: the history is made of the first day alone.
    settings = load_settings(cloudtrail=str(folder / "logs" / "cloudtrail"), lake=str(folder / lake), lookback_days=0)
    night = Night(settings)
    # So many that queries are compiled, as they are where the run has ingested the day itself.
    night.rows_read = 1_000_000
    return night


def _copy(folder: Path, lake: str, target: str) -> Night:
    shutil.rmtree(folder / target, ignore_errors=True)
    shutil.copytree(folder / lake, folder / target)
    return _night(folder, target)


def _materialize(night: Night, day: date, assets: list[dg.AssetsDefinition]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            assets,
            partition_key=day.isoformat(),
            resources={"night": night},
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


def _prolong(folder: Path, lake: str, days: int) -> int:
    """Put days before the one that is there, as consumed as that one, and return how many sessions they have."""
    night = _copy(folder, "base", lake)
    out.print(f"history of {days} days")
    consumed = {table.name: night.lake.consumed(table) for table in _TABLES}
    for table in _TABLES:
        path = night.lake.path(table)
        day = DeltaTable(path).to_pyarrow_table()
        for first in range(1, days + 1, _DAYS_OF_A_COMMIT):
            before = range(first, min(first + _DAYS_OF_A_COMMIT, days + 1))
            write_deltalake(path, _days_before(day, table, before), mode="append")
    again = _night(folder, lake)
    for table in _TABLES:
        told = consumed[table.name]
        versions = {
            name: again.lake.version(next(each for each in _TABLES if each.name == name))
            if name in consumed
            else version
            for name, version in told.versions.items()
        }
        again.lake.mark(table, Consumed(versions, told.facts))
    return again.lake.row_count(CREDENTIAL_SESSIONS)


def _days_before(day: pa.Table, table: Table, before: range) -> pa.RecordBatchReader:
    """Return the rows of a day as so many days before; DuckDB makes a year of them in the time that Spark takes for a month."""
    columns = ", ".join(f'{_moved(column.name, column.type)} AS "{column.name}"' for column in table.columns)
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.register("day", day)
    return database.sql(
        f"SELECT {columns} FROM range({before.start}, {before.stop}) numbers(n), day ORDER BY n"
    ).to_arrow_reader(_ROWS)


def _moved(name: str, type_: str) -> str:
    if type_ == "timestamp":
        return f'"{name}" - to_days(n::INTEGER)'
    if type_ == "date":
        return f'"{name}" - n::INTEGER'
    return f"\"{name}\" || '-' || n" if name in _OF_ITS_DAY else f'"{name}"'


if __name__ == "__main__":
    sys.exit(main())
