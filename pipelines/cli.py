"""The command line: `rolescope run`, `backfill`, `investigate`, `event`, `upkeep` and `status`.

Exit status: 0 done, 1 nothing could be done, 2 wrong use, 3 done in part.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated

import typer

from pipelines import commands
from pipelines.preflight import (
    DONE,
    INTERRUPTED,
    NOTHING,
    WRONG_USE,
    StopError,
    hour_of,
    named_sources,
    need_java,
    need_lake,
    need_writable,
    need_writable_lake,
    one_of,
    published_in,
)
from pipelines.report.texts import visible
from pipelines.run import SAID
from pipelines.settings import SettingError, load_settings
from pipelines.status import print_status

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help=(
        "Who was behind this AWS role session, what did they do, and is it like them?\n\n"
        "rolescope reads CloudTrail, GuardDuty and VPC flow log files, keeps Delta tables of role sessions, chains and baselines, "
        "and writes a report for every finding. "
        "Options that name a place can also be set as variables: ROLESCOPE_LAKE for --lake."
    ),
    epilog="Exit status: 0 done, 1 nothing could be done, 2 wrong use, 3 done in part (what was left out is said).",
)

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
        "--flows",
        metavar="DIR|s3://…",
        help="VPC flow logs, text or Parquet (AWSLogs/…/vpcflowlogs/…).",
        show_default=False,
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
    raise typer.Exit(commands.run_days(settings, *asked))


@app.command()
@stoppable()
def backfill(  # noqa: PLR0913, PLR0917
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
    """Do what `run` does, month by month: for a year of logs. If it is stopped, the next call goes on with the month it was at."""
    settings = load_settings(
        cloudtrail=cloudtrail, findings=findings, flows=flows, lake=lake, reports=reports, geo_city=geo_city, geo_asn=geo_asn,
        context=context,
    )  # fmt: skip
    raise typer.Exit(commands.backfill_days(settings, _day("--from", first), _day("--to", last)))


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
    if not settings.findings:
        need_lake(settings)
    need_writable(settings)
    if option == "finding":
        raise typer.Exit(commands.investigate_finding(settings, named))
    raise typer.Exit(commands.investigate_entity(settings, option, named, scope))


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
    need_writable_lake(settings)
    if "://" in settings.lake:
        need_java(settings)
    raise typer.Exit(commands.keep_up(settings))


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
    commands.err.print(f"rolescope: {visible(text)}", markup=False)
    return status


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise StopError(WRONG_USE, f"{option} {text}: not a day, write it as 2026-03-04") from error


if __name__ == "__main__":
    main()
