"""The command: `python -m benchmarks.peer CLOUDTRAIL_FOLDER TARGET_FOLDER [--ingest] [--from DAY] [--to DAY]`.

Into a folder that has events already it is the incremental form: it adds the objects of the days, and makes all sessions anew from
all issuances. Prints, as JSON, what it made and how long it took from its first line on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb

from benchmarks.peer.events import prepare, read_portion
from benchmarks.peer.objects import PORTION, list_objects, portions
from benchmarks.peer.rollups import add_rollups
from benchmarks.peer.sessions import add_portion, build_sessions


def build(
    logs: Path, target: Path, days: list[date] | None = None, *, ingest_only: bool = False, most: int = PORTION
) -> dict[str, float]:
    """Add the objects of the days (all: None) to what is below `target`; counts of events, rejects and sessions, and seconds."""
    begun = time.monotonic()
    target.mkdir(parents=True, exist_ok=True)
    database = duckdb.connect()
    database.execute("SET threads = 2; SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    database.execute("SET partitioned_write_max_open_files = 400")
    prepare(database)
    first = sum(1 for _ in (target / "usage").glob("*.parquet"))
    told = {"events": 0, "rejects": 0, "sessions": 0}
    for number, portion in enumerate(portions(list_objects(logs, days), most), first):
        told["rejects"] += read_portion(database, portion, target, number)
        [(found,)] = database.sql("SELECT count(*) FROM portion").fetchall()
        told["events"] += found
        if not ingest_only:
            add_portion(database, target, number)
            add_rollups(database, target, number)
    database.execute("DROP TABLE IF EXISTS portion")
    if not ingest_only:
        told["sessions"] = build_sessions(database, target)
    return told | {"seconds": time.monotonic() - begun}


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer")
    parser.add_argument("logs", type=Path, help="folder of CloudTrail objects")
    parser.add_argument("target", type=Path, help="where Parquet goes")
    parser.add_argument("--ingest", action="store_true", help="events alone: no sessions, no rollups")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first publish day")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last publish day, included")
    given = parser.parse_args()
    days = days_between(given.first, given.last) if given.first and given.last else None
    told = build(given.logs, given.target, days, ingest_only=given.ingest)
    sys.stdout.write(json.dumps(told) + "\n")


def days_between(first: date, last: date) -> list[date]:
    """Return the days from the first to the last, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


if __name__ == "__main__":
    main()
