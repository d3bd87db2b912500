"""Before a command begins: what its folders have, and what must hold, so that nothing fails an hour later.

Belongs here: questions whose answer is a sentence and an exit status. Does not: the commands (cli), the settings' own checks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.tables import INGEST_FILES, TABLES
from pipelines.settings import FIRST_DAY, Settings
from pipelines.sources.failures import Failure
from pipelines.sources.layout import CLOUDTRAIL, FLOWS, GUARDDUTY, LAYOUTS, SourceError
from pipelines.sources.listing import Source, access_of, access_of_lake, open_sources, report_refused
from pipelines.spark import ATTACHED, java_home

if TYPE_CHECKING:
    from pipelines.sources.lake_bucket import LakeBucket

DONE, NOTHING, WRONG_USE, IN_PART, INTERRUPTED = 0, 1, 2, 3, 130
_ON_S3 = ("s3a://", "s3://")
SHOWN = 5  # things of a kind that are named; of the others it is said how many there are


class StopError(Exception):
    """Ends the command with a sentence and an exit status."""

    def __init__(self, status: int, sentence: str) -> None:
        """Say why, and how to exit."""
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Published:
    """What a folder has: the days that can be read, what to say of the others, and why nothing can be listed, if so it is."""

    days: tuple[date, date] | None
    left_out: tuple[str, ...] = ()
    refused: SourceError | None = None


def named_sources(settings: Settings) -> list[tuple[str, str]]:
    """Return the folders that are named, and what each has."""
    named = ((settings.cloudtrail, CLOUDTRAIL), (settings.findings, GUARDDUTY), (settings.flows, FLOWS))
    return [(root, source) for root, source in named if root]


def one_of(entities: Mapping[str, str | None]) -> tuple[str, str]:
    """Return the option that is given, and its value.

    Raises:
        StopError: none is given, or several are, or an empty one.
    """
    given = [(option, text) for option, text in entities.items() if text is not None]
    options = ", ".join(f"--{option}" for option in entities)
    if not given:
        raise StopError(WRONG_USE, f"nothing to investigate: name one of {options}")
    if len(given) > 1:
        raise StopError(WRONG_USE, f"one at a time: {' and '.join(f'--{option}' for option, _ in given)} are given")
    [(option, text)] = given
    if not text.strip():
        raise StopError(WRONG_USE, f"--{option} is empty")
    return option, text


def hour_of(option: str, text: str | None) -> datetime | None:
    """Return the instant that an option names, UTC: a day or an hour, as `2026-03-04` or `2026-03-04T10`.

    Raises:
        StopError: it is neither.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise StopError(WRONG_USE, f"{option} {text}: not a day or an hour, write it as 2026-03-04T10") from error
    if not FIRST_DAY.year <= instant.year < date.max.year:
        raise StopError(WRONG_USE, f"{option} {text}: no log is of that year")
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)


def days_to_run(settings: Settings, first: date | None, last: date | None) -> tuple[tuple[date, date], list[str]]:
    """Return the publish days to run: those asked for, else all that the sources have; and what must be left out of them.

    Raises:
        StopError: no source is named, or the sources have nothing on those days.
        SourceError: none of them can be listed.
    """
    if first and last and first > last:
        raise StopError(WRONG_USE, f"--from {first} is after --to {last}")
    sources = named_sources(settings)
    if not sources:
        raise StopError(WRONG_USE, "nothing to read: name a folder with --cloudtrail, --findings or --flows")
    need_java(settings)
    published = [_look_into(settings, root, source, None, (first, last)) for root, source in sources]
    if all(each.refused for each in published) and published[0].refused:
        raise published[0].refused
    days = [day for each in published if each.days for day in each.days]
    left_out = [line for each in published for line in each.left_out]
    if not days:
        span = f" from {first or 'the beginning'} to {last or 'the end'}" if first or last else ""
        expected = " or ".join(f"{root}/{LAYOUTS[source]}" for root, source in sources)
        why = f" ({'; '.join(left_out)})" if left_out else ""
        raise StopError(NOTHING, f"nothing was published{span} as {expected}{why}")
    return (possible_day(first or min(days)), possible_day(last or max(days))), left_out


