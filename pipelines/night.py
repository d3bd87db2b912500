"""What a run works with: the lake, the settings, whom it tells, and what it knows of how far each table is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

# Whole, before any thread begins: Great Expectations imports it in one while Dagster's queries in another already ask it to
# inspect what they select, and half of it knows no answer (a run ended so).
import sqlalchemy.orm  # noqa: F401
from pyspark.sql import functions as F

from expectations.contract import Table
from expectations.suites import load_expectations
from expectations.tables import INGEST_FILES, TABLES
from pipelines.context import read_context
from pipelines.lake import Consumed, Lake
from pipelines.lock import lake_lock
from pipelines.migration import agree
from pipelines.progress import Progress, Silent
from pipelines.settings import Settings
from pipelines.sources.listing import access_of_lake
from pipelines.spark import FEW_ROWS, MANY_ROWS, s3a_settings, spark_session
from transforms.investigations.context import Context

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Records. Of 104,000 events all tables took 189 s with queries for few rows and 212 s with those for many; of 310,000, 294 and 260 s.
_LARGE = 200_000

ACCOUNTS_TAG = "rolescope/accounts"
"""Tag of a run that ingests the objects of some accounts only: their numbers, with commas between."""

FIRST_DAY_TAG = "rolescope/first_day"
"""Tag of a run that goes further back than the partitions it is recorded under."""


@dataclass
class Night:
    """One run over the lake. Dagster hands it to every asset; the Spark session begins when the first one needs it."""

    settings: Settings
    progress: Progress = field(default_factory=Silent)
    rows_read: int = 0
    """Records of the objects that this run has ingested: how much there is to do."""
    warnings: list[str] = field(default_factory=list)
    """What the run left undone without failing, in sentences."""

    is_writing: bool = False
    """Whether it holds the lake: only then may it change what it finds there."""

    confirm_hold: Callable[[], None] = field(default=lambda: None, repr=False)
    """Called before a write: raises LakeHeldError if another run took the lake over, because this one was silent for too long."""

    _opening: Lock = field(default_factory=Lock, repr=False)
    _lake: Lake | None = field(default=None, repr=False)

    @contextmanager
    def writing(self, what: str) -> Iterator[None]:
        """Hold the lake while inside, to write to it; `what` is what the next run is told.

        Raises:
            LakeHeldError: another run holds it, and did not end in time.
        """
        access, wait = access_of_lake(self.settings), self.settings.lock_wait_minutes
        with lake_lock(self.settings.lake_uri, what, self.progress, wait, access) as confirm:
            before = self.is_writing, self.confirm_hold
            self.is_writing, self.confirm_hold = True, confirm
            try:
                yield
            finally:
                self.is_writing, self.confirm_hold = before

    @property
    def lake(self) -> Lake:
        """The lake of the settings, with all its tables."""
        with self._opening:
            if self._lake is None:
                lake = Lake(self.settings.lake_uri, self._begin_spark)
                for sentence in agree(lake, may_change=self.is_writing):
                    self.progress.tell("lake", sentence)
                lake.open(TABLES)
                self._lake = lake
            return self._lake

    def lake_as_it_is(self) -> Lake:
        """Return the lake for somebody who reads rows of it: whatever is not there is not made."""
        lake = Lake(self.settings.lake_uri, self._begin_spark, makes_tables=False)
        agree(lake, may_change=False)
        return lake

    @cached_property
    def context(self) -> Context:
        """What the organisation says of itself, as its file says it when the run first asks."""
        return read_context(self.settings.context)

    def _begin_spark(self) -> SparkSession:
        self.progress.tell("lake", "starting Spark")
        settings = self.settings
        on_s3 = settings.lake.startswith("s3a://")
        hadoop = s3a_settings(
            endpoint=settings.s3_endpoint, region=settings.aws_region, requester_pays=settings.s3_requester_pays
        )
        return spark_session(settings.spark_master, memory=settings.spark_memory, hadoop=hadoop if on_s3 else None)

    def open_early(self) -> None:
        """Begin to open the lake while the caller does something else, and all else if it is a new one: it has news for certain."""

        def open_it() -> None:
            if self.lake.version(INGEST_FILES) == 0:
                self.begin_early()

        _begin(open_it)

    def begin_early(self) -> None:
        """Begin Spark, and load what checks its rows, while the caller does something else. For a night that has news."""
        _begin(lambda: self.lake.spark)
        _begin(load_expectations)

    @property
    def is_large(self) -> bool:
        """Whether the run has brought so much that its queries are of many rows."""
        return self.rows_read > _LARGE

    @property
    def is_on_one_machine(self) -> bool:
        """Whether Spark's workers and the lake are here, so that they have a folder in common."""
        return self.lake.is_local and self.settings.spark_master.startswith("local")

    def expect_rows(self, *, many: bool) -> None:
        """Have a local Spark run its queries as suits few rows, or many.

        A night has hundreds of queries, each another one: with few rows compiling them takes longer than running them, with
        many it pays (a million events: a fifth of the time). A cluster keeps its own setting.
        """
        if self.settings.spark_master.startswith("local"):
            for key, value in (MANY_ROWS if many else FEW_ROWS).items():
                self.lake.spark.conf.set(key, value)

    def read_once(self, rows: DataFrame) -> DataFrame:
        """Keep rows of the lake that a stage looks at several times, where they are few: to open a file for each day costs more.

        Many are read each time, and of them only the columns that are asked for.
        """
        return rows if self.is_large else rows.localCheckpoint()

    # -- what changed ------------------------------------------------------------------------------------------------

    def versions(self, upstream: Iterable[Table]) -> dict[str, int]:
        """Return the newest version of each table: what a stage that starts now is going to have consumed."""
        return {table.name: self.lake.version(table) for table in upstream}

    def since(self, table: Table, upstream: Table) -> int:
        """Return the version of `upstream` that `table` has consumed; -1 if it has not begun."""
        return self.lake.consumed(table).versions.get(upstream.name, -1)

    def fact(self, table: Table, name: str) -> Any:
        """Return a fact of the lake that was used when `table` was written last."""
        return self.lake.consumed(table).facts.get(name)

    def has_news(self, table: Table, upstream: Iterable[Table]) -> bool:
        """Whether an upstream table has rows that `table` has not consumed, or has lost some."""
        return any(self.lake.has_changes(each, self.since(table, each)) for each in upstream)

    def changed(self, table: Table, upstream: Table, *columns: str) -> DataFrame:
        """Return rows that came into or went out of `upstream` since `table` consumed it, in these columns."""
        return self.lake.changes(upstream, self.since(table, upstream), *columns)

    def touched_days(self, table: Table, upstream: Table) -> list[date | None]:
        """Return the partitions of `upstream` that were written since `table` consumed it."""
        return self.lake.touched_days(upstream, self.since(table, upstream))


def _begin(work: Callable[[], object]) -> None:
    def quietly() -> None:
        with suppress(Exception):  # whoever needs the result meets the same error, and tells it
            work()

    Thread(target=quietly, daemon=True).start()


def days_in(frame: DataFrame) -> list[date | None]:
    """Return the distinct days of a frame's only column: as many as there are days, however many rows."""
    column = frame.columns[0]
    days = [row[0] for row in frame.select(F.col(column).cast("date")).distinct().collect()]
    return sorted(days, key=lambda day: (day is not None, day or date.min))


def settle(frame: DataFrame, condition: str) -> tuple[DataFrame, int]:
    """Materialise a frame between rounds, so that its plan does not grow, and count the rows with a condition."""
    settled = frame.localCheckpoint()
    return settled, settled.where(condition).count()


__all__ = ["Consumed", "Night", "days_in", "settle"]
