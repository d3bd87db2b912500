"""The tables of a lake that are held against the truth, read without Spark."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deltalake import DeltaTable

from benchmarks.accuracy.comparison import TABLES, Row


def read_tables(lake: Path) -> dict[str, list[Row]]:
    """Return the rows of each table that the comparison needs, with those of its columns that the table has."""
    return {name: _rows(DeltaTable(str(lake / name)), columns) for name, columns in TABLES.items()}


def _rows(table: DeltaTable, columns: Iterable[str]) -> list[Row]:
    there = {field.name for field in table.schema().fields}
    rows: list[Row] = table.to_pyarrow_table(columns=[name for name in columns if name in there]).to_pylist()
    return rows
