"""A folder with logs in the layout of S3: `[prefix/]AWSLogs/[<org>/]<account>/<kind>/<region>/YYYY/MM/DD/[HH/]<object>`.

Listing goes down to the days asked for and no further: at scale CloudTrail is a listing problem first.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from urllib.parse import quote, unquote_to_bytes

from pipelines.sources.failures import Failure, Report
from pipelines.sources.layout import (
    CLOUDTRAIL,
    DIGESTS,
    FLOWS,
    GUARDDUTY,
    LAYOUTS,
    SourceError,
    SourceObject,
    ending_problem,
    plain_name,
)
from transforms.cloudtrail.objects import LeftError

_ACCOUNT = re.compile(r"^[0-9]{12}\Z")
_DAY = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}")
_KINDS = {
    "CloudTrail": CLOUDTRAIL,
    "GuardDuty": GUARDDUTY,
    "CloudTrail-Digest": DIGESTS,
    "CloudTrail-Insight": "cloudtrail-insight",
    "CloudTrail-Aggregated": "cloudtrail-aggregated",
    "Config": "config",
    "vpcflowlogs": FLOWS,
}
_HOUR = re.compile(r"[0-9]{2}")
_FOR_GOOD = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG})
_DEEPEST_PREFIX = 8
_DEEPEST_DAY = 4  # <region>/YYYY/MM/DD


@dataclass(frozen=True)
class _Kind:
    folder: Path
    source: str
    account_id: str


_Refuse = Callable[[Path, OSError], None]


def list_objects(  # noqa: PLR0913, PLR0917  (what to look for, and whom to tell)
    root: str,
    wanted: str,
    first: date | None = None,
    last: date | None = None,
    accounts: frozenset[str] | None = None,
    report: Report | None = None,
) -> list[SourceObject]:
    """Return the objects published from `first` to `last` (UTC days, both included; all if not given), oldest first.

    Objects beside the wanted source that nobody reads (insights, configurations) are in the list as skipped, so that they can be
    counted; digests lie beside the logs and are listed alone. An object that cannot be opened (a link to nowhere) is there like any
    other: whoever reads it finds out. A folder below the one that is named which cannot be listed is reported, if there is anybody
    to report it to, and the others are listed.

    Raises:
        SourceError: there is no such folder, it is not readable, or nothing below it has the layout of `wanted`. A trail need not
            write digests: to have none is no error.
    """
    folder = path_of(root)
    refused: list[Failure] = []

    def refuse(part: Path, error: OSError) -> None:
        if report is None or part == folder.resolve():
            raise error
        refused.append(_failure(part, wanted, (first, last), error))

    try:
        if not folder.is_dir():
            what = f"{root} is a file, not a folder" if folder.exists() else f"there is no folder {root}"
            raise SourceError(f"{wanted}: {what}", is_empty=True)
        kinds = list(_kinds(folder.resolve(), refuse))
        if refused and not kinds:
            raise SourceError(f"{wanted}: {refused[0].prefix} {refused[0].reason}")
        if wanted != DIGESTS and not any(kind.source == wanted for kind in kinds):
            raise SourceError(_nothing_like(folder, wanted), is_empty=True)
        left_to_others = (
            {*_KINDS.values()} if wanted == DIGESTS else {*LAYOUTS}
        )  # each is listed by the one who wants it
        left_to_others -= {wanted}
        chosen = [k for k in kinds if k.source not in left_to_others and (accounts is None or k.account_id in accounts)]
        found = [each for kind in chosen for each in _objects(kind, wanted, (first, last), refuse)]
    except OSError as error:
        raise SourceError(f"{wanted}: {error.filename or root} cannot be listed ({error.strerror})") from error
    for failure in refused:
        if report is not None and (accounts is None or failure.account_id is None or failure.account_id in accounts):
            report(failure)
    return sorted(found, key=lambda each: (each.publish_date, each.uri))


def read_object(uri: str) -> bytes:
    """Return the bytes of an object, as they are stored.

    Raises:
        LeftError: it may be readable another time.
        OSError: it is gone, or none that can be read.
    """
    try:
        return _bytes_of(_path_of(uri))
    except OSError as error:
        if error.errno in _FOR_GOOD:
            raise
        raise LeftError(error.strerror or str(error)) from error


def _bytes_of(path: bytes) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # four system calls; `open` and `read` make seven
    try:
        size = os.fstat(file).st_size
        data = os.read(file, size + 1)
    finally:
        os.close(file)
    if len(data) == size:
        return data
    with open(path, "rb", buffering=0) as whole:  # it grows meanwhile, or is too large for one call
        return whole.read()


def etag_of(uri: str) -> str:
    """Return the version of an object as it lies there now.

    Raises:
        OSError: it is gone, or not readable.
    """
    return _etag(os.stat(_path_of(uri)))


def _path_of(uri: str) -> bytes:
    return unquote_to_bytes(uri.removeprefix("file://"))


def path_of(root: str) -> Path:
    """Return the folder that a user, or an address, names."""
    return Path(os.fsdecode(_path_of(root)) if root.startswith("file://") else root)


def _failure(part: Path, source: str, span: tuple[date | None, date | None], error: OSError) -> Failure:
    parts = part.parts
    at = next((n for n in reversed(range(len(parts))) if _ACCOUNT.match(parts[n])), None)
    account_id = parts[at] if at is not None else None
    region = parts[at + 2] if at is not None and len(parts) > at + 2 else None
    day = _day_of(_plain(part))
    first, last = (day, day) if day else span
    prefix = f"file://{quote(os.fsencode(part))}/"
    return Failure(source, prefix, account_id, region, first, last, f"cannot be listed ({error.strerror})")


def _etag(stat: os.stat_result) -> str:
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _nothing_like(folder: Path, wanted: str) -> str:
    there = sorted(entry.name for entry in folder.iterdir())
    listed = ", ".join(there[:3]) + (f" and {len(there) - 3} more" if len(there) > 3 else "")
    has = f"it has {listed}" if there else "it is empty"
    return f"{wanted}: no {LAYOUTS[wanted]} below {folder}; {has}"


def _kinds(folder: Path, refuse: _Refuse) -> Iterator[_Kind]:
    """Find `<account>/<kind>` folders: below the folder, or above it where a user names a folder inside."""
    parts = _plain(folder)
    for index in range(len(parts) - 1):
        if _ACCOUNT.match(parts[index]) and parts[index + 1] in _KINDS:
            yield _Kind(folder, _KINDS[parts[index + 1]], parts[index])
            return
    yield from _kinds_below(folder, _DEEPEST_PREFIX, refuse)


def _folders_in(folder: Path, refuse: _Refuse) -> list[Path]:
    try:
        return [entry for entry in sorted(folder.iterdir()) if entry.is_dir()]
    except OSError as error:
        refuse(folder, error)
        return []


def _kinds_below(folder: Path, levels: int, refuse: _Refuse) -> Iterator[_Kind]:
    for entry in _folders_in(folder, refuse):
        *_, account, kind = _plain(entry)
        if _ACCOUNT.match(account) and kind in _KINDS:
            yield _Kind(entry, _KINDS[kind], account)
        elif levels > 1:
            yield from _kinds_below(entry, levels - 1, refuse)


def _objects(
    kind: _Kind, wanted: str, span: tuple[date | None, date | None], refuse: _Refuse
) -> Iterator[SourceObject]:
    first, last = span
    for day, folder in _days(kind.folder, refuse):
        if (first and day < first) or (last and day > last):
            continue
        region = _region(folder)
        for place in [folder, *_hours(kind.source, folder, refuse)]:
            for entry, stat in _entries(place, refuse):
                if place == folder and kind.source == FLOWS and _is_hour(entry.name) and S_ISDIR(stat.st_mode):
                    continue  # looked into
                yield SourceObject(
                    uri=f"file://{quote(os.fsencode(entry.path))}",  # a name need not be UTF-8
                    etag=_etag(stat),
                    size=stat.st_size,
                    source=kind.source,
                    account_id=kind.account_id,
                    region=region,
                    publish_date=day,
                    skipped=_why_skipped(kind.source, wanted, entry.name, stat.st_mode),
                )


def _entries(folder: Path, refuse: _Refuse) -> list[tuple[os.DirEntry[str], os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            return [(entry, stat) for entry in entries if (stat := _stat(entry)) is not None]
    except OSError as error:
        refuse(folder, error)
        return []


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return what is known of a file; of the link itself, where it leads nowhere; null if it is gone meanwhile."""
    for follow in (True, False):
        with suppress(OSError):
            return entry.stat(follow_symlinks=follow)
    return None


