"""Persist a candidate once, hold it against its contract, then publish it. What breaks its contract is never published.

This is the one place where rows get into the lake. Our own invariants block; bad input never does: it was rejected, with its
reason, before it became a candidate.
"""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` itself.
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from inspect import getdoc
from typing import Any

import dagster as dg
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import Table
from expectations.suites import ExpectationFailedError, Verdict, validate, with_rules
from pipelines.lake import Consumed
from pipelines.night import Night

CHECK = "contract"
Made = Mapping[str, "Candidate"]
Event = dg.MaterializeResult[Any] | dg.AssetCheckResult


@dataclass(frozen=True)
class Candidate:
    """Rows that want to be published, and what they replace.

    Args:
        rows: rows of the table.
        days: partitions that they replace as a whole; or
        only_of: keys (or the first columns of keys) that they replace, by merge; or
        by_key: they replace rows of the same key; or none of these: they are added.
        facts: facts of the lake that went into them, besides the versions of upstream tables.
        is_persisted: the rows come straight from a persisted frame, and need not be computed once and kept.
        batches: gives columns of the same rows as Arrow batches: a local lake takes them without Spark, which is faster.
        is_few: whether the driver may hold the rows, as far as is known before they are counted.
    """

    rows: DataFrame
    days: list[date | None] | None = None
    only_of: DataFrame | None = None
    by_key: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_persisted: bool = False
    batches: Callable[[Sequence[str]], pa.RecordBatchReader] | None = None
    is_few: bool = True


def table_asset(
    *tables: Table,
    upstream: Sequence[Table],
    partitions: dg.PartitionsDefinition[str],
    description: str | None = None,
    facts: Callable[[Night], Mapping[str, Any]] = lambda _night: {},
) -> Callable[[Callable[[Night], Made | None]], dg.AssetsDefinition]:
    """Make a function into the asset (or assets) of a stage.

    The function gets the `Night` and returns a candidate per table, by name, or None where nothing is new. Tables are
    published in the order given; the last one's commit is the one that says what the stage has consumed. `facts` gives what went
    into the rows besides upstream tables (the context file): another one than last time is news.
    """

    def decorate(make: Callable[[Night], Made | None]) -> dg.AssetsDefinition:
        specs = [
            dg.AssetSpec(
                table.name,
                deps=[dg.AssetKey(each.name) for each in upstream],
                description=f"{table.comment}\n\n{description or getdoc(make) or ''}".strip(),
                metadata={"dagster/column_schema": column_schema(table)},
                group_name=make.__module__.rsplit(".", maxsplit=1)[-1],
                kinds={"spark", "deltalake"},
            )
            for table in tables
        ]
        checks = [dg.AssetCheckSpec(CHECK, asset=table.name, blocking=True) for table in tables]

        @dg.multi_asset(
            name=make.__name__,
            specs=specs,
            check_specs=checks,
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            pool="spark",
        )
        def stage(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Iterator[Event]:
            versions, known = night.versions(upstream), facts(night)
            made = None
            is_changed = any(night.fact(tables[-1], name) != value for name, value in known.items())
            if is_changed or night.has_news(tables[-1], upstream):
                night.expect_rows(many=night.is_large)
                made = make(night)
            for table in tables:
                if made is None:
                    night.progress.finished(table.name, "up to date")
                    yield from recorded(night, table, Verdict(table.name, 0, (), ()))
                else:
                    candidate = made[table.name]
                    verdict = publish(night, table, candidate, Consumed(versions, {**known, **candidate.facts}))
                    yield from recorded(night, table, verdict)
                    night.progress.finished(table.name, _extent(candidate, verdict.row_count))
            context.log.info(f"{make.__name__}: done")

        return stage

    return decorate


def publish(night: Night, table: Table, candidate: Candidate, consumed: Consumed) -> Verdict:
    """Check a candidate and, if its contract holds, write it; the verdict says which it was."""
    rows: DataFrame | pa.Table = table.conform(candidate.rows)
    is_computed = candidate.is_persisted
    if night.is_large and not is_computed:
        rows, is_computed = _computed(rows, table, candidate), True
    is_many = candidate.batches is not None and not candidate.is_few
    few = None if is_many else night.lake.few(table, with_rules(rows, table), are_computed=night.is_large)
    if few is not None:
        verdict, rows = validate(few, table), few.select(table.column_names)
    else:
        rows = rows if is_computed else _computed(rows, table, candidate)
        keys = candidate.batches(table.key).read_all() if is_many and candidate.batches else None
        verdict = validate(rows, table, keys)
    if verdict.passed:
        night.confirm_hold()
        write(night, table, rows, candidate, consumed, verdict.row_count)
    return verdict


def _computed(rows: DataFrame, table: Table, candidate: Candidate) -> DataFrame:
    """Compute the rows and keep them: those of a partition together, so that each is one file and not one per task.

    Not `persist`: every later query would plan, and compare with the cache, all that the rows were made from.
    """
    if candidate.days is not None and table.partitioned_by is not None:
        rows = rows.hint("rebalance", F.col(table.partitioned_by))
    return rows.localCheckpoint()


def recorded(night: Night, table: Table, verdict: Verdict) -> Iterator[Event]:
    """Yield what Dagster records of a verdict.

    Raises:
        ExpectationFailedError: the rows broke their contract: nothing was written, and what is downstream must not run.
    """
    yield dg.AssetCheckResult(asset_key=verdict.table, check_name=CHECK, passed=verdict.passed, metadata=_told(verdict))
    if not verdict.passed:
        raise ExpectationFailedError(
            f"{verdict.table}: not published, since it breaks its contract: {'; '.join(verdict.failures)}"
        )
    yield dg.MaterializeResult(
        asset_key=verdict.table,
        metadata={
            "rows written": verdict.row_count,
            "dagster/row_count": night.lake.row_count(table),
            "dagster/uri": f"{night.settings.lake_uri}/{verdict.table}",
        },
    )


def write(  # noqa: PLR0913, PLR0917  (all that a commit is made of)
    night: Night, table: Table, rows: DataFrame | pa.Table, candidate: Candidate, consumed: Consumed, row_count: int
) -> None:
    """Write checked rows in one commit that says what was consumed."""
    lake = night.lake
    before = lake.version(table)
    if candidate.days is not None:
        if candidate.days:
            lake.replace_days(table, rows, candidate.days, consumed)
    elif candidate.only_of is not None or (candidate.by_key and row_count):
        lake.merge(table, rows, consumed, only_of=candidate.only_of)
    elif row_count and candidate.batches is not None and lake.is_local and isinstance(rows, DataFrame):
        lake.append_batches(table, candidate.batches, row_count, consumed)
    elif row_count:
        lake.append(table, rows, consumed)
    if lake.version(table) == before and lake.consumed(table) != consumed:
        lake.mark(table, consumed)  # a write of no rows makes no commit


def column_schema(table: Table) -> dg.TableSchema:
    """Return a contract as Dagster shows it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                column.comment,
                constraints=dg.TableColumnConstraints(nullable=not column.required),
            )
            for column in table.columns
        ]
    )


def _told(verdict: Verdict) -> dict[str, Any]:
    held = [name for name in verdict.checked if not any(failure.startswith(name) for failure in verdict.failures)]
    lines = [f"- ✗ {failure}" for failure in verdict.failures] + [f"- ✓ {name}" for name in held]
    return {"rows": verdict.row_count, "expectations": dg.MetadataValue.md("\n".join(lines) or "no rows")}


def _extent(candidate: Candidate, row_count: int) -> str:
    days = sorted(day for day in candidate.days or [] if day is not None)
    if not days:
        return f"{row_count:>10,} rows"
    span = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"{row_count:>10,} rows, {span}"
