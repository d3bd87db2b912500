"""Great Expectations suites made from the contracts, and what they say of a frame.

Great Expectations takes eight seconds and 300 MB to import, so that happens when a frame is checked and not before. A suite
has expectations of four kinds, each named so that a failure reads as a sentence: required columns, listed values, row rules,
and the key. Row rules go in as truth columns beside the data: all of them are then counted in one Spark job. Few rows are looked
at in this process, by the same suite.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from expectations.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RULE_PREFIX = "rule: "
UNIQUE_KEY = "key is unique"


class ExpectationFailedError(Exception):
    """Rows of ours break their contract: they are not published, and what is downstream stops."""


class NotEvaluatedError(Exception):
    """An expectation could not be evaluated: nothing is known about the rows, and they are not published."""


@dataclass(frozen=True)
class Verdict:
    """What a suite said of a frame."""

    table: str
    row_count: int
    checked: tuple[str, ...]
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every expectation held."""
        return not self.failures


def with_rules(frame: DataFrame, table: Table) -> DataFrame:
    """Add a truth column per row rule of the contract; as with a CHECK constraint, unknown is not a violation."""
    from pyspark.sql import functions as F  # noqa: PLC0415

    truths = {f"{RULE_PREFIX}{name}": F.expr(f"coalesce({rule}, true)") for name, rule in table.rules.items()}
    return frame.withColumns(truths) if truths else frame


def build_suite(table: Table, row_count: int, key_count: int) -> Any:
    """Return the `ExpectationSuite` of a table, for a frame that `with_rules` has prepared.

    Args:
        table: contract.
        row_count: how many rows the frame should have.
        key_count: how many different keys it has; there must be as many rows.
    """
    gx = load_expectations()
    expect = gx.expectations
    required = [expect.ExpectColumnValuesToNotBeNull(column=column.name) for column in table.columns if column.required]
    listed = [
        expect.ExpectColumnValuesToBeInSet(column=column.name, value_set=list(column.values))
        for column in table.columns
        if column.values
    ]
    rules = [
        expect.ExpectColumnValuesToBeInSet(column=f"{RULE_PREFIX}{name}", value_set=[True]) for name in table.rules
    ]
    # Not ExpectCompoundColumnsToBeUnique: it takes eight seconds a million rows, and a null is a value of a key here.
    unique = expect.ExpectTableRowCountToEqual(value=key_count, description=UNIQUE_KEY)
    return gx.ExpectationSuite(
        name=table.name,
        expectations=[
            expect.ExpectTableColumnsToMatchSet(column_set=table.column_names, exact_match=False),
            expect.ExpectTableRowCountToEqual(value=row_count),  # an empty frame would pass all the others
            *required,
            *listed,
            *rules,
            unique,
        ],
    )


def validate(
    rows: DataFrame | pa.Table, table: Table, keys: pa.Table | None = None, *, row_count: int | None = None
) -> Verdict:
    """Hold candidate rows against their table's suite; no rows have nothing to break.

    Args:
        rows: a (persisted) frame, each expectation reads it; or, if they are few, an Arrow table that `with_rules` went before.
        table: contract.
        keys: the keys of a frame's rows, if they are here already: to count them in Spark takes ten times as long.
        row_count: how many rows there should be, if that is known from elsewhere: a frame that lost its rows does not pass.
    """
    here = rows if isinstance(rows, pa.Table) else keys
    counted, key_count = _count(rows, table) if here is None else _count_here(here, table)
    row_count = counted if row_count is None else row_count
    if row_count == 0:
        return Verdict(table.name, 0, (), ())
    batch = _few(rows, table) if isinstance(rows, pa.Table) else _many(rows, table)
    suite = build_suite(table, row_count, key_count)
    # Whether all hold is one query; how many rows do not is one more for each expectation, and asked if it matters.
    checked = batch.validate(suite, result_format="BOOLEAN_ONLY")
    _raise_what_stopped(checked.results, table)
    if not checked.success:
        checked = batch.validate(suite, result_format={"result_format": "SUMMARY", "partial_unexpected_count": 0})
        _raise_what_stopped(checked.results, table)
    names = tuple(_name(result) for result in checked.results)
    failures = tuple(f"{_name(result)}{_extent(result)}" for result in checked.results if not result.success)
    return Verdict(table.name, row_count, names, failures)