def _why_skipped(source: str, wanted: str, name: str, mode: int) -> str | None:
    if source != wanted:
        return f"{source}, not {wanted}"
    if S_ISDIR(mode):
        return "a folder, not an object"
    if not (S_ISREG(mode) or S_ISLNK(mode)):
        return "not a file"  # reading a pipe could wait for ever
    return ending_problem(wanted, name)


def _days(folder: Path, refuse: _Refuse, levels: int = _DEEPEST_DAY) -> Iterator[tuple[date, Path]]:
    """Find the day folders `<region>/YYYY/MM/DD` at or below a folder, whichever of their parents it is."""
    parts = _plain(folder)
    if _HOUR.fullmatch(parts[-1]) and _DAY.fullmatch("/".join(parts[-4:-1])):  # a user named an hour
        parts = parts[:-1]
    if _DAY.fullmatch("/".join(parts[-3:])):
        if day := _day_of(parts):
            yield day, folder
        return
    for entry in _folders_in(folder, refuse) if levels else ():
        yield from _days(entry, refuse, levels - 1)


def _hours(source: str, day: Path, refuse: _Refuse) -> list[Path]:
    """Return the folders of a day's hours, which flow logs alone have."""
    if source != FLOWS:
        return []
    return [entry for entry in _folders_in(day, refuse) if _is_hour(entry.name)]


def _is_hour(name: str) -> bool:
    return _HOUR.fullmatch(plain_name(name)) is not None


def _region(day: Path) -> str:
    """Return the region of a day's folder, or of one of its hours."""
    parts = _plain(day)
    return parts[-5] if _DAY.fullmatch("/".join(parts[-4:-1])) else parts[-4]


def _plain(folder: Path) -> tuple[str, ...]:
    """Return the parts of a path as they are called without Hive's names before them."""
    return tuple(map(plain_name, folder.parts))


def _day_of(parts: tuple[str, ...]) -> date | None:
    """Return the day that the parts of a folder's path end with, null if it is none."""
    if _DAY.fullmatch("/".join(parts[-3:])):
        with suppress(ValueError):  # no such day
            return date(*map(int, parts[-3:]))
    return None
