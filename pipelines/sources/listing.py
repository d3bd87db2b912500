"""Sources of any kind by their address: a folder, `s3://bucket/prefix`, `guardduty:`; several with commas between.

Belongs here: which kind an address is, and what is done alike with all of them. Does not: how one is listed or read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from pipelines.sources.aws import Access
from pipelines.sources.failures import Failure, Report
from pipelines.sources.folder import etag_of as etag_of_file
from pipelines.sources.folder import list_objects, path_of, read_object
from pipelines.sources.layout import SourceError, SourceObject

if TYPE_CHECKING:
    from pipelines.settings import Settings

_BETWEEN = re.compile(r",(?=s3a?://)")  # a folder's name, and a list of regions, may have commas


class Source(Protocol):
    """Logs below one address."""

    has_newest_only: bool
    """Whether it has of each object the newest version alone, and has to be asked for all since it was asked last."""

    @property
    def uri(self) -> str:
        """Its address in full, with a slash at its end: all that lies in it begins so."""

    def objects(
        self, wanted: str, first: date, last: date, accounts: frozenset[str] | None, report: Report
    ) -> Iterator[SourceObject]:
        """Yield the objects of some publish days (UTC, both included); report parts that cannot be listed.

        Raises:
            SourceError: nothing can be listed.
        """

    def days(
        self, wanted: str, first: date | None, last: date | None, accounts: frozenset[str] | None, report: Report
    ) -> list[date]:
        """Return publish days on which there is something, among them the first and the last.

        Raises:
            SourceError: nothing can be listed.
        """

    def within(self, prefix: str) -> Source | None:
        """Return the part of it that an address names (itself, if it lies below that), null if that is no part of it."""

    def apply(self, parse: Callable[..., Iterator[Any]], objects: Iterable[Any]) -> Iterator[Any]:
        """Return what `parse` makes of objects and of a function that reads them: on a worker, to which this is sent."""


class Folder:
    """Logs in a folder that driver and workers share."""

    has_newest_only = False

    def __init__(self, root: str) -> None:
        """Take the folder."""
        self._root = root

    @property
    def uri(self) -> str:
        """Its address in full."""
        return f"file://{quote(os.fsencode(path_of(self._root).resolve()))}/"

    def objects(
        self, wanted: str, first: date, last: date, accounts: frozenset[str] | None, report: Report
    ) -> Iterator[SourceObject]:
        """Yield them, oldest first."""
        yield from list_objects(self._root, wanted, first, last, accounts, report)

    def days(
        self, wanted: str, first: date | None, last: date | None, accounts: frozenset[str] | None, report: Report
    ) -> list[date]:
        """Return the day of each object."""
        listed = list_objects(self._root, wanted, first, last, accounts, report)
        return [each.publish_date for each in listed if each.skipped is None]

    def within(self, prefix: str) -> Folder | None:
        """Return the part of it that an address names, null if that is no part of it."""
        if prefix.startswith(self.uri):
            return Folder(prefix)
        return self if self.uri.startswith(prefix) else None

    def apply(self, parse: Callable[..., Iterator[Any]], objects: Iterable[Any]) -> Iterator[Any]:
        """Read one after the other: a disk needs no more."""
        return parse(objects, read_object)


def open_source(root: str, access: Access) -> Source:
    """Return the source at one address.

    Raises:
        SourceError: the address is none.
    """
    if root.startswith(("s3://", "s3a://")):
        from pipelines.sources.s3 import Bucket  # noqa: PLC0415  (boto3: half a second that a local night need not spend)

        return Bucket(root, access)
    if root.startswith("guardduty:"):
        from pipelines.sources.guardduty import FindingsOfApi  # noqa: PLC0415

        return FindingsOfApi(root, access)
    scheme, is_url, _ = root.partition("://")
    if is_url and scheme != "file":
        raise SourceError(f"{root}: no such kind of address: name a folder, or s3://bucket/prefix")
    return Folder(root)


def open_sources(roots: str, access: Access) -> list[Source]:
    """Return the sources of a setting, which may name several."""
    return [open_source(root, access) for root in _BETWEEN.split(roots)]


def report_refused(
    refused: list[tuple[Source, SourceError]], number: int, wanted: str, report: Report
) -> SourceError | None:
    """Report sources of a setting that cannot be listed at all: of several buckets one that is denied does not stop the others.

    Returns:
        What is wrong with the first, if all `number` of them are refused: the run goes on if there is anything else to read.

    Raises:
        SourceError: none of them has anything of the kind. Whoever named them meant others.
    """
    is_whole = bool(refused) and len(refused) == number
    if is_whole and all(error.is_empty for _, error in refused):
        raise refused[0][1]
    for source, error in refused:
        report(Failure(wanted, source.uri, None, None, None, None, str(error).removeprefix(f"{wanted}: ")))
    return refused[0][1] if is_whole else None


def access_of(settings: Settings) -> Access:
    """Return how the settings say that AWS is reached."""
    return Access(
        region=settings.aws_region,
        endpoint=settings.s3_endpoint,
        role=settings.aws_role,
        external_id=settings.aws_external_id,
        requester_pays=settings.s3_requester_pays,
        threads=settings.s3_threads,
    )


def access_of_lake(settings: Settings) -> Access:
    """Return how a lake in a bucket is reached: the role of the logs is not assumed for it."""
    return replace(access_of(settings), role=None, external_id=None, attempts=3)


def read_again(uri: str, access: Access) -> bytes:
    """Return the bytes that lie at an object's address now.

    Raises:
        OSError: nothing does, or it cannot be read.
        SourceError: objects there cannot be read one by one.
    """
    if uri.startswith("s3://"):
        from pipelines.sources.s3_objects import read_object as read_from_s3  # noqa: PLC0415

        return read_from_s3(uri, None, access)
    return read_object(uri)


def etag_of(uri: str, access: Access) -> str:
    """Return the version of the object that lies at an address now.

    Raises:
        OSError: nothing does, or it cannot be read.
    """
    if uri.startswith("s3://"):
        from pipelines.sources.s3_objects import etag_of as etag_in_s3  # noqa: PLC0415

        return etag_in_s3(uri, access)
    return etag_of_file(uri)
