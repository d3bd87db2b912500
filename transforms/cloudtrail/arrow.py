"""Columns of Python values, as Arrow batches in the shape of a contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import pyarrow as pa

from expectations.contract import Column, Table

# What a parsed object gives beside the table's columns: why a record was rejected, its hash, and how it began.
REJECTION = ("reason", "sha256", "excerpt")
REJECTION_DDL = ", ".join(f"{name} string" for name in REJECTION)
_TYPES = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
}


def delivery_ddl(table: Table) -> str:
    """Return the Spark schema of a table's deliveries: its columns, and those of a rejection."""
    return f"{table.schema_ddl}, {REJECTION_DDL}"


def delivery_schema(table: Table) -> pa.Schema:
    """Return the same as an Arrow schema. No column is required there: a rejected record has next to none."""
    return arrow_schema((*table.columns, *(Column(name, "string", "") for name in REJECTION)))


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return columns of a contract as an Arrow schema."""
    return pa.schema([(column.name, _TYPES[column.type]) for column in columns])


def record_batch(schema: pa.Schema, fields: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> pa.RecordBatch:
    """Return rows, whose values stand in the order of `fields`, as a batch. Timestamps are microseconds, dates are days."""
    values = dict(zip(fields, zip(*rows, strict=True), strict=True))
    return pa.RecordBatch.from_arrays([_array(values[field.name], field.type) for field in schema], schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return the values as an array. Types are looked at one by one only in a column that holds a wrong one."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError, ValueError):
        tame = _text if pa.types.is_string(kind) else _same_or_null(kind)
        return pa.array([tame(value) for value in values], kind)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _same_or_null(kind: pa.DataType) -> Any:
    def tame(value: Any) -> Any:
        try:
            return pa.scalar(value, kind)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            return None

    return tame
