"""A night behind 30, 90 and 365 days of history: ours should cost the same, and less than the DuckDB script anew or a day more.

Each lake was made by the job from the year's own logs; the night is the day after, 1/365 of the year. It is run over a copy, histories
in turn. Its marginal cost is its time without the start that `fixed` measures.

    python -m benchmarks.nights [--events 1000000] [--histories 30,90,365] [--rounds 2] [--start 7.5] [--out benchmarks/out]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.job import GIB, emptied, peer, rolescope
from benchmarks.lines import Line, say, status_of
from benchmarks.year import Year, year_of

HISTORIES = (30, 90, 365)
AGAIN = 1.2  # times the night behind the shortest history, at most
REBUILD = 20.0  # times less than the script anew, at least
MEMORY = 1.1  # times the peak behind the shortest history, at most: the noise of a heap


@dataclass
class Nights:
    """What a night took behind a history: seconds and peak bytes of each round, and seconds of the script's incremental form."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    script: list[float] = field(default_factory=list)


def measure(year: Year, start_seconds: float, histories: tuple[int, ...] = HISTORIES, rounds: int = 2) -> list[Line]:
    """Make the lakes that are not there, run the night behind each, and the script in both forms."""
    lakes = {days: year.lake(days) for days in histories}
    for days in histories:
        _script_before(year, days)
    nights = {days: Nights() for days in histories}
    for _ in range(rounds):
        for days in histories:
            _run(year, lakes[days], days, nights[days])
    rebuild = peer(
        year.logs, emptied(year.folder / "rebuilt"), year.folder / "rebuilt.log", *_days(year, max(histories))
    )
    emptied(year.folder / "rebuilt")
    return lines_of(year.events, nights, start_seconds, rebuild["seconds"])


def lines_of(events: int, nights: dict[int, Nights], start_seconds: float, rebuild_seconds: float) -> list[Line]:
    """Return the lines of what nights took, by days of history."""
    marginal = {days: statistics.median(night.seconds) - start_seconds for days, night in nights.items()}
    script = {days: statistics.median(night.script) for days, night in nights.items()}
    peaks = {days: max(night.peaks) / GIB for days, night in nights.items()}
    short, long = min(nights), max(nights)
    of = f"night of 1/365 of {events:,} events behind {long} days"
    return [
        Line(
            f"night, {events}",
            f"{of} to the same behind {short}, both without start",
            marginal[long],
            marginal[short],
            marginal[long] / marginal[short],
            at_most=AGAIN,
            facts={
                **{f"behind_{days}": marginal[days] for days in nights},
                "start": start_seconds,
                **{f"whole_behind_{days}": " ".join(f"{each:.1f}" for each in nights[days].seconds) for days in nights},
            },
        ),
        Line(
            f"rebuild, {events}",
            f"the script anew to a {of}",
            marginal[long],
            rebuild_seconds,
            rebuild_seconds / marginal[long],
            at_least=REBUILD,
        ),
        Line(
            f"increment, {events}",
            f"{of} to the script's incremental form",
            marginal[long],
            script[long],
            marginal[long] / script[long],
            at_most=1.0,
            facts={f"the_script_behind_{days}": script[days] for days in nights},
        ),
        Line(
            f"memory of a night, {events}",
            f"peak of all processes, {of} to behind {short}",
            ratio=peaks[long] / peaks[short],
            at_most=MEMORY,
            facts={f"GiB_behind_{days}": peaks[days] for days in nights},
        ),
    ]


def _run(year: Year, lake: Path, days: int, night: Nights) -> None:
    tonight, target = emptied(year.folder / "tonight"), emptied(year.folder / "peer-tonight")
    shutil.copytree(lake, tonight)
    ours = rolescope(year.folder, tonight, year.night, year.night, f"night-{days}")
    night.seconds.append(ours.seconds)
    night.peaks.append(ours.peak_bytes)
    emptied(tonight)
    shutil.copytree(_script_before(year, days), target)
    span = ("--from", str(year.night), "--to", str(year.night))
    night.script.append(peer(year.logs, target, year.folder / "peer-night.log", *span)["seconds"])
    emptied(target)


def _script_before(year: Year, days: int) -> Path:
    """Return what the script has before the night, made if it is not there."""
    target = year.folder / f"peer-{days}"
    if not (target / "sessions.parquet").is_file():
        span = ("--from", str(year.since(days)), "--to", str(year.last))
        peer(year.logs, emptied(target), year.folder / f"peer-{days}.log", *span)
    return target


def _days(year: Year, days: int) -> tuple[str, ...]:
    return "--from", str(year.since(days)), "--to", str(year.night)


def main() -> int:
    """Measure and print; exit 1 if a limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nights")
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the year")
    parser.add_argument(
        "--histories", default=",".join(map(str, HISTORIES)), help="days of history, with commas between"
    )
    parser.add_argument("--rounds", type=int, default=2, help="nights behind each history")
    parser.add_argument("--start", type=float, default=0.0, help="seconds of the start, as benchmarks.fixed says")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="where logs and lakes go")
    given = parser.parse_args()
    histories = tuple(int(days) for days in given.histories.split(","))
    lines = measure(year_of(given.out, given.events, max(histories)), given.start, histories, given.rounds)
    say(lines)
    return status_of(lines)


if __name__ == "__main__":
    sys.exit(main())
