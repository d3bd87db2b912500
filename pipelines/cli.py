"""The command line: `rolescope run`, `backfill`, `investigate`, `event`, `upkeep` and `status`.

Exit status: 0 done, 1 nothing could be done, 2 wrong use, 3 done in part.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from expectations.tables import INGEST_FILES, TABLES
from pipelines.preflight import (
    DONE,
    IN_PART,
    INTERRUPTED,
    NOTHING,
    SHOWN,
    WRONG_USE,
    StopError,
    counted,
    days_to_run,
    hour_of,
    named_sources,
    need_java,
    need_lake,
    need_writable,
    one_of,
    possible_day,
    published_in,
)
from pipelines.progress import Console as ProgressConsole
from pipelines.report.texts import visible
from pipelines.run import SAID
from pipelines.settings import SettingError, Settings, load_settings
from pipelines.sources.folder import CLOUDTRAIL, FLOWS, GUARDDUTY
from pipelines.status import print_status

if TYPE_CHECKING:
    from pipelines.night import Night

STAGES = len(TABLES) + 1  # the reports

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help=(
        "Who was behind this AWS role session, what did they do, and is it like them?\n\n"
        "rolescope reads CloudTrail, GuardDuty and VPC flow log files, keeps Delta tables of role sessions, chains and baselines, "
        "and writes a report for every finding. "
        "Every option can also be set as a variable: ROLESCOPE_LAKE for --lake."
    ),
    epilog="Exit status: 0 done, 1 nothing could be done, 2 wrong use, 3 done in part (what was left out is said).",
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Folder = Annotated[str | None, typer.Option(metavar="DIR", show_default=False)]
LakeOption = Annotated[
    str | None,
    typer.Option(
        "--lake",
        metavar="DIR",
        help="Folder of the lake, or s3a://bucket/prefix. \\[default: lake]",
        show_default=False,
    ),
]
CloudTrail = Annotated[
    str | None,
    typer.Option(
        "--cloudtrail",
        metavar="DIR|s3://…",
        help="CloudTrail objects, in the layout they have in S3 (AWSLogs/…): a folder, or a bucket with or without a prefix.",
        show_default=False,
    ),
]
Findings = Annotated[
    str | None,
    typer.Option(
        "--findings",
        metavar="DIR|s3://…|guardduty:",
        help="Exported GuardDuty findings (AWSLogs/…/GuardDuty/…), or `guardduty:` for its API in every region.",
        show_default=False,
    ),
]
Flows = Annotated[
    str | None,
    typer.Option(
        "--flows", metavar="DIR", help="VPC flow logs, text or Parquet (AWSLogs/…/vpcflowlogs/…).", show_default=False
    ),
]
Reports = Annotated[
    str | None,
    typer.Option("--reports", metavar="DIR", help="Where reports go. \\[default: <lake>/reports]", show_default=False),
]
GeoCity = Annotated[
    str | None,
    typer.Option(
        "--geo-city",
        metavar="FILE[:FILE]",
        help="MMDB file (or files) of cities: GeoLite2, DB-IP; `make geo` fetches free ones.",
        show_default=False,
    ),
]
GeoAsn = Annotated[
    str | None,
    typer.Option(
        "--geo-asn", metavar="FILE[:FILE]", help="MMDB file (or files) of autonomous systems.", show_default=False
    ),
]
ContextFile = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="FILE",
        help="YAML file with what your organisation says of itself: account names, own addresses, vendors, notes.",
        show_default=False,
    ),
]
FirstDay = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="YYYY-MM-DD", help="First publish day. \\[default: all there is]", show_default=False
    ),
]
LastDay = Annotated[
    str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last publish day, included.", show_default=False)
]


@contextmanager
def stoppable() -> Iterator[None]:
    """Make Ctrl-C end a command with a sentence. Typer would say "Aborted", and Dagster has an exception of its own for it."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "DagsterExecutionInterruptedError":
            said = "stopped; what was written stays, and the next run goes on from there"
            raise StopError(INTERRUPTED, said) from error
        raise


@app.command()
@stoppable()
def run(  # noqa: PLR0913, PLR0917  (a command has its options)
    cloudtrail: CloudTrail = None,
    findings: Findings = None,
    flows: Flows = None,
    lake: LakeOption = None,
    reports: Reports = None,
    geo_city: GeoCity = None,
    geo_asn: GeoAsn = None,
    context: ContextFile = None,
    first: FirstDay = None,
    last: LastDay = None,
) -> None:
    """Read what is new, bring every table up to date, and write the reports of findings."""
    settings = load_settings(
        cloudtrail=cloudtrail,
        findings=findings,
        flows=flows,
        lake=lake,
        reports=reports,
        geo_city=geo_city,
        geo_asn=geo_asn,
        context=context,
    )
    asked = _day("--from", first), _day("--to", last)
    raise typer.Exit(_run(settings, *asked))


