"""The tables of a lake that are held against the truth, read without Spark."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable

from benchmarks.accuracy.comparison import TABLES, Row


def read_tables(lake: Path) -> dict[str, list[Row]]:
    """Return the rows of each table that the comparison needs."""
    return {
        name: DeltaTable(str(lake / name)).to_pyarrow_table(columns=list(columns)).to_pylist()
        for name, columns in TABLES.items()
    }
