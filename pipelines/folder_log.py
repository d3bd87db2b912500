"""The log of a Delta table in a folder of this machine: which files the table has and had, read in this process in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import orjson
import pyarrow as pa
from deltalake import DeltaTable

if TYPE_CHECKING:
    from expectations.contract import Table

_ROUNDED = timedelta(milliseconds=1)  # Spark cuts the times of its statistics to milliseconds
_ANEW = "make the lake anew from its logs in another folder: rolescope backfill --lake OTHER --cloudtrail …"


class File(NamedTuple):
    """A file of the table, as its log has it: path below the table's folder, day of its partition, least and greatest values."""

    path: str
    day: date | None
    known: Mapping[str, Any]

    @property
    def row_count(self) -> int:
        """How many rows it has."""
        return int(self.known["num_records"])

    def may_have(self, column: str, first: date, end: date) -> bool:
        """Whether a row of it may have a time from the day `first` on and before the day `end` (UTC)."""
        least, greatest = self.known.get(f"min.{column}"), self.known.get(f"max.{column}")
        if least is None or greatest is None:
            return True
        return bool(least < _midnight(end) and greatest + _ROUNDED >= _midnight(first))


class ChangesGoneError(Exception):
    """What changed since a version cannot be told any more; the message says what to do."""


class FolderLog:
    """One table's log. Nothing is remembered: what it says is asked each time."""

    def __init__(self, table: Table, path: str) -> None:
        """Take the log of the table that lies in the folder `path`."""
        self._table = table
        self._path = path

    def files(self, version: int | None = None) -> list[File]:
        """Return the files of a version, else of the newest."""
        actions = pa.table(DeltaTable(self._path, version=version).get_add_actions(flatten=True)).to_pylist()
        day = f"partition.{self._table.partitioned_by}"
        return [File(unquote(action["path"]), action.get(day), action) for action in actions]

    def exchanged(self, since: int, kept_from: date = date.min) -> tuple[list[File], list[File]]:
        """Return the files whose rows the table has no more, and those whose rows it has got, since a version.

        Those of days before `kept_from` have expired and are left out, whether they are still on the disk or not.

        A compaction says of its files that their rows were there before: they are not among them. What it replaced may be: such a
        file is on the disk until VACUUM, which upkeep lets run when nobody has to read it any more.

        Raises:
            ChangesGoneError: the log no longer has all commits since, or VACUUM has deleted a file.
        """
        gone: dict[str, File] = {}
        came: dict[str, File] = {}
        for version in range(since + 1, DeltaTable(self._path).version() + 1):
            for kind, action in self._actions(version):
                path = unquote(action["path"])
                day = self._day(action, path)
                if day is not None and day < kept_from:
                    continue
                new, old = (came, gone) if kind == "add" else (gone, came)
                if old.pop(path, None) is None:
                    new[path] = File(path, day, {})
        lost = next((path for path in (*gone, *came) if not Path(self._path, path).exists()), None)
        if lost is not None:
            raise ChangesGoneError(f"{self._path}: {lost}, with changes since version {since}, was deleted; {_ANEW}")
        return list(gone.values()), list(came.values())

    def _actions(self, version: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Return what a commit added and removed, where that changed the rows of the table."""
        try:
            lines = Path(self._path, "_delta_log", f"{version:020}.json").read_bytes().splitlines()
        except FileNotFoundError as error:
            raise ChangesGoneError(f"{self._path}: the log has no version {version} any more; {_ANEW}") from error
        for line in lines:
            for kind, action in orjson.loads(line).items():
                if kind in {"add", "remove"} and action.get("dataChange", True):
                    yield kind, action

    def _day(self, action: dict[str, Any], path: str) -> date | None:
        """Return the day of a file's partition: by what the log says, else by where it lies."""
        name = self._table.partitioned_by
        if name is None:
            return None
        said = (action.get("partitionValues") or {}).get(name)
        in_path = re.search(rf"(?:^|/){re.escape(name)}=(\d{{4}}-\d\d-\d\d)/", path)
        told = said or (in_path.group(1) if in_path else None)
        return date.fromisoformat(told) if told else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