@app.command()
@stoppable()
def backfill(  # noqa: PLR0913, PLR0917
    cloudtrail: CloudTrail = None,
    findings: Findings = None,
    lake: LakeOption = None,
    reports: Reports = None,
    geo_city: GeoCity = None,
    geo_asn: GeoAsn = None,
    context: ContextFile = None,
    first: FirstDay = None,
    last: LastDay = None,
) -> None:
    """Do what `run` does, month by month: for a year of logs. If it is stopped, the next call goes on with the month it was at."""
    settings = load_settings(
        cloudtrail=cloudtrail, findings=findings, lake=lake, reports=reports, geo_city=geo_city, geo_asn=geo_asn, context=context
    )  # fmt: skip
    raise typer.Exit(_backfill(settings, _day("--from", first), _day("--to", last)))


def _entity(option: str, metavar: str, words: str) -> typer.models.OptionInfo:
    option_info: typer.models.OptionInfo = typer.Option(option, metavar=metavar, help=words, show_default=False)
    return option_info


@app.command()
@stoppable()
def investigate(  # noqa: PLR0913, PLR0917
    finding: Annotated[str | None, _entity("--finding", "ID", "A finding, by its id.")] = None,
    role_session: Annotated[
        str | None, _entity("--role-session", "ID", "A role session: AROA…:name, or its name.")
    ] = None,
    role: Annotated[str | None, _entity("--role", "ARN", "A role, by ARN or name.")] = None,
    user: Annotated[str | None, _entity("--user", "ARN", "An IAM or federated user, by ARN, id or name.")] = None,
    root: Annotated[
        str | None,
        _entity("--root", "ID", "Whoever sessions lead back to, through every role: a person, an instance, …"),
    ] = None,
    account: Annotated[str | None, _entity("--account", "ID", "An account.")] = None,
    ip: Annotated[str | None, _entity("--ip", "ADDRESS", "An address.")] = None,
    user_agent: Annotated[
        str | None, _entity("--user-agent", "NAME", "A user agent, as reports name it: aws-cli/2.")
    ] = None,
    first: Annotated[
        str | None,
        _entity("--from", "TIME", "Start of the scope, UTC: 2026-03-04T10. \\[default: 24 hours before its end]"),
    ] = None,
    last: Annotated[
        str | None, _entity("--to", "TIME", "End of the scope, UTC. \\[default: with the last event]")
    ] = None,
    cloudtrail: CloudTrail = None,
    findings: Findings = None,
    flows: Flows = None,
    lake: LakeOption = None,
    reports: Reports = None,
    geo_city: GeoCity = None,
    geo_asn: GeoAsn = None,
    context: ContextFile = None,
) -> None:
    """Investigate a finding, or anything else over any window, now. The newest logs are read first, if folders are named."""
    entities = {
        "finding": finding, "role-session": role_session, "role": role, "user": user, "root": root, "account": account, "ip": ip,
        "user-agent": user_agent,
    }  # fmt: skip
    option, named = one_of(entities)
    settings = load_settings(
        cloudtrail=cloudtrail, findings=findings, flows=flows, lake=lake, reports=reports, geo_city=geo_city, geo_asn=geo_asn,
        context=context,
    )  # fmt: skip
    scope = hour_of("--from", first), hour_of("--to", last)
    if option == "finding" and any(scope):
        raise StopError(
            WRONG_USE, "a finding has its own scope: leave out --from and --to, or move the scope in its report"
        )
    need_java(settings)
    for source_root, source in named_sources(settings):
        published_in(settings, source_root, source)
    if settings.findings:
        need_writable(settings)
    else:
        need_lake(settings)
    status = (
        _investigate(settings, named) if option == "finding" else _investigate_entity(settings, option, named, scope)
    )
    raise typer.Exit(status)


@app.command()
@stoppable()
def event(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="Event id, or the id that an action's copies share.")],
    lake: LakeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show one event: what the tables say of it, and its record, read again from its object, without secrets."""
    from pipelines.event import print_event  # noqa: PLC0415

    settings = load_settings(lake=lake)
    need_lake(settings)
    if "://" in settings.lake:
        need_java(settings)
    raise typer.Exit(print_event(settings, event_id, as_json=as_json))


@app.command()
@stoppable()
def upkeep(lake: LakeOption = None) -> None:
    """Expire what is older than the retention, put closed days together, delete what left the tables long ago."""
    settings = load_settings(lake=lake)
    need_lake(settings)
    if "://" in settings.lake:
        need_java(settings)
    raise typer.Exit(_keep_up(settings))


@app.command()
@stoppable()
def status(lake: LakeOption = None) -> None:
    """Say what is ingested up to when, per account; what was rejected; how the last runs ended."""
    settings = load_settings(lake=lake)
    need_lake(settings)
    if "://" in settings.lake:  # the log and the tables of a local lake are read without Spark
        need_java(settings)
    print_status(settings)


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(exit_status_of(sys.argv[1:]))


def exit_status_of(arguments: list[str]) -> int:
    """Run the command line and return its exit status: a user's mistake is one clear sentence, never a traceback."""
    from typer.main import get_command  # noqa: PLC0415

    try:
        get_command(app).main(arguments, prog_name="rolescope")
    except SystemExit as end:  # typer's own way out: help, wrong use, or the status of the command
        return int(end.code or DONE)
    except StopError as stop:
        return _stopped(stop, stop.status)
    except Exception as error:
        if type(error).__name__ not in SAID:  # a mistake of ours: where it happened is of use
            raise
        return _stopped(error, WRONG_USE if isinstance(error, SettingError) else NOTHING)
    return DONE


