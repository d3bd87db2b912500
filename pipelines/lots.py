"""Lots: new objects of a source, as many at a time as are read in one go.

Nothing here grows with the listing: it comes as a stream, and what the ledger knows of it is held for some days at a time, sixteen
bytes an object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from hashlib import blake2b

from expectations.tables import INGEST_FILES
from pipelines.lake import Lake
from pipelines.sources.layout import SourceObject

_AT_A_TIME = 1_000_000  # objects of the ledger, or those of a day if there are more


def lots(
    listed: Iterable[SourceObject], known: Ledger, most_objects: int, most_bytes: int
) -> Iterator[list[SourceObject]]:
    """Yield the objects that the ledger does not know, each lot in order of day and address."""
    lot: list[SourceObject] = []
    size = 0
    for each in listed:
        if each in known:
            continue
        lot.append(each)
        size += each.size
        if len(lot) >= most_objects or size >= most_bytes:
            yield _in_order(lot)
            lot, size = [], 0
    if lot:
        yield _in_order(lot)


def _in_order(lot: list[SourceObject]) -> list[SourceObject]:
    return sorted(lot, key=lambda each: (each.publish_date, each.uri))


class Ledger:
    """Which objects the ledger had when the run began to list: those of the days that are listed, some days at a time."""

    def __init__(self, lake: Lake, first: date, last: date) -> None:
        """Look at the publish days from `first` to `last`."""
        self._lake = lake
        self._days = first, last
        self._loaded: dict[tuple[date, date], set[bytes]] = {}

    @cached_property
    def _ranges(self) -> list[tuple[date, date]]:
        return list(_ranges(self._lake, *self._days))

    def __contains__(self, each: SourceObject) -> bool:
        """Whether this version of the object has been read."""
        days = next((days for days in self._ranges if days[0] <= each.publish_date <= days[1]), None)
        if days is None:
            return False
        if days not in self._loaded:
            while len(self._loaded) > 1:  # the days before, and those before them: a listing goes forward in time
                self._loaded.pop(min(self._loaded))
            self._loaded[days] = self._read(days)
        return _digest(each.uri, each.etag) in self._loaded[days]

    def _read(self, days: tuple[date, date]) -> set[bytes]:
        of_days = _between(*days)
        rows = self._lake.read_arrow(INGEST_FILES, ["uri", "etag"], of_days)
        return {
            _digest(uri, etag)
            for batch in rows.to_batches(max_chunksize=10_000)
            for uri, etag in zip(batch["uri"].to_pylist(), batch["etag"].to_pylist(), strict=True)
        }


def _ranges(lake: Lake, first: date, last: date) -> Iterator[tuple[date, date]]:
    """Divide the days on which the ledger has objects, so that none of the parts has too many."""
    if lake.version(INGEST_FILES) == 0:
        return
    counts = lake.read_rows(
        INGEST_FILES, ["publish_date", "count(*) AS objects"], _between(first, last), group_by=["publish_date"]
    )
    begin: date | None = None
    end, objects = first, 0
    for row in sorted(counts, key=lambda row: row["publish_date"]):
        if begin is not None and objects + row["objects"] > _AT_A_TIME:
            yield begin, end
            begin, objects = None, 0
        begin, end, objects = begin or row["publish_date"], row["publish_date"], objects + row["objects"]
    if begin is not None:
        yield begin, end


def _between(first: date, last: date) -> str:
    return f"publish_date BETWEEN DATE'{first}' AND DATE'{last}'"


def _digest(uri: str, etag: str) -> bytes:
    return blake2b(f"{uri}\n{etag}".encode(), digest_size=16).digest()