def published_in(  # noqa: PLR0913, PLR0917  (where, what and when)
    settings: Settings,
    roots: str,
    wanted: str,
    accounts: frozenset[str] | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Published:
    """Return the first and the last day on which something was published in a source, if anything was.

    Raises:
        SourceError: none of its addresses can be listed.
    """
    published = _look_into(settings, roots, wanted, accounts, (first, last))
    if published.refused:
        raise published.refused
    return published


def _look_into(
    settings: Settings,
    roots: str,
    wanted: str,
    accounts: frozenset[str] | None,
    span: tuple[date | None, date | None],
) -> Published:
    failures: list[Failure] = []
    refused: list[tuple[Source, SourceError]] = []
    found: list[date] = []
    sources = open_sources(roots, access_of(settings))
    for source in sources:
        try:
            found += source.days(wanted, *span, accounts, failures.append)
        except SourceError as error:
            refused.append((source, error))
    unlistable = report_refused(refused, len(sources), wanted, failures.append)
    days = [day for day in found if possible_day(day) == day]
    impossible = [day for day in found if possible_day(day) != day]
    left_out = tuple(failure.sentence for failure in failures)
    return Published(
        (min(days), max(days)) if days else None, (*_of_impossible_days(impossible), *left_out), unlistable
    )


def _of_impossible_days(found: list[date]) -> tuple[str, ...]:
    if not found:
        return ()
    days = sorted({f"{day}" for day in found})
    named = ", ".join(days[:SHOWN]) + (f" and {len(days) - SHOWN} more" if len(days) > SHOWN else "")
    today = datetime.now(UTC).date()
    clock = f" (this machine's clock says {today})" if any(day > today for day in found) else ""
    return (f"{counted(len(found), 'object')} below days before CloudTrail began or still to come{clock}: {named}",)


def possible_day(day: date) -> date:
    """Return the day, or the nearest one on which something can have been published."""
    return min(max(day, FIRST_DAY), datetime.now(UTC).date())


def counted(number: int, what: str) -> str:
    """Return a number with what it counts: `1 object`, `2,000 objects`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def need_java(settings: Settings) -> None:
    """Stop if Spark is to run here and there is no Java for it.

    Raises:
        JavaMissingError: none is there, none is new enough, or none can be run.
    """
    if settings.spark_master != ATTACHED and not settings.spark_master.startswith("sc://"):  # these run where they are
        java_home()


def need_lake(settings: Settings) -> None:
    """Stop if there is no lake: to look for one must not make it."""
    if settings.lake.startswith(_ON_S3):
        _need_s3(settings)
        is_there = _of_bucket(settings).has(f"{INGEST_FILES.name}/_delta_log/")
    else:
        is_there = "://" in settings.lake or _is_delta(Path(settings.lake) / INGEST_FILES.name)
    if not is_there:
        raise StopError(
            NOTHING, f"there is no lake in {settings.lake}: make one with `rolescope run`, or name it with --lake"
        )


def _need_s3(settings: Settings) -> None:
    """Stop if a Spark of this machine could not read a lake on S3."""
    from pipelines.jars import S3_COMMAND, has_s3_jars  # noqa: PLC0415  (imports pyspark)

    if not settings.spark_master.startswith("local"):
        return  # that one has what it has
    if settings.lake.startswith("s3://"):
        raise StopError(WRONG_USE, f"the lake {settings.lake}: write it as s3a://…, which is what Spark calls it")
    if not has_s3_jars():
        raise StopError(
            NOTHING,
            f"the lake {settings.lake} needs Hadoop's client of S3, which is not installed: fetch it with `{S3_COMMAND}`",
        )


def _of_bucket(settings: Settings) -> LakeBucket:
    from pipelines.sources.lake_bucket import LakeBucket  # noqa: PLC0415  (boto3)

    return LakeBucket(settings.lake, access_of_lake(settings))


def need_writable(settings: Settings) -> None:
    """Stop if the lake or the reports cannot be written, before an hour is spent on what goes there."""
    is_local = "://" not in settings.lake
    if not is_local and not settings.reports:
        raise StopError(
            WRONG_USE, f"the lake {settings.lake} is no local folder: name one for the reports with --reports"
        )
    need_writable_lake(settings)
    if is_local:
        _no_other_folder(Path(settings.lake), settings.report_folder)
    _try_to_write("reports", settings.report_folder)
    for table in TABLES if is_local else ():
        folder = Path(settings.lake) / table.name
        if folder.exists() and not _is_delta(folder) and (folder.is_file() or any(folder.iterdir())):
            raise StopError(
                NOTHING,
                f"{folder} is in the way: it is no table of a lake; move it, or name another folder with --lake",
            )


def need_writable_lake(settings: Settings) -> None:
    """Stop if the lake cannot be written, whatever becomes of reports."""
    if settings.lake.startswith(_ON_S3):
        _need_s3(settings)
        _of_bucket(settings).try_to_write()
    elif "://" not in settings.lake:
        _try_to_write("lake", Path(settings.lake))


def _no_other_folder(lake: Path, reports: Path) -> None:
    """Stop if the folder has other things in it, and no table: to name it was a slip."""
    if any(_is_delta(lake / table.name) for table in TABLES):
        return
    ours = {*(table.name for table in TABLES), "reports", reports.name, "lost+found"}
    others = sorted(each.name for each in lake.iterdir() if each.name not in ours and each.name[0] not in "._")
    if others:
        named = ", ".join(others[:SHOWN]) + (f" and {len(others) - SHOWN} more" if len(others) > SHOWN else "")
        raise StopError(
            NOTHING,
            f"{lake} is not a lake: it has {named}; name an empty folder, or one that is not there yet, with --lake",
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
