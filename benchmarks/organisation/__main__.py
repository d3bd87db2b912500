"""The command: `python -m benchmarks.organisation OUT`."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from benchmarks.organisation.generation import generate
from benchmarks.organisation.parameters import Parameters


def parse(arguments: list[str] | None = None) -> tuple[Path, Parameters]:
    """Return the folder and the parameters that a command line names."""
    usual = Parameters()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.organisation", description="Generate an organisation's logs and their truth."
    )
    parser.add_argument("out", type=Path, help="an empty or missing folder")
    parser.add_argument(
        "--accounts", type=int, default=usual.accounts, help="accounts in all, at least 3 (default: %(default)s)"
    )
    parser.add_argument("--days", type=int, default=usual.days, help="days of logs, at least 8 (default: %(default)s)")
    parser.add_argument(
        "--events-per-day",
        type=int,
        default=usual.events_per_day,
        help="events a day on average (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=usual.seed, help="the same seed gives the same bytes (default: %(default)s)"
    )
    parser.add_argument(
        "--end", type=date.fromisoformat, default=usual.end, help="the last day, UTC (default: %(default)s)"
    )
    parser.add_argument(
        "--events-per-object", type=int, default=None, help="cut log objects by count, not by five minutes"
    )
    given = vars(parser.parse_args(arguments))
    out: Path = given.pop("out")
    try:
        return out, Parameters(**given)
    except ValueError as error:
        parser.error(str(error))


def main() -> None:
    """Generate, with a line of progress a month."""
    out, parameters = parse()
    began = time.monotonic()

    def tell(day: date, events: int) -> None:
        if day.day == 1 or day == parameters.end:
            rate = events / (time.monotonic() - began)
            sys.stderr.write(f"{day}  {events:>12,} events  {rate:>9,.0f}/s\n")

    summary = generate(out, parameters, tell)
    sys.stdout.write(
        f"{summary.distinct_events:,} events, {summary.records_written:,} records in {summary.log_objects:,} objects, "
        f"{summary.sessions:,} sessions: {out}\n"
    )


if __name__ == "__main__":
    main()
