"""One investigation over the year and over 30 days; and one of a hundred, beside a DuckDB scan of the raw objects for its principal.

The same findings are made over both lakes, in one process, in turn: what is timed is the making of the documents, not the start. The
scan reads the objects of the window that an investigation looks at, 45 days of baseline and the scope, skips objects without the
principal's id before it parses, and selects its calls; beside it, for "never seen", the same over all days.

    python -m benchmarks.investigation_costs [--events 1000000] [--findings 100] [--out benchmarks/out]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb
from pyspark.sql import Row
from pyspark.sql import functions as F

from benchmarks.investigations import findings_about, make
from benchmarks.lines import Line, out, say, status_of
from benchmarks.peer.__main__ import days_between
from benchmarks.peer.events import RECORD
from benchmarks.peer.objects import list_objects
from benchmarks.year import Year, year_of
from expectations.tables import CREDENTIAL_SESSIONS
from pipelines.night import Night
from pipelines.settings import load_settings

AGAIN = 1.3  # times one over the shorter history, at most
CHEAPER = 50.0  # times less than the scan, at least, each of a batch
SHORT = 30  # days of history
BASELINE = 45  # days before the scope
_RECENT = 20  # days in which the sessions began that are investigated
_ROUNDS = 2
_SCAN = """
WITH objects AS (
    SELECT unnest(from_json(json -> '$.Records', $schema)) AS r
    FROM read_json_objects($objects, format = 'unstructured', maximum_object_size = 268435456)
    WHERE contains(json::VARCHAR, $principal)
)
SELECT r.eventTime, r.eventSource, r.eventName, r.errorCode, r.sourceIPAddress, r.userAgent, r.awsRegion
FROM objects WHERE r.userIdentity.principalId = $principal
"""


def measure(year: Year, count: int = 100, long: int = 365, short: int = SHORT) -> list[Line]:
    """Make the investigations over the lakes with `long` and `short` days, and scan the objects for one of their principals."""
    nights = {days: Night(load_settings(lake=str(year.lake(days)))) for days in (short, long)}
    sessions = _sessions(nights[short], nights[long], year.night - timedelta(days=_RECENT), count)
    one = {days: findings_about(night, sessions[:1]) for days, night in nights.items()}
    seconds: dict[int, list[float]] = {days: [] for days in nights}
    for number in range(_ROUNDS + 1):
        for days, night in nights.items():
            begun = time.monotonic()
            make(night, one[days])
            out.print(f"one over {days} days: {time.monotonic() - begun:.1f} s")
            if number:
                seconds[days].append(time.monotonic() - begun)
    begun = time.monotonic()
    made = make(nights[long], findings_about(nights[long], sessions))
    each = (time.monotonic() - begun) / len(sessions)
    one_long, one_short = (statistics.median(seconds[days]) for days in (long, short))
    principal, at = sessions[0]["principal_id"], sessions[0]["first_event_at"].date()
    window, found = scan(year, principal, max(year.first, at - timedelta(days=BASELINE)), at)
    history, in_all = scan(year, principal, year.first, year.night)
    return [
        Line(
            f"investigation, {year.events}",
            f"one investigation over {long} days of {year.events:,} events to one over {short}",
            one_long,
            one_short,
            one_long / one_short,
            at_most=AGAIN,
        ),
        Line(
            f"batch, {year.events}",
            f"a scan of the objects of {BASELINE} days and the scope to one of {len(sessions)} investigations in a batch",
            each,
            window,
            window / each,
            at_least=CHEAPER,
            facts={
                "documents": made,
                "events_scanned_for": found,
                "scan_of_all_days": history,
                "scan_of_all_days_to_one": history / each,
                "events_in_all_days": in_all,
            },
        ),
    ]


def scan(year: Year, principal: str, first: date, last: date) -> tuple[float, int]:
    """Look through the raw objects of some days for a principal's calls: seconds, and how many there are."""
    begun = time.monotonic()
    database = duckdb.connect()
    database.execute("SET threads = 2; SET preserve_insertion_order = false")
    paths = [each.path for each in list_objects(year.logs, days_between(first, last))]
    parameters = {"schema": json.dumps([RECORD]), "objects": paths, "principal": principal}
    calls = database.execute(_SCAN, parameters).fetchall()
    return time.monotonic() - begun, len(calls)


def _sessions(short: Night, long: Night, since: date, count: int) -> list[Row]:
    """Return sessions that both lakes have, with calls and a key."""
    usable = "role_session_id IS NOT NULL AND first_event_at IS NOT NULL AND size(access_key_ids) > 0"
    sessions = short.lake.read(CREDENTIAL_SESSIONS).where(usable).where(F.col("started_date") >= F.lit(since))
    there = long.lake.read(CREDENTIAL_SESSIONS).where(F.col("started_date") >= F.lit(since))
    both = sessions.join(there.select("credential_session_id"), on="credential_session_id", how="left_semi")
    found = both.orderBy(F.xxhash64("credential_session_id")).limit(count).collect()
    if len(found) < count:
        sys.exit(f"the lakes have only {len(found)} sessions in common that a finding could be about")
    return found


def main() -> int:
    """Measure and print; exit 1 if a limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.investigation_costs")
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the year")
    parser.add_argument("--days", type=int, default=365, help="days of the longer history")
    parser.add_argument("--short", type=int, default=SHORT, help="days of the shorter one")
    parser.add_argument("--findings", type=int, default=100, help="findings of the batch")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="where logs and lakes go")
    given = parser.parse_args()
    lines = measure(year_of(given.out, given.events, given.days), given.findings, given.days, given.short)
    say(lines)
    return status_of(lines)


if __name__ == "__main__":
    sys.exit(main())
