"""What the commands do with the settings they are given, and what they say on the terminal.

Belongs here: a command from settings to exit status. Does not: its options (`cli`), what is checked before (`preflight`).
"""

from __future__ import annotations

import time
from datetime import date, datetime
from typing import TYPE_CHECKING

from rich.console import Console

from expectations.tables import INGEST_FILES, TABLES
from pipelines.preflight import (
    DONE,
    IN_PART,
    NOTHING,
    SHOWN,
    StopError,
    counted,
    days_to_run,
    need_writable,
    possible_day,
    published_in,
)
from pipelines.progress import Console as ProgressConsole
from pipelines.report.texts import visible
from pipelines.sources.layout import CLOUDTRAIL, FLOWS, GUARDDUTY

if TYPE_CHECKING:
    from pipelines.night import Night
    from pipelines.settings import Settings

STAGES = len(TABLES) + 1  # the reports

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def keep_up(settings: Settings) -> int:
    """Expire, compact and clean the lake, if something came into it since."""
    from pipelines import upkeep as steps  # noqa: PLC0415
    from pipelines.night import Night  # noqa: PLC0415

    progress = ProgressConsole(3)
    night = Night(settings, progress)
    with progress.running(), night.writing("upkeep"):
        if not steps.has_news(night):
            out.print(f"nothing to do: nothing came into {settings.lake} since", markup=False)
            return DONE
        for name, step in (("expiry", steps.expire), ("compaction", steps.compact), ("vacuum", steps.vacuum)):
            progress.tell(name, "looking")
            for sentence in (done := step(night)):
                out.print(visible(sentence), markup=False)
            progress.finished(name, f"{counted(len(done), 'table')}")
    out.print("done", markup=False)
    return _say_left_out(night.warnings)


def run_days(settings: Settings, asked_first: date | None, asked_last: date | None) -> int:
    """Run the job over the days that are asked for, or that there are, and say what came of it."""
    (first, last), impossible = days_to_run(settings, asked_first, asked_last)
    need_writable(settings)
    out.print(f"rolescope: {first} to {last} into {settings.lake}", markup=False)
    night, left_out = run_job(settings, first, last)
    out.print(f"done: tables in {settings.lake}, reports in {night.settings.report_folder}", markup=False)
    return _say_left_out([*impossible, *left_out])


def backfill_days(settings: Settings, asked_first: date | None, asked_last: date | None) -> int:
    """Run the job over the months that are not done, one after the other, and say after each how far it is."""
    from pipelines.backfill import Estimate, first_day_left, months_to_do  # noqa: PLC0415
    from pipelines.night import Night  # noqa: PLC0415

    (first, last), left_out = days_to_run(settings, asked_first, asked_last)
    need_writable(settings)
    reading = Night(settings)
    if (kept := first_day_left(reading.lake, first)) > first:
        left_out.append(f"what was published from {first} to the day before {kept}: these days have expired")
    out.print(
        f"rolescope: {kept} to {last} into {settings.lake}, month by month; looking for what is new", markup=False
    )
    months, count = months_to_do(settings, reading.lake, kept, last)
    estimate, began = Estimate(months, count), time.monotonic()
    out.print(f"backfill: {estimate.told(0, 0)}", markup=False)
    for done, month in enumerate(months, 1):
        try:
            _, of_month = run_job(settings, month.first, month.last)
        except StopError as stop:
            raise StopError(stop.status, f"backfill, {month}: {stop}") from stop
        left_out += [line for line in of_month if line not in left_out]
        out.print(f"backfill: {month}: {estimate.told(done, time.monotonic() - began)}", markup=False)
    out.print(f"done: tables in {settings.lake}, reports in {settings.report_folder}", markup=False)
    return _say_left_out(left_out)


def run_job(
    settings: Settings, first: date, last: date, accounts: frozenset[str] | None = None
) -> tuple[Night, list[str]]:
    """Run the job; return its night, and what could not be read.

    Raises:
        StopError: a step failed.
    """
    from pipelines.night import Night  # noqa: PLC0415
    from pipelines.run import run_nightly  # noqa: PLC0415

    progress = ProgressConsole(STAGES)
    night = Night(settings, progress)
    with progress.running():
        outcome = run_nightly(night, first, last, accounts)
    if not outcome.succeeded:
        for stack in outcome.stacks:
            err.print(stack, markup=False)
        for warning in night.warnings:
            err.print(f"warning: {visible(warning)}", markup=False)
        raise StopError(NOTHING, "; ".join(outcome.failures) or f"run {outcome.run_id} failed")
    return night, [*_left_out(night, outcome.run_id), *night.warnings]


