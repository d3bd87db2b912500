"""The same records in give the same tables out: whatever the batches, their order, their copies, and wherever a run is killed.

One run over everything, two nights that find the objects in another order with copies and objects put there again, and the second
of these nights in runs that are killed (see deliveries).
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from expectations.tables import (
    CLOUDTRAIL_ADDENDA,
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_ISSUANCES,
    CREDENTIAL_SESSIONS,
    INGEST_FAILURES,
    INGEST_FILES,
    INTERFACE_CHANGES,
    INVESTIGATIONS,
    LOG_COVERAGE,
    REJECTED_RECORDS,
    TABLES,
    VPC_FLOWS,
)
from pipelines import publish
from pipelines.lake import Lake
from pipelines.night import Night
from pipelines.run import run_nightly
from pipelines.settings import load_settings
from pipelines.sources.folder import list_objects
from pipelines.sources.layout import CLOUDTRAIL, GUARDDUTY
from tests.organisations import CLOCK
from tests.pipelines.deliveries import CORRECTED, FINDINGS, NIGHTS, TWINS, deliveries_of, put

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from expectations.contract import Table
    from pipelines.settings import Settings

# Warnings of Dagster and Great Expectations about themselves are not ours to raise.
pytestmark = pytest.mark.filterwarnings("default")

# Everything can be read here, and flow logs are in no order but test_flows's.
EMPTY = (INGEST_FAILURES, VPC_FLOWS, INTERFACE_CHANGES)
FIRST, LAST = date(2026, 4, 25), CLOCK + timedelta(days=1)


class Lakes(NamedTuple):
    """The lake of one run over everything; that of two nights, the second in many runs; and the latter as it was in between."""

    whole: Lake
    nightly: Lake
    killed: set[str]
    corrected_before: dict[str, Any]


@pytest.fixture(scope="module")
def lakes(spark: SparkSession, dagster_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Lakes:
    folder = tmp_path_factory.mktemp("order")
    logs = folder / "logs"

    def settings(lake: str) -> Settings:
        return load_settings(cloudtrail=str(logs), findings=str(logs), lake=str(folder / lake))

    def lake(name: str) -> Lake:
        return Lake(str(folder / name), lambda: spark)

    deliveries = deliveries_of(logs, Random(20))
    put(deliveries, 0)
    assert run_nightly(Night(settings("nightly")), FIRST, LAST).failures == ()
    corrected = corrected_in(lake("nightly"))
    for night in range(1, NIGHTS):
        put(deliveries, night)
    killed = run_and_kill(settings("nightly"))
    assert run_nightly(Night(settings("whole")), FIRST, LAST).failures == ()
    return Lakes(lake("whole"), lake("nightly"), killed, corrected)


def run_and_kill(settings: Settings) -> set[str]:
    """Run until a run succeeds; end each after the first commit to a table that none was ended after. Return those tables."""
    killed: set[str] = set()
    write = publish.write

    def write_and_end(night: Night, table: Table, *rest: Any) -> None:
        before = night.lake.version(table)
        write(night, table, *rest)
        if table.name not in killed and night.lake.version(table) > before:
            killed.add(table.name)
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "write", write_and_end)
        for _ in range(len(TABLES) + 1):
            outcome = run_nightly(Night(settings), FIRST, LAST)
            if outcome.succeeded:
                return killed
    raise AssertionError(f"after ends at {sorted(killed)} the last run fails: {outcome.failures} {outcome.stacks}")


def test_nightly__in_any_order_with_copies_and_redeliveries_and_kills_the_tables_are_the_same(lakes: Lakes) -> None:
    assert_same(lakes.whole, lakes.nightly)


def test_nightly__a_run_was_ended_after_a_commit_to_every_table(lakes: Lakes) -> None:
    assert lakes.killed == {table.name for table in TABLES} - {INGEST_FAILURES.name, VPC_FLOWS.name}


def test_nightly__a_correction_of_the_night_before_binds_the_session(lakes: Lakes) -> None:
    """It reaches the event, the issuance and the session, and nothing is lost (SEMANTICS §10, 18)."""
    before, after = lakes.corrected_before, corrected_in(lakes.nightly)
    assert before == {
        "event": (None, False, f"{1:016}.json.gz"), "records": [], "key": None, "status": "unresolved", "method": None, "root": None,
    }  # fmt: skip
    assert after == {
        "event": ("correction", True, f"{1:016}.json.gz"), "records": [(None, False), ("correction", True)], "key": "ASIASARA",
        "status": "resolved", "method": "KEY_EXACT", "root": f"arn:aws:iam::{CORRECTED}:user/alice",
    }  # fmt: skip


def test_nightly__who_names_a_session_as_parent_follows_it_to_another_id(lakes: Lakes) -> None:
    """A late twin makes the key a part of the parent's id; the child began on another day, of which nothing is new."""
    of_story = f"account_id = '{TWINS}' AND event_count > 0"
    told = {row["role_name"]: row for row in _rows(lakes.nightly, CREDENTIAL_SESSIONS, of_story)}
    assert told["second"]["parent_session_id"] == told["first"]["credential_session_id"]
    assert (told["second"]["chain_depth"], told["second"]["root_name"]) == (2, "alice")