def _many(frame: DataFrame, table: Table) -> Any:
    """Return the rows as a batch of Great Expectations that Spark looks at."""
    # `persist` would keep every column of the frame in memory once more: half of the time of a check.
    source = _context().data_sources.add_or_update_spark("candidates", persist=False)
    definition = source.add_dataframe_asset(table.name).add_batch_definition_whole_dataframe("candidate")
    return definition.get_batch({"dataframe": with_rules(frame, table)})


def _few(rows: pa.Table, table: Table) -> Any:
    """Return the rows as a batch that is looked at in this process: a query of Spark's costs more than they do."""
    import pandas as pd  # noqa: PLC0415

    source = _context().data_sources.add_or_update_pandas("few candidates")
    definition = source.add_dataframe_asset(table.name).add_batch_definition_whole_dataframe("candidate")
    return definition.get_batch({"dataframe": rows.to_pandas(types_mapper=pd.ArrowDtype)})


@cache
def _context() -> Any:
    """One for the process: each makes folders of its own."""
    context = load_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _count_here(rows: pa.Table, table: Table) -> tuple[int, int]:
    """Count rows and different keys."""
    return rows.num_rows, rows.group_by(list(table.key)).aggregate([]).num_rows


def _count(frame: DataFrame, table: Table) -> tuple[int, int]:
    """Count rows and different keys in one query; keys as 128 bits each: long ones would all be sorted and sent around."""
    from pyspark.sql import functions as F  # noqa: PLC0415

    known = [part for name in table.key for part in (F.col(name), F.col(name).isNull())]  # a hash leaves nulls out
    hashed = frame.select(F.xxhash64(*known).alias("one"), F.xxhash64(F.lit("other"), *known).alias("other"))
    by_key = hashed.groupBy("one", "other").agg(F.count(F.lit(1)).alias("rows"))
    [(rows, keys)] = by_key.agg(F.coalesce(F.sum("rows"), F.lit(0)), F.count(F.lit(1))).collect()
    return rows, keys


def _name(result: Any) -> str:
    """Say in words what was expected."""
    config = result.expectation_config
    if config.description:
        return str(config.description)
    column = config.kwargs.get("column", "")
    if column.startswith(RULE_PREFIX):
        return str(column.removeprefix(RULE_PREFIX))
    kind = str(config.type)
    return {
        "expect_column_values_to_not_be_null": f"{column} is not null",
        "expect_column_values_to_be_in_set": f"{column} is a listed value",
        "expect_table_columns_to_match_set": "all columns are there",
        "expect_table_row_count_to_equal": "no row was lost",
    }.get(kind, kind)


def _extent(result: Any) -> str:
    """Say how many rows fail."""
    found = result.result or {}
    if "unexpected_count" in found:
        return f" (not so in {found['unexpected_count']} of {found.get('element_count', '?')} rows)"
    return f" (found {found['observed_value']})" if "observed_value" in found else ""


def _raise_what_stopped(results: Any, table: Table) -> None:
    """Raise what Great Expectations has caught: a Spark that died says nothing about the rows.

    Raises:
        NotEvaluatedError: an expectation could not be evaluated.
    """
    for result in results:
        for caught in _exceptions(result.exception_info):
            said = str(caught.get("exception_message"))
            raise NotEvaluatedError(f"{table.name}: it could not be checked whether {_name(result)}: {said}")


def _exceptions(info: Any) -> list[dict[str, Any]]:
    """Find the exceptions in a result: Great Expectations nests them one level deep where a metric failed."""
    if not isinstance(info, dict):
        return []
    if info.get("raised_exception"):
        return [info]
    return [each for each in info.values() if isinstance(each, dict) and each.get("raised_exception")]


def load_expectations() -> Any:
    """Import Great Expectations, quietly, and return it."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports, not of our rows
        import great_expectations  # noqa: PLC0415
        import great_expectations.expectations  # noqa: PLC0415
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    return great_expectations
