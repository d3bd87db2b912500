"""A folder with logs in the layout of S3: `[prefix/]AWSLogs/[<org>/]<account>/<kind>/<region>/YYYY/MM/DD/[HH/]<object>`.

Listing goes down to the days asked for and no further: at scale CloudTrail is a listing problem first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from urllib.parse import quote, unquote_to_bytes

CLOUDTRAIL, DIGESTS, GUARDDUTY, FLOWS = "cloudtrail", "cloudtrail-digest", "guardduty", "vpcflowlogs"
LAYOUTS = {
    CLOUDTRAIL: "AWSLogs/<account>/CloudTrail/<region>/YYYY/MM/DD/*.json.gz",
    DIGESTS: "AWSLogs/<account>/CloudTrail-Digest/<region>/YYYY/MM/DD/*.json.gz",
    GUARDDUTY: "AWSLogs/<account>/GuardDuty/<region>/YYYY/MM/DD/*.jsonl.gz",
    FLOWS: "AWSLogs/<account>/vpcflowlogs/<region>/YYYY/MM/DD/*.log.gz",
}

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
_ENDINGS = {
    CLOUDTRAIL: (".json.gz", ".json"),
    DIGESTS: (".json.gz", ".json"),
    GUARDDUTY: (".jsonl.gz", ".jsonl", ".json.gz", ".json"),
    FLOWS: (".log.gz", ".log", ".parquet"),
}
# Flow logs may lie in Hive's way, and in hours below their day: `aws-account-id=<account>/aws-service=vpcflowlogs/…/hour=HH`.
_HIVE = re.compile(r"^(aws-account-id|aws-service|aws-region|year|month|day|hour)=")
_HOUR = re.compile(r"[0-9]{2}")
_DEEPEST_PREFIX = 8
_DEEPEST_DAY = 4  # <region>/YYYY/MM/DD


class SourceError(Exception):
    """The folder is missing, unreadable, or holds something else; the message says which, and what is expected."""


@dataclass(frozen=True)
class SourceObject:
    """An object of a source: what its path says of it."""

    uri: str
    etag: str
    size: int
    source: str
    account_id: str
    region: str
    publish_date: date
    skipped: str | None = None
    """Why it is not for us, null if it is."""


@dataclass(frozen=True)
class _Kind:
    folder: Path
    source: str
    account_id: str


def list_objects(
    root: str, wanted: str, first: date | None = None, last: date | None = None, accounts: frozenset[str] | None = None
) -> list[SourceObject]:
    """Return the objects published from `first` to `last` (UTC days, both included; all if not given), oldest first.

    Objects beside the wanted source that nobody reads (insights, configurations) are in the list as skipped, so that they can be
    counted; digests lie beside the logs and are listed alone. An object that cannot be opened (a link to nowhere) is there like any
    other: whoever reads it finds out.

    Raises:
        SourceError: there is no such folder, it is not readable, or nothing below it has the layout of `wanted`. A trail need not
            write digests: to have none is no error.
    """
    folder = Path(root)
    try:
        if not folder.is_dir():
            what = f"{root} is a file, not a folder" if folder.exists() else f"there is no folder {root}"
            raise SourceError(f"{wanted}: {what}")
        kinds = list(_kinds(folder.resolve()))
        if wanted != DIGESTS and not any(kind.source == wanted for kind in kinds):
            raise SourceError(_nothing_like(folder, wanted))
        left_to_others = (
            {*_KINDS.values()} if wanted == DIGESTS else {*LAYOUTS}
        )  # each is listed by the one who wants it
        left_to_others -= {wanted}
        chosen = [k for k in kinds if k.source not in left_to_others and (accounts is None or k.account_id in accounts)]
        found = [each for kind in chosen for each in _objects(kind, wanted, first, last)]
    except OSError as error:
        raise SourceError(f"{wanted}: {error.filename or root} cannot be listed ({error.strerror})") from error
    return sorted(found, key=lambda each: (each.publish_date, each.uri))


def read_object(uri: str) -> bytes:
    """Return the bytes of an object, as they are stored.

    Raises:
        OSError: it is gone, or not readable.
    """
    path = unquote_to_bytes(uri.removeprefix("file://"))
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
    return _etag(os.stat(unquote_to_bytes(uri.removeprefix("file://"))))


def _etag(stat: os.stat_result) -> str:
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _nothing_like(folder: Path, wanted: str) -> str:
    there = sorted(entry.name for entry in folder.iterdir())
    listed = ", ".join(there[:3]) + (f" and {len(there) - 3} more" if len(there) > 3 else "")
    has = f"it has {listed}" if there else "it is empty"
    return f"{wanted}: no {LAYOUTS[wanted]} below {folder}; {has}"


def _kinds(folder: Path) -> Iterator[_Kind]:
    """Find `<account>/<kind>` folders: below the folder, or above it where a user names a folder inside."""
    parts = _plain(folder)
    for index in range(len(parts) - 1):
        if _ACCOUNT.match(parts[index]) and parts[index + 1] in _KINDS:
            yield _Kind(folder, _KINDS[parts[index + 1]], parts[index])
            return
    yield from _kinds_below(folder, _DEEPEST_PREFIX)


def _kinds_below(folder: Path, levels: int) -> Iterator[_Kind]:
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir():
            continue
        *_, account, kind = _plain(entry)
        if _ACCOUNT.match(account) and kind in _KINDS:
            yield _Kind(entry, _KINDS[kind], account)
        elif levels > 1:
            yield from _kinds_below(entry, levels - 1)


def _objects(kind: _Kind, wanted: str, first: date | None, last: date | None) -> Iterator[SourceObject]:
    for day, folder in _days(kind.folder):
        if (first and day < first) or (last and day > last):
            continue
        region = _region(folder)
        for place in [folder, *_hours(kind.source, folder)]:
            for entry, stat in _entries(place):
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


def _entries(folder: Path) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            stat = _stat(entry)
            if stat is not None:
                yield entry, stat


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
    if not name.endswith(_ENDINGS[wanted]):
        return f"not one of {', '.join(_ENDINGS[wanted])}"
    return None


def _days(folder: Path, levels: int = _DEEPEST_DAY) -> Iterator[tuple[date, Path]]:
    """Find the day folders `<region>/YYYY/MM/DD` at or below a folder, whichever of their parents it is."""
    parts = _plain(folder)
    if _HOUR.fullmatch(parts[-1]) and _DAY.fullmatch("/".join(parts[-4:-1])):  # a user named an hour
        parts = parts[:-1]
    if _DAY.fullmatch("/".join(parts[-3:])):
        with suppress(ValueError):  # no such day
            yield date(*map(int, parts[-3:])), folder
        return
    for entry in sorted(folder.iterdir()) if levels else ():
        if entry.is_dir():
            yield from _days(entry, levels - 1)


def _hours(source: str, day: Path) -> list[Path]:
    """Return the folders of a day's hours, which flow logs alone have."""
    if source != FLOWS:
        return []
    return sorted(entry for entry in day.iterdir() if _is_hour(entry.name) and entry.is_dir())


def _is_hour(name: str) -> bool:
    return _HOUR.fullmatch(_HIVE.sub("", name)) is not None


def _region(day: Path) -> str:
    """Return the region of a day's folder, or of one of its hours."""
    parts = _plain(day)
    return parts[-5] if _DAY.fullmatch("/".join(parts[-4:-1])) else parts[-4]


def _plain(folder: Path) -> tuple[str, ...]:
    """Return the parts of a path as they are called without Hive's names before them."""
    return tuple(_HIVE.sub("", part) for part in folder.parts)
