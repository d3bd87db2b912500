"""SQL over one session in a year: what of the lake an analyst's three queries read.

DuckDB over delta-rs, as the README shows it: the session by its id and day, which every report gives, then its usage, then its
events, each within the days that the one before told. What is counted is what the process read from files meanwhile, as Linux counts
it (`rchar`): Delta logs, Parquet footers and data. It is held against the Parquet files that the tables have now, together.

    python -m benchmarks.session_query LAKE
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from benchmarks.lines import Line, say, status_of
from expectations.contract import Table
from expectations.tables import CLOUDTRAIL_EVENTS, CREDENTIAL_SESSIONS, SESSION_USAGE, TABLES

AT_MOST = 0.02
_SESSION = "SELECT first_event_at, last_event_at, event_count FROM lake WHERE credential_session_id = $session"
_ON_ITS_DAY = _SESSION + " AND started_date = $day"  # the partition: whoever has the session from a report has its day
_USAGE = """
SELECT principal_id, session_created_at, access_key_id, min(event_date) AS first_day, max(event_date) AS last_day,
    sum(event_count) AS event_count
FROM lake WHERE event_date BETWEEN $first AND $last AND credential_session_id = $session GROUP BY ALL
"""
_EVENTS = """
SELECT event_at, event_source, event_name, outcome, source_ip, user_agent, request_parameters
FROM lake WHERE event_date BETWEEN $first AND $last AND principal_id = $principal AND session_created_at = $created
"""


@dataclass(frozen=True)
class Read:
    """What the queries read: bytes by table, and how many events they found of how many the session has."""

    by_table: dict[str, int]
    found: int
    events: int
    seconds: float


def measure(lake: Path, events: int) -> Line:
    """Ask for a session of the middle of the lake's history; `events` is what the lake was made from."""
    session, day = _session_of_the_middle(lake)
    read = ask(lake, session, day)
    if read.found != read.events:
        sys.exit(f"the queries found {read.found} of {read.events} events of session {session}")
    size = sum(_size(lake, table) for table in TABLES if (lake / table.name).is_dir())
    return Line(
        f"one session, {events}",
        f"share of the lake that SQL over one session of {events:,} events in a year reads",
        read.seconds,
        ratio=sum(read.by_table.values()) / size,
        at_most=AT_MOST,
        facts={
            "lake_MB": size / 1e6,
            **{f"{name}_MB": of / 1e6 for name, of in read.by_table.items()},
            "without_its_day": _asked(lake, CREDENTIAL_SESSIONS, _SESSION, session=session)[0] / size,
            "events": read.found,
        },
    )


def ask(lake: Path, session: str, day: date) -> Read:
    """Ask the three queries about a session that began on a day, and count what is read meanwhile."""
    begun, told = time.monotonic(), {}
    told[CREDENTIAL_SESSIONS.name], [(first_at, last_at, count)] = _asked(
        lake, CREDENTIAL_SESSIONS, _ON_ITS_DAY, session=session, day=day
    )
    first, last = (first_at or day), (last_at or day)
    told[SESSION_USAGE.name], usage = _asked(
        lake, SESSION_USAGE, _USAGE, session=session, first=_day(first), last=_day(last)
    )
    told[CLOUDTRAIL_EVENTS.name], found = 0, 0
    for principal, created in {(row[0], row[1]) for row in usage}:
        size, rows = _asked(
            lake, CLOUDTRAIL_EVENTS, _EVENTS, principal=principal, created=created, first=_day(first), last=_day(last)
        )
        told[CLOUDTRAIL_EVENTS.name] += size
        found += len(rows)
    return Read(told, found, count, time.monotonic() - begun)


def _day(moment: Any) -> Any:
    return moment.date() if hasattr(moment, "date") else moment


def _asked(lake: Path, table: Table, query: str, **parameters: Any) -> tuple[int, list[Any]]:
    """Ask a query of a table called `lake`: what was read, and its rows."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    before = _read_so_far()
    database.register("lake", DeltaTable(str(lake / table.name)).to_pyarrow_dataset())
    rows = database.execute(query, parameters).fetchall()
    return _read_so_far() - before, rows


def _read_so_far() -> int:
    """Return how many bytes this process has read, all its threads, from files or their cache."""
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


def _size(lake: Path, table: Table) -> int:
    """Return the bytes of a table's Parquet files in its present version."""
    adds = DeltaTable(str(lake / table.name)).get_add_actions(flatten=True)
    return sum(adds.column("size_bytes").to_pylist())


def _session_of_the_middle(lake: Path) -> tuple[str, date]:
    """Return a session with an access key of its own, of the day in the middle of those that have some, and that day."""
    database = duckdb.connect()
    sessions = DeltaTable(str(lake / CREDENTIAL_SESSIONS.name)).to_pyarrow_dataset()
    database.register("sessions", sessions)
    found = database.execute(
        """
        SELECT credential_session_id, started_date FROM sessions
        WHERE started_date = (SELECT quantile_disc(started_date, 0.5) FROM sessions WHERE event_count > 0)
            AND event_count > 2 AND attribution_status = 'resolved' AND len(access_key_ids) = 1
            AND (role_session_id, started_at) IN (SELECT (role_session_id, started_at) FROM sessions GROUP BY ALL HAVING count(*) = 1)
        ORDER BY credential_session_id LIMIT 1
        """
    ).fetchall()
    if not found:
        sys.exit(f"{lake} has no session to ask for")
    session, day = found[0]
    return str(session), day


def main() -> int:
    """Measure and print; exit 1 if the limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.session_query")
    parser.add_argument("lake", type=Path, help="a lake of a year, in a folder")
    given = parser.parse_args()
    events = DeltaTable(str(given.lake / CLOUDTRAIL_EVENTS.name)).count()
    lines = [measure(given.lake, events)]
    say(lines)
    return status_of(lines)


if __name__ == "__main__":
    sys.exit(main())