def _stopped(sentence: object, status: int) -> int:
    text = str(sentence).encode("utf-8", "backslashreplace").decode()  # an argument need not be UTF-8
    err.print(f"rolescope: {visible(text)}", markup=False)
    return status


def _keep_up(settings: Settings) -> int:
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


def _run(settings: Settings, asked_first: date | None, asked_last: date | None) -> int:
    """Run the job over the days that are asked for, or that there are, and say what came of it."""
    (first, last), impossible = days_to_run(settings, asked_first, asked_last)
    need_writable(settings)
    out.print(f"rolescope: {first} to {last} into {settings.lake}", markup=False)
    night, left_out = _run_job(settings, first, last)
    out.print(f"done: tables in {settings.lake}, reports in {night.settings.report_folder}", markup=False)
    return _say_left_out([*impossible, *left_out])


def _backfill(settings: Settings, asked_first: date | None, asked_last: date | None) -> int:
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
            _, of_month = _run_job(settings, month.first, month.last)
        except StopError as stop:
            raise StopError(stop.status, f"backfill, {month}: {stop}") from stop
        left_out += [line for line in of_month if line not in left_out]
        out.print(f"backfill: {month}: {estimate.told(done, time.monotonic() - began)}", markup=False)
    out.print(f"done: tables in {settings.lake}, reports in {settings.report_folder}", markup=False)
    return _say_left_out(left_out)


def _run_job(
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


def _investigate(settings: Settings, finding_id: str) -> int:
    """Bring the lake up to date with the accounts of the finding, and print what its investigation says."""
    from pipelines.investigate import accounts_of, answers_of, finding_of, newest_findings  # noqa: PLC0415
    from pipelines.night import Night  # noqa: PLC0415

    night = Night(settings)
    finding = finding_of(night, finding_id)
    left_out: list[str] = []
    if finding is None and settings.findings:
        published = published_in(settings, settings.findings, GUARDDUTY)
        if published.days:
            night, left_out = _run_job(settings.model_copy(update={"cloudtrail": None, "flows": None}), *published.days)
            left_out = [*published.left_out, *left_out]
            finding = finding_of(night, finding_id)
    if finding is None:
        there = ", ".join(newest_findings(night)) or "none"
        raise StopError(
            NOTHING, visible(f"there is no finding {finding_id} in {settings.lake}; the newest there are: {there}")
        )
    first = possible_day(finding.first_seen_at.date())
    accounts = accounts_of(night, finding)
    logs = (
        published_in(settings, settings.cloudtrail, CLOUDTRAIL, accounts, first).days if settings.cloudtrail else None
    )
    night, of_run = _run_job(settings, first, logs[1] if logs else first, accounts)
    _print_answers(finding.title or finding.type, answers_of(night, finding_id=finding_id))
    return _say_left_out([*left_out, *of_run])


def _investigate_entity(
    settings: Settings, option: str, text: str, scope: tuple[datetime | None, datetime | None]
) -> int:
    """Bring the lake up to date with the logs of an entity, make its profile, and print what it says."""
    from pipelines.investigate import answers_of  # noqa: PLC0415
    from pipelines.night import Night  # noqa: PLC0415
    from pipelines.profile import find_entity, investigate_entity, window_of  # noqa: PLC0415

    night = Night(settings)
    entity = find_entity(night, option, text)
    left_out: list[str] = []
    root, source = (settings.cloudtrail, CLOUDTRAIL) if settings.cloudtrail else (settings.flows, FLOWS)
    if root:
        accounts = frozenset({entity.account_id}) if entity.account_id else None
        first = possible_day(window_of(entity, *scope).start.date())
        logs = published_in(settings, root, source, accounts, first).days
        if logs:
            _, left_out = _run_job(settings, first, logs[1], accounts)
            night = Night(settings)  # its warnings are its own: the run's are said already
            entity = find_entity(night, option, text)  # what is new may be its last event
    window = window_of(entity, *scope)
    out.print(
        f"rolescope: {visible(entity.id)} from {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC",
        markup=False,
    )
    night.progress = ProgressConsole(1)
    with night.progress.running(), night.writing(f"investigate --{option}"):
        night.begin_early()
        identifier = investigate_entity(night, entity, window)
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


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise StopError(WRONG_USE, f"{option} {text}: not a day, write it as 2026-03-04") from error


if __name__ == "__main__":
    main()
