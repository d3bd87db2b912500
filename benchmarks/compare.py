"""`make bench`: rolescope beside a DuckDB script with its duties, beside the bare limit, and beside itself with less history behind it.

A table, the same as JSON with the machine and the versions, and pictures. What is compared is ratios within one run, since machines
are noisy. Every measurement is a module that can be run alone, smaller. With its defaults (a year of a million events) it ends within
an hour on two cores that do nothing else; `--growth 1,3,10` takes a working day.

    python -m benchmarks.compare [--growth 1] [--only cold,nights] [--out benchmarks/out] [--results benchmarks/results]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

from benchmarks import attribution, cold, fixed, investigation_costs, nights, session_query, workers
from benchmarks.lines import Line, keep, out, say, status_of
from benchmarks.picture import draw
from benchmarks.year import Year, year_of

Given = ParamSpec("Given")
Told = TypeVar("Told")

PARTS = ("fixed", "cold", "small", "nights", "investigations", "session", "attribution", "workers")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    events: tuple[int, ...]
    days: int
    small_events: int
    night_events: int
    worker_events: int
    findings: int
    rounds: int
    parts: frozenset[str]
    folder: Path


def main() -> int:
    """Generate, measure, print, keep; exit 1 if a limit does not hold."""
    given = _arguments()
    size = _size(given)
    size.folder.mkdir(parents=True, exist_ok=True)
    of_parts = f"-{'-'.join(sorted(size.parts))}" if given.only else ""
    target: Path = given.results / f"{'-'.join(str(events) for events in size.events)}-events{of_parts}.json"
    parameters = {name: str(value) for name, value in vars(given).items() if name not in ("out", "results")}
    lines: list[Line] = []
    for line in measurements(size):
        lines.append(line)
        keep(lines, target, parameters)  # as far as it is: an hour's figures are not lost to the last one
    say(lines)
    out.print(f"\nas JSON: {target}; as pictures: {', '.join(str(each) for each in draw(target))}")
    return status_of(lines)


def measurements(size: Size) -> Iterator[Line]:
    """Measure one part after the other, and yield its lines."""
    start = 0.0
    if "fixed" in size.parts:
        lines = fixed.measure(size.folder / "fixed", size.rounds)
        start = lines[0].seconds or 0.0
        yield from lines
    for events in size.events:
        yield from _of_a_year(size, year_of(size.folder, events, size.days), start)
    if "small" in size.parts:
        yield cold.ingest(year_of(size.folder, size.small_events, nights.HISTORIES[0], cold.SMALL), "small")
    if "attribution" in size.parts:
        yield _apart(attribution.line, size.folder / "nights", size.night_events)
    if "workers" in size.parts:
        yield workers.measure(size.folder, size.worker_events)


def _of_a_year(size: Size, year: Year, start: float) -> Iterator[Line]:
    histories = (*(days for days in nights.HISTORIES if days < size.days), size.days)
    if "cold" in size.parts:
        yield cold.ingest(year)
        yield from cold.whole(year, start, size.days)
    if "nights" in size.parts:
        yield from nights.measure(year, start, histories, size.rounds)
    if "session" in size.parts:
        yield session_query.measure(year.lake(size.days), year.events)
    if "investigations" in size.parts:
        yield from _apart(investigation_costs.measure, year, size.findings, size.days, histories[0])


def _apart(measure: Callable[Given, Told], /, *given: Given.args, **named: Given.kwargs) -> Told:
    """Measure in a process of its own, so that its Spark ends with it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(measure, *given, **named).result()


def _size(given: argparse.Namespace) -> Size:
    parts = frozenset(given.only.split(",")) if given.only else frozenset(PARTS)
    if unknown := parts - set(PARTS):
        sys.exit(f"--only has {', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}")
    events = tuple(int(float(millions) * 1_000_000) for millions in given.growth.split(","))
    return Size(
        events,
        given.days,
        given.small_events,
        given.night_events,
        given.worker_events,
        given.findings,
        given.rounds,
        parts,
        given.out,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument(
        "--growth", default="1", metavar="1,3,10", help="millions of events of the year, with commas between"
    )
    parser.add_argument("--days", type=int, default=365, help="days of the year")
    parser.add_argument("--small-events", type=int, default=300_000, help="events in objects of three")
    parser.add_argument("--night-events", type=int, default=300_000, help="events of the day that is attributed")
    parser.add_argument("--worker-events", type=int, default=300_000, help="events that a cluster ingests")
    parser.add_argument("--findings", type=int, default=100, help="findings of the batch")
    parser.add_argument("--rounds", type=int, default=2, help="starts, and nights behind each history")
    parser.add_argument("--only", metavar="PART,…", help=f"some parts: {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="where logs and lakes go")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"), help="where JSON and pictures go")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
