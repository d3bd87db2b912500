"""A lake of another version: brought up to date, or refused, before anything is changed, in a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Schema

from expectations.contract import Column, Table
from expectations.tables import (
    BRONZE,
    CHAIN_EDGES,
    CLOUDTRAIL_EVENTS,
    INGEST_FILES,
    INVESTIGATION_INDICATORS,
    INVESTIGATIONS,
    LAKE_VERSION,
    PRINCIPAL_BASELINES,
    SESSION_USAGE,
    TABLES,
    contract_of,
)
from pipelines import migration
from pipelines.creation import STAMP, create_in_folder, delta_field
from pipelines.lake import Consumed, Lake, LakeError
from pipelines.migration import agree
from pipelines.night import Night
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT = datetime(2026, 3, 4, 10, tzinfo=UTC)
INVESTIGATION = {
    "investigation_id": "one", "entity_kind": "finding", "scope_start_at": AT, "scope_end_at": AT.replace(hour=11), "who": "alice",
    "what_else": "", "consistency": "", "gaps": "", "severity": "LOW", "score": 1, "document": "{}",
}  # fmt: skip
EVENT = {
    "event_id": "e", "action_id": "e", "event_at": AT, "event_date": AT.date(), "recipient_account_id": "111111111111",
    "event_source": "sts.amazonaws.com", "event_name": "AssumeRole", "event_category": "Management", "outcome": "success",
    "source_uri": "file:///a", "source_etag": "1", "record_index": 0, "body_sha256": "00",
}  # fmt: skip


def no_spark() -> Any:
    raise AssertionError("a local lake is migrated without Spark")


def older(table: Table, *without: str) -> Table:
    """Return the contract of a table as it was before some of its columns."""
    return replace(table, columns=tuple(column for column in table.columns if column.name not in without))


def made_by_older(folder: Path, *olders: Table, stamp: str | None = None) -> Lake:
    """Make a lake with some tables as they were; all of them have consumed something."""
    was = {table.name: table for table in olders}
    for table in TABLES:
        create_in_folder(was.get(table.name, table), str(folder / table.name))
    ledger = DeltaTable(folder / INGEST_FILES.name)
    ledger.alter.set_table_properties({STAMP: stamp or f"{LAKE_VERSION} older"}, raise_if_not_exists=False)
    lake = Lake(str(folder), no_spark)
    for table in TABLES:
        lake.mark(table, Consumed({"upstream": 7}))
    return Lake(str(folder), no_spark)


def put(lake: Lake, table: Table, was: Table, row: dict[str, Any]) -> None:
    """Add a row; what is not given is null."""
    schema = pa.schema(Schema([delta_field(column) for column in was.columns]))
    given = pa.Table.from_pylist([{name: row.get(name) for name in was.column_names}], schema)
    lake.append(table, given, Consumed({"upstream": 8}))


def versions(lake: Lake) -> dict[str, int]:
    return {table.name: DeltaTable(lake.path(table)).version() for table in TABLES}


def columns_of(lake: Lake, table: Table) -> set[str]:
    return {field.name for field in DeltaTable(lake.path(table)).schema().fields}


def test_agree__a_lake_of_this_version_is_left_as_it_is(tmp_path: Path) -> None:
    Lake(str(tmp_path), no_spark).open(TABLES)
    lake = Lake(str(tmp_path), no_spark)
    before = versions(lake)
    assert agree(lake, may_change=True) == []
    assert versions(lake) == before


def test_agree__a_new_lake_is_none_yet(tmp_path: Path) -> None:
    assert agree(Lake(str(tmp_path / "new"), no_spark), may_change=True) == []


def test_agree__adds_what_a_derived_table_lacks_and_has_its_stage_made_anew(tmp_path: Path) -> None:
    was = older(INVESTIGATIONS, "is_asked", "beside_finding_ids")
    lake = made_by_older(tmp_path, was, older(SESSION_USAGE, "session_issuer_arn"))
    put(lake, INVESTIGATIONS, was, INVESTIGATION)
    [sentence] = agree(Lake(str(tmp_path), no_spark), may_change=True)
    assert sentence == (
        "the lake was made by an older rolescope and is brought up to date: session_usage.session_issuer_arn, "
        "investigations.is_asked, investigations.beside_finding_ids added, "
        "session_usage, investigations, investigation_indicators made anew by this run"
    )
    lake = Lake(str(tmp_path), no_spark)
    assert lake.read_rows(INVESTIGATIONS, ["who", "is_asked"]) == [{"who": "alice", "is_asked": None}]
    consumed = {table.name for table in TABLES if lake.consumed(table) != Consumed()}
    assert consumed.isdisjoint({SESSION_USAGE.name, INVESTIGATIONS.name, INVESTIGATION_INDICATORS.name})
    assert consumed >= {CHAIN_EDGES.name, PRINCIPAL_BASELINES.name, INGEST_FILES.name}
    assert agree(lake, may_change=True) == []


def test_agree__a_migrated_table_takes_rows_of_today(tmp_path: Path) -> None:
    """The columns that were added lie behind the others: what is written goes by their names."""
    was = older(INVESTIGATIONS, "who", "is_asked")
    lake = made_by_older(tmp_path, was)
    agree(lake, may_change=True)
    put(lake, INVESTIGATIONS, INVESTIGATIONS, INVESTIGATION | {"is_asked": True})
    again = pa.Table.from_pylist(
        [{name: (INVESTIGATION | {"who": "bob"}).get(name) for name in INVESTIGATIONS.column_names}],
        pa.schema(Schema([delta_field(column) for column in INVESTIGATIONS.columns])),
    )
    lake.merge(INVESTIGATIONS, again, Consumed())
    assert lake.read_rows(INVESTIGATIONS, ["who", "severity"]) == [{"who": "bob", "severity": "LOW"}]


def test_agree__of_a_lower_version_all_that_is_derived_is_made_anew(tmp_path: Path) -> None:
    lake = made_by_older(tmp_path, stamp="none")
    agree(lake, may_change=True)
    lake = Lake(str(tmp_path), no_spark)
    assert {table.name for table in TABLES if lake.consumed(table) != Consumed()} == {table.name for table in BRONZE}


def test_agree__who_only_reads_changes_nothing(tmp_path: Path) -> None:
    lake = made_by_older(tmp_path, older(INVESTIGATIONS, "is_asked"))
    before = versions(lake)
    assert agree(lake, may_change=False) == []
    assert versions(lake) == before


def test_agree__a_column_of_the_logs_is_added_where_no_row_is_and_refused_where_one_is(tmp_path: Path) -> None:
    was = older(CLOUDTRAIL_EVENTS, "session_issuer_arn")
    lake = made_by_older(tmp_path / "empty", was)
    agree(lake, may_change=True)
    assert "session_issuer_arn" in columns_of(lake, CLOUDTRAIL_EVENTS)

    lake = made_by_older(tmp_path / "full", was, older(INVESTIGATIONS, "is_asked"))
    put(lake, CLOUDTRAIL_EVENTS, was, EVENT)
    before = versions(lake)
    with pytest.raises(
        LakeError, match="without session_issuer_arn, which only the log objects tell: make the lake anew"
    ):
        agree(lake, may_change=True)
    assert versions(lake) == before, "what is refused is left as it is"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"columns": (*CHAIN_EDGES.columns, Column("verdict", "string", "Of tomorrow"))},
            "does not know \\(verdict\\).*update",
        ),
        ({"partitioned_by": None}, "with its partitions of another kind: make the lake anew"),
        (
            {"columns": tuple(replace(c, type="string") if c.name == "confidence" else c for c in CHAIN_EDGES.columns)},
            "with confidence of another kind: make the lake anew",
        ),
    ],
)
def test_agree__what_cannot_be_brought_up_to_date_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    lake = made_by_older(tmp_path, replace(CHAIN_EDGES, rules={}, **change))
    before = versions(lake)
    with pytest.raises(LakeError, match=said):
        agree(lake, may_change=True)
    assert versions(lake) == before


@pytest.mark.parametrize("may_change", [True, False])
def test_agree__a_lake_of_a_newer_version_is_refused_to_readers_too(tmp_path: Path, may_change: bool) -> None:
    lake = made_by_older(tmp_path, stamp=f"{LAKE_VERSION + 1} of-tomorrow")
    with pytest.raises(
        LakeError, match=r"was made by a newer rolescope .lake version 2, this one knows 1.: update rolescope"
    ):
        agree(lake, may_change=may_change)


def test_agree__rules_that_came_since_hold_for_what_is_written_then(tmp_path: Path) -> None:
    lake = made_by_older(tmp_path, replace(INVESTIGATIONS, rules={"old": "score = 7"}))
    agree(lake, may_change=True)
    put(lake, INVESTIGATIONS, INVESTIGATIONS, INVESTIGATION)  # the old rule is gone
    with pytest.raises(Exception, match="1 rows failed validation check"):
        put(lake, INVESTIGATIONS, INVESTIGATIONS, INVESTIGATION | {"severity": "NONE"})


def test_agree__a_row_that_breaks_a_rule_of_today_is_said(tmp_path: Path) -> None:
    was = replace(INVESTIGATIONS, rules={})
    lake = made_by_older(tmp_path, was)
    put(lake, INVESTIGATIONS, was, INVESTIGATION | {"severity": "NONE"})
    with pytest.raises(
        LakeError, match=r"rows of it break a rule that came since .severity_is_known.: make the lake anew"
    ):
        agree(lake, may_change=True)


def test_agree__a_migration_that_was_killed_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    was = older(INVESTIGATIONS, "is_asked"), older(SESSION_USAGE, "session_issuer_arn")
    lake, change = made_by_older(tmp_path, *was), migration._change

    def killed(lake: Lake, difference: Any, **how: bool) -> None:
        if difference.table is INVESTIGATIONS:
            raise KeyboardInterrupt
        change(lake, difference, **how)

    with monkeypatch.context() as patch:
        patch.setattr(migration, "_change", killed)
        with pytest.raises(KeyboardInterrupt):
            agree(lake, may_change=True)
    agree(Lake(str(tmp_path), no_spark), may_change=True)
    lake = Lake(str(tmp_path), no_spark)
    assert columns_of(lake, INVESTIGATIONS) == set(INVESTIGATIONS.column_names)
    assert lake.consumed(SESSION_USAGE) == lake.consumed(INVESTIGATIONS) == Consumed()


def test_agree__elsewhere_it_does_the_same_with_spark(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = (INGEST_FILES, INVESTIGATIONS, INVESTIGATION_INDICATORS)
    lake = made_by_older(tmp_path, replace(older(INVESTIGATIONS, "is_asked"), rules={"old": "score = 7"}))
    monkeypatch.setattr(migration, "TABLES", few)
    monkeypatch.setattr(Lake, "is_local", False)
    lake = Lake(str(tmp_path), lambda: spark)
    [sentence] = agree(lake, may_change=True)
    assert "investigations.is_asked added, investigations, investigation_indicators made anew" in sentence
    monkeypatch.undo()
    lake = Lake(str(tmp_path), no_spark)
    assert columns_of(lake, INVESTIGATIONS) == set(INVESTIGATIONS.column_names)
    assert [lake.consumed(table).versions for table in few] == [{"upstream": 7}, {}, {}]
    put(lake, INVESTIGATIONS, INVESTIGATIONS, INVESTIGATION)
    with pytest.raises(Exception, match="1 rows failed validation check"):
        put(lake, INVESTIGATIONS, INVESTIGATIONS, INVESTIGATION | {"severity": "NONE"})


def test_night__brings_the_lake_up_to_date_when_it_holds_it(tmp_path: Path) -> None:
    made_by_older(tmp_path, older(INVESTIGATIONS, "is_asked"))
    settings = Settings(lake=str(tmp_path))
    assert "is_asked" not in columns_of(Night(settings).lake, INVESTIGATIONS)
    night = Night(settings)
    with night.writing("run"):
        assert "is_asked" in columns_of(night.lake, INVESTIGATIONS)


def test_run__a_folder_that_is_not_a_lake_is_refused(
    tmp_path: Path, said: Callable[..., tuple[int, str]], logs: tuple[str, Path]
) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", ".hidden", "_lock"):
        (folder / name).touch()
    assert said("run", *logs, "--lake", folder) == (
        1,
        f"rolescope: {folder} is not a lake: it has a.jpg, b.jpg; name an empty folder, or one that is not there yet, with --lake",
    )
    assert not (folder / "reports").exists()


def test_contract_of__is_another_if_anything_that_a_lake_must_agree_with_is() -> None:
    def changed(**change: Any) -> str:
        return contract_of((replace(CHAIN_EDGES, **change),))

    columns = CHAIN_EDGES.columns
    fingerprints = [
        contract_of((CHAIN_EDGES,)),
        changed(columns=columns[1:]),
        changed(columns=(replace(columns[0], type="int"), *columns[1:])),
        changed(rules={}),
        changed(partitioned_by=None),
    ]
    assert len(set(fingerprints)) == len(fingerprints)
    assert changed(comment="Other words.", columns=columns[::-1]) == fingerprints[0]
