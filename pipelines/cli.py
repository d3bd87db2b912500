"""The command line: `rolescope run`, `investigate` and `status`.

Exit status: 0 done, 1 nothing could be done, 2 wrong use, 3 done in part.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from expectations.tables import INGEST_FILES, TABLES
from pipelines.progress import Console as ProgressConsole
from pipelines.report.texts import visible
from pipelines.run import SAID
from pipelines.settings import FIRST_DAY, SettingError, Settings, load_settings
from pipelines.sources.folder import CLOUDTRAIL, GUARDDUTY, LAYOUTS, SourceObject, list_objects
from pipelines.spark import java_home

if TYPE_CHECKING:
    from pipelines.night import Night

DONE, NOTHING, WRONG_USE, IN_PART, INTERRUPTED = 0, 1, 2, 3, 130
_SHOWN = 5  # objects that are named as left out
STAGES = len(TABLES) + 1  # the reports

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help=(
        "Who was behind this AWS role session, what did they do, and is it like them?\n\n"
        "rolescope reads CloudTrail and GuardDuty files, keeps Delta tables of role sessions, chains and baselines, and writes a "
        "report for every finding. "
        "Every option can also be set as a variable: ROLESCOPE_LAKE for --lake."
    ),
    epilog="Exit status: 0 done, 1 nothing could be done, 2 wrong use, 3 done in part (what was left out is said).",
)
out = Console(highlight=False, soft_wrap=True)
_WIDE = 1000  # of a table: rich would cut account ids and dates to what it takes for the terminal's width
err = Console(stderr=True, highlight=False, soft_wrap=True)

Folder = Annotated[str | None, typer.Option(metavar="DIR", show_default=False)]
LakeOption = Annotated[
    str | None, typer.Option("--lake", metavar="DIR", help="Folder of the lake. [default: lake]", show_default=False)
]
CloudTrail = Annotated[
    str | None,
    typer.Option(
        "--cloudtrail",
        metavar="DIR",
        help="CloudTrail objects, in the layout they have in S3 (AWSLogs/…).",
        show_default=False,
    ),
]
Findings = Annotated[
    str | None,
    typer.Option(
        "--findings", metavar="DIR", help="Exported GuardDuty findings (AWSLogs/…/GuardDuty/…).", show_default=False
    ),
]
Reports = Annotated[
    str | None,
    typer.Option("--reports", metavar="DIR", help="Where reports go. [default: <lake>/reports]", show_default=False),
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
Day = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", show_default=False)]


class StopError(Exception):
    """Ends the command with a sentence and an exit status."""

    def __init__(self, status: int, sentence: str) -> None:
        """Say why, and how to exit."""
        super().__init__(sentence)
        self.status = status


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


@dataclass(frozen=True)
class Published:
    """What a folder has: the days that can be read, and what to say of the others."""

    days: tuple[date, date] | None
    left_out: tuple[str, ...] = ()


@app.command()
@stoppable()
def run(  # noqa: PLR0913, PLR0917  (a command has its options)
    cloudtrail: CloudTrail = None,
    findings: Findings = None,
    lake: LakeOption = None,
    reports: Reports = None,
    geo_city: GeoCity = None,
    geo_asn: GeoAsn = None,
    first: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="YYYY-MM-DD", help="First publish day. [default: all there is]", show_default=False
        ),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last publish day, included.", show_default=False)
    ] = None,
) -> None:
    """Read what is new, bring every table up to date, and write the reports of findings."""
    settings = load_settings(
        cloudtrail=cloudtrail, findings=findings, lake=lake, reports=reports, geo_city=geo_city, geo_asn=geo_asn
    )
    asked = _day("--from", first), _day("--to", last)
    raise typer.Exit(_run(settings, *asked))


@app.command()
@stoppable()
def investigate(  # noqa: PLR0913, PLR0917
    finding: Annotated[str, typer.Option("--finding", metavar="ID", help="Id of the finding, as GuardDuty gives it.")],
    cloudtrail: CloudTrail = None,
    findings: Findings = None,
    lake: LakeOption = None,
    reports: Reports = None,
    geo_city: GeoCity = None,
    geo_asn: GeoAsn = None,
) -> None:
    """Investigate one finding now: the newest logs of its accounts are read first, if folders are named."""
    settings = load_settings(
        cloudtrail=cloudtrail, findings=findings, lake=lake, reports=reports, geo_city=geo_city, geo_asn=geo_asn
    )
    _need_java(settings)
    for root, source in _sources(settings):
        _published(root, source)
    if settings.findings:
        _need_writable(settings)
    else:
        _need_lake(settings)
    raise typer.Exit(_investigate(settings, finding))


@app.command()
@stoppable()
def status(lake: LakeOption = None) -> None:
    """Say what is ingested up to when, per account; what was rejected; how the last runs ended."""
    settings = load_settings(lake=lake)
    _need_java(settings)
    _need_lake(settings)
    _status(settings)


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
    err.print(f"rolescope: {visible(str(sentence))}", markup=False)
    return status


def _run(settings: Settings, asked_first: date | None, asked_last: date | None) -> int:
    """Run the job over the days that are asked for, or that there are, and say what came of it."""
    (first, last), impossible = _days(settings, asked_first, asked_last)
    _need_writable(settings)
    out.print(f"rolescope: {first} to {last} into {settings.lake}", markup=False)
    night, left_out = _run_job(settings, first, last)
    out.print(f"done: tables in {settings.lake}, reports in {night.settings.report_folder}", markup=False)
    return _say_left_out([*impossible, *left_out])


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
    night.open_early()
    with progress.running():
        outcome = run_nightly(night, first, last, accounts)
    if not outcome.succeeded:
        for stack in outcome.stacks:
            err.print(stack, markup=False)
        raise StopError(NOTHING, "; ".join(outcome.failures) or f"run {outcome.run_id} failed")
    return night, _left_out(night, outcome.run_id)


def _say_left_out(left_out: list[str]) -> int:
    for line in left_out:
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
        published = _published(settings.findings, GUARDDUTY)
        if published.days:
            night, left_out = _run_job(settings.model_copy(update={"cloudtrail": None}), *published.days)
            left_out = [*published.left_out, *left_out]
            finding = finding_of(night, finding_id)
    if finding is None:
        there = ", ".join(newest_findings(night)) or "none"
        raise StopError(
            NOTHING, visible(f"there is no finding {finding_id} in {settings.lake}; the newest there are: {there}")
        )
    first = _possible(finding.first_seen_at.date())
    accounts = accounts_of(night, finding)
    logs = _published(settings.cloudtrail, CLOUDTRAIL, accounts, first).days if settings.cloudtrail else None
    night, of_run = _run_job(settings, first, logs[1] if logs else first, accounts)
    answers = answers_of(night, finding_id)
    out.print(f"\n{visible(finding.title or finding.type)}", markup=False)
    for question, answer in answers.items():
        out.print(f"\n{question}\n  {visible(answer)}", markup=False)
    return _say_left_out([*left_out, *of_run])


def _sources(settings: Settings) -> list[tuple[str, str]]:
    """Return the folders that are named, and what each has."""
    named = ((settings.cloudtrail, CLOUDTRAIL), (settings.findings, GUARDDUTY))
    return [(root, source) for root, source in named if root]


def _published(
    root: str, source: str, accounts: frozenset[str] | None = None, first: date | None = None, last: date | None = None
) -> Published:
    """Return the first and the last day on which something was published in a folder, if anything was."""
    found = [each for each in list_objects(root, source, first, last, accounts) if each.skipped is None]
    days = [each.publish_date for each in found if _possible(each.publish_date) == each.publish_date]
    impossible = [each for each in found if _possible(each.publish_date) != each.publish_date]
    return Published((min(days), max(days)) if days else None, _of_impossible_days(impossible))


def _of_impossible_days(objects: list[SourceObject]) -> tuple[str, ...]:
    if not objects:
        return ()
    days = sorted({f"{each.publish_date}" for each in objects})
    named = ", ".join(days[:_SHOWN]) + (f" and {len(days) - _SHOWN} more" if len(days) > _SHOWN else "")
    return (f"{_counted(len(objects), 'object')} below days before CloudTrail began or still to come: {named}",)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _possible(day: date) -> date:
    """Return the day, or the nearest one on which something can have been published."""
    return min(max(day, FIRST_DAY), datetime.now(UTC).date())


def _left_out(night: Night, run_id: str) -> list[str]:
    """Say which objects and records of this run could not be read."""
    of_run = f"batch_id = '{run_id}' AND rejected_count > 0"
    rows = night.lake.read_rows(INGEST_FILES, ["uri", "status", "rejected_count", "reason"], of_run)
    rows.sort(key=lambda row: row["uri"])
    lines = [
        f"{row['uri']}: {row['reason'] or 'not readable'}"
        if row["status"] == "rejected"
        else f"{_counted(row['rejected_count'], 'record')} of {row['uri']}"
        for row in rows[:_SHOWN]
    ]
    more = len(rows) - len(lines)
    listed = "see the table rejected_records for the reasons"
    return [*lines, *([_counted(more, "more object")] if more else []), *([listed] if lines else [])]


def _status(settings: Settings) -> None:
    """Print three tables: accounts, rejects, runs."""
    from pyspark.sql import functions as F  # noqa: PLC0415

    from expectations.tables import REJECTED_RECORDS  # noqa: PLC0415
    from pipelines.night import Night  # noqa: PLC0415
    from pipelines.run import last_runs  # noqa: PLC0415

    night = Night(settings)
    by_account = (
        night.lake.read(INGEST_FILES)
        .where("source IN ('cloudtrail', 'guardduty')")
        .groupBy("source", "account_id")
        .agg(
            F.max("publish_date").alias("published to"),
            F.date_format(F.max("max_event_at"), "yyyy-MM-dd HH:mm:ss").alias("events to (UTC)"),
            F.count("*").alias("objects"),
            F.sum("record_count").alias("records"),
            F.sum("rejected_count").alias("rejected"),
        )
        .orderBy("source", "account_id")
    )
    _print_table("Ingested", by_account)
    rejects = night.lake.read(REJECTED_RECORDS).groupBy("reason").agg(F.count("*").alias("records"))
    _print_table("Rejected", rejects.orderBy(F.desc("records"), "reason").limit(20))
    runs = _table("Last runs", "run", "began (UTC)", "took", "ended")
    for line in last_runs(settings.lake_uri):
        runs.add_row(*line)
    _print(runs)


def _print_table(title: str, frame: Any) -> None:
    table = _table(title, *frame.columns)
    for row in frame.collect():
        table.add_row(
            *["" if value is None else f"{value:,}" if isinstance(value, int) else _cell(str(value)) for value in row]
        )
    _print(table)


def _table(title: str, *columns: str) -> RichTable:
    return RichTable(*columns, title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _print(table: RichTable) -> None:
    Console(highlight=False, width=_WIDE).print(table)


def _cell(text: str) -> str:
    return escape(visible(text))


def _days(settings: Settings, first: date | None, last: date | None) -> tuple[tuple[date, date], list[str]]:
    """Return the publish days to run: those asked for, else all that the sources have; and what must be left out of them.

    Raises:
        StopError: no source is named, or the sources have nothing on those days.
    """
    if first and last and first > last:
        raise StopError(WRONG_USE, f"--from {first} is after --to {last}")
    sources = _sources(settings)
    if not sources:
        raise StopError(WRONG_USE, "nothing to read: name a folder with --cloudtrail, --findings or both")
    _need_java(settings)
    published = [_published(root, source, None, first, last) for root, source in sources]
    days = [day for each in published if each.days for day in each.days]
    left_out = [line for each in published for line in each.left_out]
    if not days:
        span = f" from {first or 'the beginning'} to {last or 'the end'}" if first or last else ""
        expected = " or ".join(f"{root}/{LAYOUTS[source]}" for root, source in sources)
        why = f" ({'; '.join(left_out)})" if left_out else ""
        raise StopError(NOTHING, f"nothing was published{span} as {expected}{why}")
    return (_possible(first or min(days)), _possible(last or max(days))), left_out


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise StopError(WRONG_USE, f"{option} {text}: not a day, write it as 2026-03-04") from error


def _need_java(settings: Settings) -> None:
    if settings.spark_master.startswith("sc://"):  # it runs where it is
        return
    try:
        java_home()
    except OSError as error:
        raise StopError(
            NOTHING, f"Java cannot be run: {error.filename} ({error.strerror}); set JAVA_HOME to a Java 17 or newer"
        ) from error


def _need_lake(settings: Settings) -> None:
    """Stop if there is no lake: to look for one must not make it."""
    if "://" not in settings.lake and not _is_delta(Path(settings.lake) / INGEST_FILES.name):
        raise StopError(
            NOTHING, f"there is no lake in {settings.lake}: make one with `rolescope run`, or name it with --lake"
        )


def _need_writable(settings: Settings) -> None:
    """Stop if the lake or the reports cannot be written, before an hour is spent on what goes there."""
    is_local = "://" not in settings.lake
    if not is_local and not settings.reports:
        raise StopError(
            WRONG_USE, f"the lake {settings.lake} is no local folder: name one for the reports with --reports"
        )
    for what, folder in (("lake", Path(settings.lake) if is_local else None), ("reports", settings.report_folder)):
        if folder is not None:
            _try_to_write(what, folder)
    for table in TABLES if is_local else ():
        folder = Path(settings.lake) / table.name
        if folder.exists() and not _is_delta(folder) and (folder.is_file() or any(folder.iterdir())):
            raise StopError(
                NOTHING,
                f"{folder} is in the way: it is no table of a lake; move it, or name another folder with --lake",
            )


def _try_to_write(what: str, folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StopError(NOTHING, f"{what}: {folder} is a file, not a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StopError(NOTHING, f"{what}: {folder} cannot be written ({error.strerror})") from error


def _is_delta(folder: Path) -> bool:
    return (folder / "_delta_log").is_dir()


if __name__ == "__main__":
    main()
