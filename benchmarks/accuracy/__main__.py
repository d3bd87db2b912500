"""`make accuracy`: the generated cases through the nightly job, every session held against the truth.

    python -m benchmarks.accuracy [--organisations 20] [--nights 1] [--out benchmarks/out/accuracy] [--strict]

Prints counts by case and by method, and the two rates; the same as JSON, with every session that is not right. Exit status 1: a
wrong root is marked resolved, or fewer than 99.5 % of the roots that can be known are found; with `--strict` also if anything else
differs from the truth or a check does not hold.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.accuracy.comparison import Result, judge
from benchmarks.accuracy.lake import read_tables
from benchmarks.accuracy.telling import document, tell
from benchmarks.cases import Parameters, generate
from benchmarks.cases.__main__ import add_parameters
from pipelines.cli import exit_status_of
from pipelines.preflight import DONE, IN_PART

ORGANISATIONS = 20
out = Console(highlight=False, markup=False, soft_wrap=True, width=150)


def main(arguments: list[str] | None = None) -> int:
    """Generate, run, compare, tell; return the exit status."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    folder, nights, is_strict = given.pop("out"), given.pop("nights"), given.pop("strict")
    begun = time.monotonic()
    try:
        parameters = Parameters(**given)
    except ValueError as error:
        parser.error(str(error))
    shutil.rmtree(folder, ignore_errors=True)
    summary = generate(folder, parameters)
    out.print(
        f"accuracy: {summary.sessions:,} sessions in {summary.records:,} records of {parameters.organisations} organisations"
    )
    status = _run(folder, parameters, nights)
    if status != DONE:
        return status
    result = _judged(folder)
    tell(result, out)
    report = folder / "accuracy.json"
    report.write_text(json.dumps(document(result), indent=1), encoding="utf-8")
    out.print(f"as JSON, with every session: {report}; {time.monotonic() - begun:.0f} s")
    return 0 if (result.is_exact if is_strict else result.holds) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy")
    parser.add_argument("--nights", type=int, default=1, help="runs among which the days are divided (default: 1)")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/out/accuracy"), help="where logs, lake and JSON go"
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 for any difference from the truth")
    add_parameters(parser, ORGANISATIONS)
    return parser


def _run(folder: Path, parameters: Parameters, nights: int) -> int:
    """Run the nightly job over all days, in so many runs; return the exit status. A record that lies may be left out: that is done."""
    command = ["run", "--cloudtrail", str(folder / "logs" / "cloudtrail"), "--lake", str(folder / "lake")]
    for first, last in nights_of(parameters.start, parameters.end, nights):
        status = exit_status_of([*command, "--from", first.isoformat(), "--to", last.isoformat()])
        if status not in {DONE, IN_PART}:
            return status
    return DONE


def nights_of(first: date, last: date, count: int) -> Iterator[tuple[date, date]]:
    """Divide days, both included, among so many runs; no run is without a day."""
    days = (last - first).days + 1
    count = min(max(count, 1), days)
    edges = [first + timedelta(days=days * number // count) for number in range(count + 1)]
    for begin, end in pairwise(edges):
        yield begin, end - timedelta(days=1)


def _judged(folder: Path) -> Result:
    truth = folder / "truth"
    return judge(_lines(truth / "sessions.jsonl"), _lines(truth / "checks.jsonl"), read_tables(folder / "lake"))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
