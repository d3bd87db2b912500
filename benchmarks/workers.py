"""Ingest on a standalone cluster of this machine, with one single-core worker and with two: two should do half as much again.

The driver shares the machine, the lake is one that Spark alone reads and writes (`file://…`).

    python -m benchmarks.workers [--events 300000] [--out benchmarks/out]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.cluster import HOST, cluster
from benchmarks.job import emptied, python, run
from benchmarks.lines import Line, say, status_of
from benchmarks.year import year_of

AT_LEAST = 1.5
DAYS = 30


def measure(folder: Path, events: int) -> Line:
    """Ingest the same objects on either cluster."""
    month = year_of(folder, events, DAYS)
    seconds = {workers: _ingest(month.folder, month.logs, workers) for workers in (2, 1)}
    ratio = seconds[1]["seconds"] / seconds[2]["seconds"]
    return Line(
        "workers",
        f"ingest of {int(seconds[2]['events']):,} events on two single-core workers: its rate to that on one",
        seconds[2]["seconds"],
        seconds[1]["seconds"],
        ratio,
        at_least=AT_LEAST,
    )


def _ingest(folder: Path, logs: Path, workers: int) -> dict[str, float]:
    lake, work = emptied(folder / "cluster-lake"), emptied(folder / f"cluster-{workers}")
    work.mkdir(parents=True)
    with cluster(work, workers) as master:
        command = [*python("benchmarks.ingest"), str(logs), f"file://{lake.absolute()}"]
        environment = {"ROLESCOPE_SPARK_MASTER": master, "SPARK_LOCAL_IP": HOST, "SPARK_CONF_DIR": str(work)}
        done = run(command, folder / f"cluster-{workers}.log", **environment)
    emptied(lake)
    told: dict[str, float] = json.loads(done.output.strip().splitlines()[-1])
    return told


def main() -> int:
    """Measure and print; exit 1 if the limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers")
    parser.add_argument("--events", type=int, default=300_000, help="events of a month")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="where logs and lakes go")
    given = parser.parse_args()
    lines = [measure(given.out, given.events)]
    say(lines)
    return status_of(lines)


if __name__ == "__main__":
    sys.exit(main())