def corrected_in(lake: Lake) -> dict[str, Any]:
    """Return what the tables say of the call that is corrected: which addendum was laid over it, and what follows."""
    [event] = _rows(lake, CLOUDTRAIL_EVENTS, f"recipient_account_id = '{CORRECTED}' AND event_id = 'assume'")
    records = _rows(lake, CLOUDTRAIL_ADDENDA, f"recipient_account_id = '{CORRECTED}'")
    [issuance] = _rows(lake, CREDENTIAL_ISSUANCES, f"assumed_by_account_id = '{CORRECTED}'")
    [session] = _rows(lake, CREDENTIAL_SESSIONS, f"account_id = '{CORRECTED}' AND event_count > 0")
    told = [(each["addendum_event_id"], each["response_elements"] is not None) for each in (event, *records)]
    return {
        "event": (*told[0], event["source_uri"].rsplit("_", 1)[-1]),
        "records": sorted(told[1:], key=lambda it: it[0] or ""),
        "key": issuance["issued_access_key_id"],
        "status": session["attribution_status"],
        "method": session["attribution_method"],
        "root": session["root_id"],
    }


def _rows(lake: Lake, table: Table, condition: str) -> list[dict[str, Any]]:
    return lake.read_rows(table, table.column_names, condition)


def test_nightly__there_is_something_to_compare(lakes: Lakes) -> None:
    assert all(lakes.whole.read(table).count() > 0 for table in TABLES if table not in EMPTY)
    assert lakes.whole.read(CLOUDTRAIL_EVENTS).where("addendum_event_id IS NOT NULL").count() > 1
    assert lakes.whole.read(LOG_COVERAGE).where("size(gap_hours) > 0").count() > 1
    assert lakes.whole.read(REJECTED_RECORDS).count() > 1
    investigations = lakes.whole.read(INVESTIGATIONS)
    assert investigations.where("finding_id IS NOT NULL").count() == FINDINGS
    assert investigations.where("size(beside_finding_ids) > 0").count() > FINDINGS
    sessions = lakes.whole.read(CREDENTIAL_SESSIONS)
    assert sessions.where("chain_depth > 2").count() > 5
    assert sessions.select("attribution_method").distinct().count() > 8
    assert sessions.select("attribution_reason").distinct().count() > 6


class KilledError(Exception):
    """Stands for a process that is ended."""


def assert_same(one: Lake, other: Lake) -> None:
    """Assert that two lakes hold the same in all but bookkeeping; of the objects that were put there again, the last version."""
    differing = {}
    for table in TABLES:
        columns = [name for name in table.column_names if name not in table.bookkeeping]
        frames = [_newest(lake, table, columns) for lake in (one, other)]
        only = [frames[0].exceptAll(frames[1]), frames[1].exceptAll(frames[0])]
        if rows := [row.asDict() for each in only for row in each.limit(2).collect()]:
            differing[table.name] = rows
    assert differing == {}


def _newest(lake: Lake, table: Table, columns: list[str]) -> DataFrame:
    rows = lake.read(table).select(*columns)
    if table is not INGEST_FILES:
        return rows
    listed = [
        each for source in (CLOUDTRAIL, GUARDDUTY) for each in list_objects(str(Path(lake.uri).parent / "logs"), source)
    ]
    there = lake.spark.createDataFrame([(each.uri, each.etag) for each in listed], "uri string, etag string")
    return rows.join(there, on=["uri", "etag"], how="left_semi").select(*columns)
