"""From parameters to a folder of logs and truth, day by day: what is in memory is one day and what it delivers into
the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson

from benchmarks.organisation.bucket import Bucket
from benchmarks.organisation.delivery import Delivery
from benchmarks.organisation.flows import FLOWS
from benchmarks.organisation.geography import write_databases
from benchmarks.organisation.identifiers import seeded
from benchmarks.organisation.incidents import run_incidents
from benchmarks.organisation.journal import Counts, Journal
from benchmarks.organisation.ledger import Ledger
from benchmarks.organisation.network import write_flow_logs
from benchmarks.organisation.parameters import DAY_SECONDS, Parameters, midnight
from benchmarks.organisation.population import Organisation, build_organisation
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.story import demo_days, live_as_sara

FINDINGS = ("finding", "exfiltration", "discovery", "unseen_key")  # names in story.json
Progress = Callable[[date, int], None]


@dataclass(frozen=True)
class Summary:
    """What was made.

    `distinct_events` are distinct by recipient account and event id; `records_written` counts every delivery.
    """

    parameters: Parameters
    distinct_events: int
    records_written: int
    log_objects: int
    other_objects: int
    sessions: int
    session_events: int
    findings: int
    events_by_kind: dict[str, int]
    events_by_account: dict[str, int]

    def as_document(self) -> dict[str, Any]:
        """Return it as summary.json has it."""
        return asdict(self)


def generate(out: Path, parameters: Parameters, progress: Progress | None = None) -> Summary:
    """Write logs, geography and truth below `out`; tell progress each day with the events so far.

    Raises FileExistsError where logs exist already: mixed logs would make the truth false.
    """
    if (out / "logs").exists():
        raise FileExistsError(f"{out / 'logs'} exists: give an empty folder")
    truth = out / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    write_databases(out / "geo", parameters.start_at)
    with (truth / "sessions.jsonl").open("wb") as lines:
        organisation = build_organisation(parameters)
        bucket = Bucket(out / "logs", parameters, organisation)
        generation = _Generation(parameters, organisation, bucket, Ledger(lines))
        facts = generation.run(progress)
    facts["network"] = write_flow_logs(out / "logs", parameters, organisation)
    story = _story(parameters, organisation, facts)
    summary = generation.summary(len(story["findings"]))
    _write(truth / "story.json", story)
    _write(truth / "summary.json", {**summary.as_document(), "findings": story["findings"]})
    return summary


@dataclass
class _Generation:
    """The run: everybody lives a day, then the day's objects are published."""

    parameters: Parameters
    organisation: Organisation
    bucket: Bucket
    ledger: Ledger
    delivery: Delivery = field(default_factory=Delivery)
    counts: Counts = field(default_factory=Counts)

    def run(self, progress: Progress | None) -> dict[str, Any]:
        """Run all days and return what the truth tells of single events, by name."""
        facts: dict[str, Any] = {}
        for number in range(self.parameters.days):
            day = self.parameters.start + timedelta(days=number)
            facts |= self._live(day)
            self._publish(midnight(day) // DAY_SECONDS)
            if progress is not None:
                progress(day, self.counts.by_kind.total())
        for day_number in self.delivery.remaining_days():
            self._publish(day_number)
        return facts

    def _live(self, day: date) -> dict[str, Any]:
        for flow in FLOWS:
            flow.run(self._shift(flow.name, day, flow.budget(self.parameters.events_per_day, day.weekday())))
        logs = self.bucket.logs
        story = live_as_sara(self._shift("sara", day), self.parameters, day, logs)
        return {**(story or {}), **run_incidents(self._shift("incidents", day), self.parameters, day, logs)}

    def _shift(self, name: str, day: date, budget: float = 0) -> Shift:
        rng = seeded(self.parameters.seed, name, day)
        journal = Journal(self.delivery, self.counts, self.parameters.end_at, rng)
        return Shift(self.organisation, journal, self.ledger, midnight(day), budget)

    def _publish(self, day_number: int) -> None:
        self.bucket.publish_day(day_number, self.delivery.take(day_number))

    def summary(self, findings: int) -> Summary:
        """Return what was made so far."""
        return Summary(
            parameters=self.parameters,
            distinct_events=self.counts.by_kind.total(),
            records_written=self.bucket.records,
            log_objects=self.bucket.objects,
            other_objects=self.bucket.other_objects,
            sessions=self.ledger.sessions,
            session_events=self.ledger.session_events,
            findings=findings,
            events_by_kind=dict(sorted(self.counts.by_kind.items())),
            events_by_account=dict(sorted(self.counts.by_account.items())),
        )


def _story(parameters: Parameters, organisation: Organisation, facts: dict[str, Any]) -> dict[str, Any]:
    findings = [facts[name] for name in FINDINGS]
    listed = ("id", "type", "account_id", "region", "updated_at")
    return {
        "organization_id": organisation.id,
        "accounts": {account.name: account.id for account in organisation.accounts},
        **facts,
        "first_observed_date": parameters.start,
        "demo_role_dates": demo_days(parameters),
        "findings": [{name: finding[name] for name in listed} for finding in findings],
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
