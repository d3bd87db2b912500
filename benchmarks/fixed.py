"""What a night costs before it has anything to do: Python, Spark, Dagster and Great Expectations, and a night of one event.

`start` is a process that begins all of them as a run does (Spark and Great Expectations while Dagster is imported), opens a lake
that is there, asks Spark one query, and ends. The breakdown is the same in another process, one part after the other.
A night of one event has all stages beside that.

    python -m benchmarks.fixed [--out benchmarks/out]
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.job import emptied, python, rolescope, run
from benchmarks.lines import Line, say, status_of
from expectations.suites import load_expectations
from pipelines.settings import load_settings
from pipelines.spark import spark_session

if TYPE_CHECKING:
    from pipelines.night import Night

LIMIT = 15.0  # seconds
_ROUNDS = 2
_DAY = date(2026, 3, 4)
_ACCOUNT = "111111111111"


def measure(folder: Path, rounds: int = _ROUNDS) -> list[Line]:
    """Measure below `folder`."""
    emptied(folder)
    for number in range(rounds + 1):
        _write_object(folder, _DAY + timedelta(days=number))
    lake = folder / "lake"
    first = rolescope(folder, lake, _DAY, _DAY, "first")
    nights = [_DAY + timedelta(days=number) for number in range(1, rounds + 1)]
    one = statistics.median(rolescope(folder, lake, day, day, f"night-{day}").seconds for day in nights)
    started = [run([*python("benchmarks.fixed"), "--start", str(lake)], folder / "start.log") for _ in range(rounds)]
    parts = json.loads(run([*python("benchmarks.fixed"), "--parts", str(lake)], folder / "parts.log").output)
    start = statistics.median(each.seconds for each in started)
    return [
        Line("fixed", "start of Python, Spark, Dagster, Great Expectations: seconds", start, None, start, LIMIT, None, parts),
        Line("night of one event", "a night of one event: seconds", one, None, one, LIMIT, None, {"the_lake's_first": first.seconds}),
    ]  # fmt: skip


def start(lake: str) -> None:
    """Begin everything as a run does, and wait until all of it is there."""
    from pipelines.night import Night  # noqa: PLC0415  (what is imported is what is measured)

    night = Night(load_settings(lake=lake))
    night.begin_early()
    _graph(night)
    load_expectations()
    night.lake.spark.range(1).collect()


def parts(lake: str) -> dict[str, float]:
    """Begin everything, one part after the other; seconds of each."""
    told: dict[str, float] = {}
    with _timed(told, "python"):
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    with _timed(told, "import_of_the_job"):
        from pipelines.night import Night  # noqa: PLC0415
    night = Night(load_settings(lake=lake))
    with _timed(told, "Dagster_and_the_graph"):
        _graph(night)
    with _timed(told, "import_of_Great_Expectations"):
        load_expectations()
    with _timed(told, "JVM_and_session"):
        spark = spark_session(night.settings.spark_master, memory=night.settings.spark_memory)
    with _timed(told, "opening_the_lake"):
        _ = night.lake
    with _timed(told, "first_query"):
        spark.range(1).collect()
    return told


def _graph(night: Night) -> None:
    from pipelines.definitions import build_definitions  # noqa: PLC0415  (imports Dagster: seconds)

    build_definitions(night).resolve_job_def("nightly")


@contextmanager
def _timed(told: dict[str, float], name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    told[name] = time.monotonic() - begun


def _write_object(folder: Path, day: date) -> None:
    """Write an object of a publish day with one event: a user's call with a long-term key."""
    below = folder / "logs" / "cloudtrail" / "AWSLogs" / _ACCOUNT / "CloudTrail" / "us-east-1" / f"{day:%Y/%m/%d}"
    below.mkdir(parents=True)
    name = f"{_ACCOUNT}_CloudTrail_us-east-1_{day:%Y%m%d}T1205Z_0123456789abcdef.json.gz"
    identity = {
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLE",
        "arn": f"arn:aws:iam::{_ACCOUNT}:user/alice",
        "accountId": _ACCOUNT,
        "accessKeyId": "AKIAEXAMPLE",
        "userName": "alice",
    }
    record = {
        "eventVersion": "1.09",
        "userIdentity": identity,
        "eventTime": f"{day}T12:00:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.15.0",
        "requestParameters": None,
        "responseElements": None,
        "eventID": f"00000000-0000-4000-8000-{day:%Y%m%d}0000",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": _ACCOUNT,
        "eventCategory": "Management",
    }
    (below / name).write_bytes(gzip.compress(json.dumps({"Records": [record]}).encode(), mtime=0))


def main() -> int:
    """Measure and print; exit 1 if the limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fixed")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="where logs and lakes go")
    parser.add_argument("--start", metavar="LAKE", help="begin all of it over a lake, and end")
    parser.add_argument("--parts", metavar="LAKE", help="begin one part after the other, and print their seconds")
    given = parser.parse_args()
    if given.start:
        start(given.start)
        return 0
    if given.parts:
        sys.stdout.write(json.dumps(parts(given.parts)) + "\n")
        return 0
    lines = measure(given.out / "fixed")
    say(lines)
    return status_of(lines)


if __name__ == "__main__":
    sys.exit(main())
