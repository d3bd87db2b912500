"""One finding alone, and a hundred in one pass: what an investigation costs where many are made together.

The findings are made for sessions that the lake has, each of another one; the lake is the demo's. What is timed is the making of
the documents, with the profiles beside them; not Spark's start, nor the writing of pages.

    python -m benchmarks.investigations [--lake demo/lake] [--findings 100]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from rich.console import Console

from expectations.tables import CREDENTIAL_SESSIONS, GUARDDUTY_FINDINGS
from pipelines.assets.investigations import sources_of
from pipelines.night import Night
from pipelines.settings import load_settings
from transforms.investigations import build_investigations, days_needed, with_scope

LEAST = 10.0
_ROUNDS = 2

out = Console(highlight=False, width=140)


@dataclass(frozen=True)
class Batches:
    """Seconds of one finding alone and of a batch, and how many investigations each made."""

    findings: int
    alone: list[float]
    batch: list[float]
    alone_made: int
    batch_made: int

    @property
    def cheaper(self) -> float:
        """How many times cheaper a finding of the batch is than one alone."""
        return statistics.median(self.alone) / (statistics.median(self.batch) / self.findings)


def measure(lake: str, count: int) -> Batches:
    """Time one finding alone and `count` in one pass, in turn, after a round that is not measured."""
    night = Night(load_settings(lake=lake))
    night.expect_rows(many=False)
    sessions = (
        night.lake.read(CREDENTIAL_SESSIONS)
        .where("role_session_id IS NOT NULL AND first_event_at IS NOT NULL AND size(access_key_ids) > 0")
        .orderBy(F.xxhash64("credential_session_id"))
        .limit(count)
        .collect()
    )
    if len(sessions) < count:
        raise SystemExit(f"{lake} has only {len(sessions)} sessions that a finding could be about")
    many = findings_about(night, sessions)
    one = findings_about(night, sessions[:1])
    make(night, one)
    seconds: dict[str, list[float]] = {"alone": [], "batch": []}
    made = {"alone": 0, "batch": 0}
    for _ in range(_ROUNDS):
        for name, findings in (("alone", one), ("batch", many)):
            started = time.perf_counter()
            made[name] = make(night, findings)
            seconds[name].append(time.perf_counter() - started)
    return Batches(count, seconds["alone"], seconds["batch"], made["alone"], made["batch"])


def make(night: Night, findings: DataFrame) -> int:
    """Make the documents of findings, and return how many that are with the profiles beside them."""
    first, last = with_scope(findings).agg(F.min("scope_start_at"), F.max("scope_end_at")).collect()[0]
    made = build_investigations(
        findings, sources_of(night, days_needed(first, last)), settle=lambda frame: frame.localCheckpoint()
    )
    return made.investigations.count()


def findings_about(night: Night, sessions: Sequence[Any]) -> DataFrame:
    """Return a finding about each session, of the first hour that it was used in."""
    rows = [_finding(number, session) for number, session in enumerate(sessions)]
    names = GUARDDUTY_FINDINGS.column_names
    schema = ", ".join(f"`{column.name}` {column.type}" for column in GUARDDUTY_FINDINGS.columns)
    return night.lake.spark.createDataFrame(
        [[row.get(name) for name in names] for row in rows], schema
    ).localCheckpoint()


def _finding(number: int, session: Any) -> dict[str, Any]:
    at: datetime = session["first_event_at"]
    times = dict.fromkeys(("created_at", "updated_at", "first_seen_at", "last_seen_at"), at)
    return {
        "finding_id": f"{number:032x}",
        "finding_arn": f"arn:aws:guardduty:us-east-1:{session['account_id']}:detector/d/finding/{number:032x}",
        "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
        "severity": 5.0,
        "account_id": session["account_id"],
        "region": "us-east-1",
        "access_key_id": session["access_key_ids"][0],
        "principal_id": session["principal_id"],
        "user_type": "AssumedRole",
        "user_name": session["role_name"],
        "document": "{}",
        "source_uri": "generated",
        "batch_id": "bench",
        "ingested_at": at,
        **times,
    }


def main() -> int:
    """Measure and print; exit 1 if the limit does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.investigations")
    parser.add_argument("--lake", default="demo/lake", help="a lake that `make demo` or a benchmark has made")
    parser.add_argument("--findings", type=int, default=100, help="findings of the batch")
    arguments = parser.parse_args()
    batches = measure(arguments.lake, arguments.findings)
    alone, batch = (" ".join(f"{each:.1f}" for each in times) for times in (batches.alone, batches.batch))
    out.print(f"one finding alone: {alone} s ({batches.alone_made} investigations with the profiles beside it)")
    out.print(f"{batches.findings} in one pass: {batch} s ({batches.batch_made} investigations)")
    out.print(f"a finding of the batch is {batches.cheaper:.1f}x cheaper (at least {LEAST:g}x)")
    return 0 if batches.cheaper >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
