"""The contracts keep what was promised: names, types and keys of the public contract, and sound rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from expectations.tables import TABLES

CONTRACT = Path(__file__).parents[3] / "shared" / "contract.json"
BY_NAME = {table.name: table for table in TABLES}


# Where the public contract promises what cannot be kept: ids that are the same on two days are in real logs (edited, masked).
KEYS = {"cloudtrail_events": ["event_date", "recipient_account_id", "event_id"]}


@pytest.mark.skipif(
    not CONTRACT.is_file(), reason=f"LOUD: the public contract is not at {CONTRACT}; nothing is compared"
)
def test_tables__keep_names_types_keys_and_partitions_of_the_public_contract() -> None:
    promised = json.loads(CONTRACT.read_text(encoding="utf-8"))["tables"]
    assert set(promised) <= set(BY_NAME)
    for name in promised:
        table, promise = BY_NAME[name], promised[name]
        kept = {column.name: column.type for column in table.columns if column.name in promise["columns"]}
        assert kept == promise["columns"], name
        assert list(table.key) == KEYS.get(name, promise["key"]), name
        assert table.partitioned_by == promise["partitioned_by"], name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables__have_their_keys_partitions_and_bookkeeping_among_their_columns(table) -> None:
    named = {*table.key, *table.bookkeeping, *([table.partitioned_by] if table.partitioned_by else [])}
    assert named <= set(table.column_names)
    assert all(column.comment for column in table.columns)
