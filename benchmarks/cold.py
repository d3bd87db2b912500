"""Raw objects to all tables, beside a DuckDB script with the same duties, and beside gunzip and a bare JSON parse.

`ingest` is the objects to the tables of bronze: ours from the session's first query on, the script's from its first line. `cold` is all
of it, ours with Python's start and end. Then the lake's size, and the peak memory of all processes together.

    python -m benchmarks.cold [--events 1000000] [--small-events 300000] [--out benchmarks/out]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.job import GIB, bytes_below, emptied, peer, python, rolescope, run
from benchmarks.limit import limit
from benchmarks.lines import Line, say, status_of
from benchmarks.peer.objects import list_objects
from benchmarks.year import DAYS, Year, year_of

INGEST = 0.7  # of the script's rate, at least
WHOLE = 0.5
SIZE = 0.6  # of the objects
MEMORY = 6.0  # GiB
SMALL = 3  # events an object


def measure(year: Year, start_seconds: float = 0.0) -> list[Line]:
    """Ingest, and the whole, into a lake that the other measurements go on with; `start_seconds` is what `fixed` says."""
    return [ingest(year), *whole(year, start_seconds)]


def ingest(year: Year, of: str = "large") -> Line:
    """Return the line of ingest alone."""
    lake, target = emptied(year.folder / "ingest-lake"), emptied(year.folder / "ingest-peer")
    theirs = peer(year.logs, target, year.folder / "ingest-peer.log", "--ingest")
    ours = run([*python("benchmarks.ingest"), str(year.logs), str(lake)], year.folder / "ingest.log")
    told = json.loads(ours.output.strip().splitlines()[-1])
    emptied(lake), emptied(target)
    bare = limit(year.logs)
    _same(told["events"], theirs["events"])
    return Line(
        f"ingest, {of} objects, {year.events}",
        f"ingest of {told['events']:,} events in {int(bare['objects']):,} objects: our rate to the script's",
        told["seconds"],
        theirs["seconds"],
        theirs["seconds"] / told["seconds"],
        at_least=INGEST,
        facts={
            "limit_seconds": bare["seconds"],
            "our_share_of_the_limit": bare["seconds"] / told["seconds"],
            "the_script's_share": bare["seconds"] / theirs["seconds"],
            "events_per_second": told["events"] / told["seconds"],
            "peak_GiB": ours.peak_bytes / GIB,
            "the_script's_peak_GiB": theirs["peak_bytes"] / GIB,
        },
    )


def whole(year: Year, start_seconds: float = 0.0, days: int = DAYS) -> list[Line]:
    """Return the lines of the whole: its rate, the lake's size, the peak of its memory."""
    target, first, last = emptied(year.folder / f"peer-{days}"), year.since(days), year.last
    span = ("--from", str(first), "--to", str(last))
    theirs = peer(year.logs, target, year.folder / "peer.log", *span)
    lake = emptied(year.lake_folder(days))
    ours = rolescope(year.folder, lake, first, last, "cold", ROLESCOPE_LOOKBACK_DAYS="0")
    year.mark_whole(days)
    raw = sum(each.size for each in list_objects(year.logs, year.history(days)))
    size = bytes_below(lake) - bytes_below(lake / "reports")
    peak = ours.peak_bytes / GIB
    events = int(theirs["events"])
    of = f"{events:,} events of {days} days"
    return [
        Line(
            f"cold, {year.events}",
            f"raw objects to all tables, {of}: our rate to the script's",
            ours.seconds,
            theirs["seconds"],
            theirs["seconds"] / ours.seconds,
            at_least=WHOLE,
            facts={
                "without_start": theirs["seconds"] / (ours.seconds - start_seconds),
                "events_per_second": events / ours.seconds,
                "the_script's_events_per_second": events / theirs["seconds"],
                "the_script's_sessions": int(theirs["sessions"]),
            },
        ),
        Line(
            f"size, {year.events}",
            f"the lake to the gzip objects, {of}",
            ratio=size / raw,
            at_most=SIZE,
            facts={"lake_MB": size / 1e6, "objects_MB": raw / 1e6, "the_script's_MB": bytes_below(target) / 1e6},
        ),
        Line(
            f"memory, {year.events}",
            f"peak of all processes, {of}: GiB",
            ratio=peak,
            at_most=MEMORY,
            facts={"the_script's_peak_GiB": theirs["peak_bytes"] / GIB},
        ),
    ]


def _same(ours: float, theirs: float) -> None:
    if ours != theirs:
        sys.exit(f"rolescope has {ours:,} events and the script {theirs:,}: one of them is wrong")


def main() -> int:
    """Measure and print; exit 1 if a limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold")
    parser.add_argument("--events", type=int, default=1_000_000, help="events in large objects, a year")
    parser.add_argument("--small-events", type=int, default=300_000, help="events in objects of three, a month")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="where logs and lakes go")
    given = parser.parse_args()
    lines = measure(year_of(given.out, given.events))
    lines += [ingest(year_of(given.out, given.small_events, 30, SMALL), "small")]
    say(lines)
    return status_of(lines)


if __name__ == "__main__":
    sys.exit(main())
