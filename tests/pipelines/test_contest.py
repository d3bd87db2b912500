"""Contested keys, found without Spark: the same as Spark finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contest import Rows, contested_rows
from transforms.cloudtrail.copies import DELIVERED, IN_ADDENDA, IN_EVENTS

SCHEMA = pa.schema([("account", pa.string()), ("id", pa.string()), ("body", pa.string())])
KEY, COLUMNS = ("account", "id"), ("body",)
ROWS = st.lists(st.tuples(st.sampled_from("12"), st.sampled_from("abc"), st.sampled_from("xyz")), max_size=6)


def rows_of(values: list[tuple[str, str, str]]) -> Rows:
    """The rows a batch each, as files give them, after one without any."""

    def read(columns: Sequence[str]) -> Iterable[pa.RecordBatch]:
        batches = [pa.RecordBatch.from_pylist([dict(zip(SCHEMA.names, each, strict=True))], SCHEMA) for each in values]
        return [batch.select(columns) for batch in [pa.RecordBatch.from_pylist([], SCHEMA), *batches]]

    return read


@given(delivered=ROWS, stored=ROWS, beside=ROWS)
def test_contested_rows__all_of_a_key_that_stands_more_than_once_and_was_delivered(
    delivered: list[tuple[str, str, str]], stored: list[tuple[str, str, str]], beside: list[tuple[str, str, str]]
) -> None:
    held = {DELIVERED: delivered, IN_EVENTS: stored, IN_ADDENDA: beside}
    everywhere = [(each[:2], where, each[2]) for where, rows in held.items() for each in rows]
    keys = [key for key, _, _ in everywhere]
    expected = sorted(
        (*key, body, where)
        for key, where, body in everywhere
        if keys.count(key) > 1 and key in {each[:2] for each in delivered}
    )
    found = contested_rows({where: rows_of(rows) for where, rows in held.items()}, KEY, COLUMNS)
    rows = [] if found is None else found.select(["account", "id", "body", "held"]).to_pylist()
    assert sorted(tuple(row.values()) for row in rows) == expected


def test_contested_rows__of_a_lot_without_copies_there_are_none() -> None:
    assert contested_rows({DELIVERED: rows_of([("1", "a", "x"), ("1", "b", "x")])}, KEY, COLUMNS) is None