def _say_left_out(left_out: list[str]) -> int:
    for line in dict.fromkeys(left_out):  # what cannot be listed is found before the run, and by it
        out.print(f"left out: {visible(line)}", markup=False)
    return IN_PART if left_out else DONE


def investigate_finding(settings: Settings, finding_id: str) -> int:
    """Bring the lake up to date with the accounts of the finding, and print what its investigation says."""
    from pipelines.investigate import accounts_of, answers_of, finding_of, newest_findings  # noqa: PLC0415
    from pipelines.night import Night  # noqa: PLC0415

    night = Night(settings)
    finding = finding_of(night, finding_id)
    left_out: list[str] = []
    if finding is None and settings.findings:
        published = published_in(settings, settings.findings, GUARDDUTY)
        if published.days:
            night, left_out = run_job(settings.model_copy(update={"cloudtrail": None, "flows": None}), *published.days)
            left_out = [*published.left_out, *left_out]
            finding = finding_of(night, finding_id)
    if finding is None:
        there = ", ".join(newest_findings(night)) or "none"
        raise StopError(
            NOTHING, visible(f"there is no finding {finding_id} in {settings.lake}; the newest there are: {there}")
        )
    first = possible_day(finding["first_seen_at"].date())
    accounts = accounts_of(night, finding)
    logs = (
        published_in(settings, settings.cloudtrail, CLOUDTRAIL, accounts, first).days if settings.cloudtrail else None
    )
    night, of_run = run_job(settings, first, logs[1] if logs else first, accounts)
    _print_answers(finding["title"] or finding["type"], answers_of(night, finding_id=finding_id))
    return _say_left_out([*left_out, *of_run])


def investigate_entity(
    settings: Settings, option: str, text: str, scope: tuple[datetime | None, datetime | None]
) -> int:
    """Bring the lake up to date with the logs of an entity, make its profile, and print what it says."""
    from pipelines import profile  # noqa: PLC0415
    from pipelines.investigate import answers_of  # noqa: PLC0415
    from pipelines.night import Night  # noqa: PLC0415

    night = Night(settings)
    entity = profile.find_entity(night, option, text)
    left_out: list[str] = []
    root, source = (settings.cloudtrail, CLOUDTRAIL) if settings.cloudtrail else (settings.flows, FLOWS)
    if root:
        accounts = frozenset({entity.account_id}) if entity.account_id else None
        first = possible_day(profile.window_of(entity, *scope).start.date())
        logs = published_in(settings, root, source, accounts, first).days
        if logs:
            _, left_out = run_job(settings, first, logs[1], accounts)
            night = Night(settings)  # its warnings are its own: the run's are said already
            entity = profile.find_entity(night, option, text)  # what is new may be its last event
    window = profile.window_of(entity, *scope)
    out.print(
        f"rolescope: {visible(entity.id)} from {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC",
        markup=False,
    )
    night.progress = ProgressConsole(1)
    with night.progress.running(), night.writing(f"investigate --{option}"):
        night.begin_early()
        identifier = profile.investigate_entity(night, entity, window)
    _print_answers(entity.id, answers_of(night, investigation_id=identifier))
    return _say_left_out([*left_out, *night.warnings])


def _print_answers(title: str, answers: dict[str, str]) -> None:
    out.print(f"\n{visible(title)}", markup=False)
    for question, answer in answers.items():
        out.print(f"\n{question}\n  {visible(answer)}", markup=False)


def _left_out(night: Night, run_id: str) -> list[str]:
    """Say which objects and records of this run could not be read."""
    of_run = f"batch_id = '{run_id}' AND rejected_count > 0"
    rows = night.lake.read_rows(INGEST_FILES, ["uri", "status", "rejected_count", "reason"], of_run)
    rows.sort(key=lambda row: row["uri"])
    lines = [
        f"{row['uri']}: {row['reason'] or 'not readable'}"
        if row["status"] == "rejected"
        else f"{counted(row['rejected_count'], 'record')} of {row['uri']}"
        for row in rows[:SHOWN]
    ]
    more = len(rows) - len(lines)
    listed = "see the table rejected_records for the reasons"
    return [*lines, *([counted(more, "more object")] if more else []), *([listed] if lines else [])]
