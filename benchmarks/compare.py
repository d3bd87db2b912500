"""`make bench`: rolescope beside a DuckDB script over the same objects, and beside itself with less history behind it.

A table, and the same as JSON. What is compared is ratios, since machines are noisy: each pair runs one after the other. Memory is
the peak of all processes of a run together.

    python -m benchmarks.compare [--events 1000000] [--small-events 300000] [--night-events 300000] [--out benchmarks/out]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import attribution
from benchmarks.demo import sources
from benchmarks.measure import Measured, measured
from benchmarks.organisation import Parameters, generate

GIB = 1 << 30
out = Console(highlight=False, width=140)


@dataclass(frozen=True)
class Line:
    """One comparison: what was measured, in seconds and bytes, its ratio to the peer, and the limit it should keep.

    The peer is a DuckDB script over the same objects; of the attribution of a night it is the same night with 30 days behind it.
    """

    what: str
    events: float
    objects: int
    seconds: float
    peer_seconds: float | None
    ratio: float | None
    limit: str
    holds: bool
    peak_gib: float


def main() -> int:
    """Generate, measure, print; exit 1 if a limit does not hold."""
    arguments = _arguments()
    folder: Path = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    large = _organisation(folder / "large", _large(arguments.events))
    small = _organisation(folder / "small", _small(arguments.small_events))
    lines = [
        _ingest("ingest, objects of five minutes", large),
        _ingest("ingest, objects of three events", small),
        *_whole(large),
        _night(folder, arguments.night_events),
    ]
    _print(lines)
    report = folder / "bench.json"
    report.write_text(json.dumps([asdict(line) for line in lines], indent=1), encoding="utf-8")
    out.print(f"\nas JSON: {report}")
    return 0 if all(line.holds for line in lines) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument("--events", type=int, default=1_000_000, help="events in large objects")
    parser.add_argument("--small-events", type=int, default=300_000, help="events in objects of three")
    parser.add_argument("--night-events", type=int, default=300_000, help="events of the day that is attributed")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="where logs, lakes and bench.json go")
    return parser.parse_args()


def _large(events: int) -> Parameters:
    days = 30
    return Parameters(accounts=5, days=days, events_per_day=events // days)


def _small(events: int) -> Parameters:
    days = 30
    return Parameters(accounts=5, days=days, events_per_day=events // days, events_per_object=3)


def _organisation(folder: Path, parameters: Parameters) -> Path:
    """Generate the logs, unless those of the same parameters are there already."""
    stamp = folder / "parameters.txt"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != repr(parameters):
        shutil.rmtree(folder, ignore_errors=True)
        out.print(f"generating {parameters.days * parameters.events_per_day:,} events in {folder}")
        generate(folder, parameters)
        stamp.write_text(repr(parameters), encoding="utf-8")
    shutil.rmtree(folder / "lake", ignore_errors=True)
    return folder


def _ingest(what: str, folder: Path) -> Line:
    """Ingest to cloudtrail_events, at half the peer's rate or more."""
    told = _peer(folder)
    lake = folder / "ingest-lake"
    shutil.rmtree(lake, ignore_errors=True)
    ours = _measured(
        [*_python("benchmarks.ingest"), str(folder / "logs" / "cloudtrail"), str(lake)], folder / "ingest.log"
    )
    shutil.rmtree(lake, ignore_errors=True)
    seconds = json.loads(ours.output.strip().splitlines()[-1])["seconds"]
    ratio = seconds / told["seconds"]
    return Line(
        what,
        told["events"],
        _objects(folder),
        seconds,
        told["seconds"],
        ratio,
        "at most 2x",
        ratio <= 2,
        ours.peak_bytes / GIB,
    )


def _whole(folder: Path) -> list[Line]:
    """Run the whole job, at most five times the peer's time in under 6 GiB; then a second night, in under 15 seconds."""
    told = _peer(folder)
    command = [*_python("pipelines.cli"), "run", *sources(folder)]
    first = _measured(command, folder / "run.log")
    second = _measured(command, folder / "again.log")
    ratio = first.seconds / told["seconds"]
    peak = first.peak_bytes / GIB
    objects, events = _objects(folder), told["events"]
    return [
        Line(
            "whole job",
            events,
            objects,
            first.seconds,
            told["seconds"],
            ratio,
            "at most 5x, 6 GiB",
            ratio <= 5 and peak < 6,
            peak,
        ),
        Line(
            "second night",
            events,
            objects,
            second.seconds,
            None,
            None,
            "under 15 s",
            second.seconds < 15,
            second.peak_bytes / GIB,
        ),
    ]


def _night(folder: Path, events: int) -> Line:
    """Attribute a day with a year of history behind it, in at most 1.2 times the time with a month."""
    command = [*_python("benchmarks.attribution"), "--events", str(events), "--out", str(folder)]
    run = _measured(command, folder / "nights.log", statuses=(0, 1))
    told = json.loads((folder / "attribution.json").read_text(encoding="utf-8"))
    month, year = (statistics.median(seconds) for seconds in told["seconds"].values())
    return Line(
        "attribution of a day, a year behind it",
        told["events"],
        0,
        year,
        month,
        told["ratio"],
        f"at most {attribution.LIMIT}x a month's",
        told["ratio"] <= attribution.LIMIT,
        run.peak_bytes / GIB,
    )


def _peer(folder: Path) -> dict[str, float]:
    """Run the DuckDB script; its time is its own, from the first line of it on."""
    target = folder / "peer"
    shutil.rmtree(target, ignore_errors=True)
    run = _measured(
        [*_python("benchmarks.peer"), str(folder / "logs" / "cloudtrail"), str(target)], folder / "peer.log"
    )
    shutil.rmtree(target, ignore_errors=True)
    told: dict[str, float] = json.loads(run.output)
    return told


def _measured(command: list[str], log: Path, statuses: tuple[int, ...] = (0,)) -> Measured:
    out.print(f"running {' '.join(command[1:5])} …")
    environment = os.environ | {"DAGSTER_HOME": str(log.parent.absolute() / "dagster")}
    run = measured(command, environment, log)
    if run.exit_status not in statuses:
        sys.exit(f"{' '.join(command)} ended with {run.exit_status}: see {log}")
    return run


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _objects(folder: Path) -> int:
    return sum(1 for _ in (folder / "logs" / "cloudtrail").rglob("*_CloudTrail_*.json.gz"))


def _print(lines: list[Line]) -> None:
    table = Table("what", "events", "objects", "seconds", "peer", "ratio", "peak GiB", "should be", "")
    for line in lines:
        table.add_row(
            line.what,
            f"{line.events:,}",
            f"{line.objects:,}",
            f"{line.seconds:.1f}",
            "" if line.peer_seconds is None else f"{line.peer_seconds:.1f}",
            "" if line.ratio is None else f"{line.ratio:.2f}x",
            f"{line.peak_gib:.1f}",
            line.limit,
            "holds" if line.holds else "DOES NOT HOLD",
        )
    out.print(table)


if __name__ == "__main__":
    sys.exit(main())
