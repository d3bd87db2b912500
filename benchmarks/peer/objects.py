"""The objects that the peer reads: those of CloudTrail below a folder, in portions that fit into memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

PORTION = 200 << 20  # bytes of gzip: about a million events, 4 GB while they are read


class LogObject(NamedTuple):
    """A log object: where it is, how many bytes of gzip, and the day of its path (YYYY/MM/DD)."""

    path: str
    size: int
    day: str


def list_objects(logs: Path, days: Iterable[date] | None = None) -> list[LogObject]:
    """Return the objects in order of their days; of some days only, without a look at the others' folders."""
    wanted = None if days is None else {f"{day:%Y/%m/%d}" for day in days}
    found = list(_below(logs, wanted))
    return sorted(found, key=lambda each: (each.day, each.path))


def portions(objects: list[LogObject], most: int = PORTION) -> Iterator[list[LogObject]]:
    """Yield consecutive objects of at most so many bytes together, or a single larger one."""
    portion: list[LogObject] = []
    size = 0
    for each in objects:
        if portion and size + each.size > most:
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += each.size
    if portion:
        yield portion


def _below(logs: Path, wanted: set[str] | None) -> Iterator[LogObject]:
    for trail in sorted(logs.rglob("CloudTrail")):
        for region in sorted(each for each in trail.iterdir() if each.is_dir()):
            for folder in _days(region) if wanted is None else (region / day for day in sorted(wanted)):
                yield from _in(folder)


def _days(region: Path) -> Iterator[Path]:
    return region.glob("*/*/*")


def _in(folder: Path) -> Iterator[LogObject]:
    if not folder.is_dir():
        return
    day = "/".join(folder.parts[-3:])
    with os.scandir(folder) as entries:
        for entry in entries:
            if "_CloudTrail_" in entry.name and entry.name.endswith(".json.gz"):
                yield LogObject(entry.path, entry.stat().st_size, day)
