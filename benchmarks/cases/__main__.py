"""The command: `python -m benchmarks.cases OUT`."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from benchmarks.cases.generation import generate
from benchmarks.cases.parameters import Parameters


def parse(arguments: list[str] | None = None) -> tuple[Path, Parameters]:
    """Return the folder and the parameters that a command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cases", description="Generate the cases' logs and their truth."
    )
    parser.add_argument("out", type=Path, help="an empty or missing folder")
    add_parameters(parser)
    given = vars(parser.parse_args(arguments))
    out: Path = given.pop("out")
    try:
        return out, Parameters(**given)
    except ValueError as error:
        parser.error(str(error))


def add_parameters(parser: argparse.ArgumentParser, organisations: int = Parameters.organisations) -> None:
    """Add an option for each parameter."""
    usual = Parameters()
    parser.add_argument(
        "--organisations", type=int, default=organisations, help="how often each case is played (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=usual.seed, help="the same seed gives the same bytes (default: %(default)s)"
    )
    parser.add_argument(
        "--start", type=date.fromisoformat, default=usual.start, help="the first day, UTC (default: %(default)s)"
    )
    parser.add_argument(
        "--depth", type=int, default=usual.depth, help="hops of case 22, one an hour (default: %(default)s)"
    )
    parser.add_argument(
        "--reuse-days", type=int, default=usual.reuse_days, help="until a key comes again (default: %(default)s)"
    )
    parser.add_argument(
        "--noise", type=int, default=usual.noise, help="ordinary sessions an organisation (default: %(default)s)"
    )


def main() -> None:
    """Generate, and say what was made."""
    out, parameters = parse()
    summary = generate(out, parameters)
    sys.stdout.write(
        f"{summary.records:,} records in {summary.objects:,} objects, {summary.sessions:,} sessions and "
        f"{summary.checks:,} checks: {out}\n"
    )


if __name__ == "__main__":
    main()
