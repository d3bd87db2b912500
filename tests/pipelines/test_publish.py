"""Publishing: what breaks its contract is never published, and stops what is downstream; bad input is not our breach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pytest

from expectations.contract import Column, Table
from expectations.suites import NotEvaluatedError, Verdict, build_suite, validate, with_rules
from pipelines.lake import Consumed, Lake
from pipelines.lock import LakeHeldError
from pipelines.night import Night
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import Candidate, Made, publish, table_asset
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.filterwarnings("default")

NUMBERS = Table(
    name="numbers",
    comment="Numbers.",
    key=("number", "kind"),
    columns=(
        Column("number", "bigint", "A number", required=True),
        Column("kind", "string", "odd or even", values=("odd", "even")),
    ),
    rules={"is_positive": "number > 0"},
)
DOUBLES = Table(
    name="doubles", comment="Doubles.", key=("number",), columns=(Column("number", "bigint", "Twice", required=True),)
)
SCHEMA = "number bigint, kind string"


def numbers(spark: SparkSession, *rows: tuple[int | None, str | None]) -> DataFrame:
    return spark.createDataFrame(list(rows), SCHEMA)


def held(frame: DataFrame, table: Table, row_count: int) -> Verdict:
    """Hold rows against their contract as many and as few: by Spark and in this process, which must say the same."""
    by_spark = validate(frame, table, row_count=row_count)
    assert validate(with_rules(frame, table).toArrow(), table, row_count=row_count) == by_spark
    return by_spark


@pytest.mark.parametrize(
    ("rows", "failure"),
    [
        ([(None, "odd")], "number is not null (not so in 1 of 1 rows)"),
        ([(1, "prime")], "kind is a listed value (not so in 1 of 1 rows)"),
        ([(-1, "odd"), (3, "odd")], "is_positive (not so in 1 of 2 rows)"),
        ([(1, "odd"), (1, "odd")], "key is unique (found 2)"),
        ([(1, None), (1, None)], "key is unique (found 2)"),
    ],
)
def test_validate__every_expectation_can_fail(spark: SparkSession, rows: list[Any], failure: str) -> None:
    assert held(numbers(spark, *rows), NUMBERS, len(rows)).failures == (failure,)


def test_validate__a_null_is_a_value_of_a_key_in_its_place(spark: SparkSession) -> None:
    columns = (Column("one", "string", "One"), Column("other", "string", "Other"))
    pairs = Table(name="pairs", comment="Pairs.", key=("one", "other"), columns=columns)
    rows = [("a", None), (None, "a"), ("a", "a"), ("aa", ""), ("", "aa"), (None, None), ("", None), (None, "")]
    assert held(spark.createDataFrame(rows, "one string, other string"), pairs, len(rows)).passed


def test_validate__a_lost_row_and_a_missing_column_fail(spark: SparkSession) -> None:
    assert held(numbers(spark, (1, "odd")), NUMBERS, 2).failures == ("no row was lost (found 1)",)
    [suite] = [build_suite(NUMBERS, 1, 1)]
    assert len(suite.expectations) == 6


def test_validate__good_rows_pass(spark: SparkSession) -> None:
    verdict = held(numbers(spark, (1, "odd"), (2, "even"), (2, None)), NUMBERS, 3)
    assert verdict.passed
    assert "is_positive" in verdict.checked


def test_validate__an_expectation_that_cannot_be_evaluated_is_no_breach(spark: SparkSession) -> None:
    table = Table(name="numbers", comment="Numbers.", key=("number",), columns=(NUMBERS.columns[0], NUMBERS.columns[1]))
    rows = spark.range(1).selectExpr("id AS number", "CAST(raise_error('no more executors') AS string) AS kind")
    with pytest.raises(NotEvaluatedError, match=r"(?s)numbers: it could not be checked whether.*no more executors"):
        validate(rows, table, row_count=1)


def run(spark: SparkSession, folder: Path, *rows: tuple[int, str]) -> tuple[dg.ExecuteInProcessResult, Lake]:
    """Publish numbers, and their doubles downstream, as a stage does."""

    @table_asset(NUMBERS, upstream=[], partitions=PUBLISH_DAYS)
    def number_stage(night: Night) -> Made:
        """Numbers."""
        return {NUMBERS.name: Candidate(numbers(spark, *rows), by_key=True)}

    @table_asset(DOUBLES, upstream=[NUMBERS], partitions=PUBLISH_DAYS)
    def double_stage(night: Night) -> Made:
        """Doubles."""
        return {DOUBLES.name: Candidate(night.lake.read(NUMBERS).selectExpr("number * 2 AS number"), by_key=True)}

    lake = Lake(str(folder / "lake"), lambda: spark)
    night = Night(Settings(lake=lake.uri))
    night._lake = lake
    night.has_news = lambda table, upstream: True  # type: ignore[method-assign]
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [number_stage, double_stage],
            partition_key="2026-05-01",
            resources={"night": night},
            raise_on_error=False,
            instance=instance,
        )
    return result, lake


@pytest.mark.parametrize("most", [1_000, 0], ids=["few rows", "many rows"])
def test_table_asset__what_breaks_its_contract_is_not_published_and_stops_what_is_downstream(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("pipelines.lake._FEW", most)
    good, lake = run(spark, tmp_path, (1, "odd"), (2, "even"))
    assert good.success
    [told] = [each.metadata for each in good.asset_materializations_for_node("number_stage")]
    assert told["dagster/row_count"].value == told["rows written"].value == 2
    bad, lake = run(spark, tmp_path, (-1, "odd"), (4, "even"))
    assert not bad.success
    assert {event.step_key for event in bad.get_step_failure_events()} == {"number_stage"}
    assert not [event for event in bad.all_node_events if event.step_key == "double_stage"]
    assert sorted(row.number for row in lake.read(NUMBERS).collect()) == [1, 2]
    assert sorted(row.number for row in lake.read(DOUBLES).collect()) == [2, 4]
    [check] = [each for each in bad.get_asset_check_evaluations() if not each.passed]
    assert "✗ is_positive (not so in 1 of 2 rows)" in str(check.metadata["expectations"].value)


def test_publish__a_run_that_lost_the_lake_writes_no_more(spark: SparkSession, tmp_path: Path) -> None:
    def lost() -> None:
        raise LakeHeldError("taken over")

    night = Night(Settings(lake=str(tmp_path / "lake")), confirm_hold=lost)
    night._lake = lake = Lake(night.settings.lake_uri, lambda: spark)
    with pytest.raises(LakeHeldError):
        publish(night, NUMBERS, Candidate(numbers(spark, (1, "odd"))), Consumed())
    assert lake.row_count(NUMBERS) == 0


def test_publish__rows_known_to_be_many_are_not_fetched_to_be_counted(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are checked where they lie, and written from their batches."""

    def fetched(*_: object, **__: object) -> None:
        raise AssertionError("the driver was given the rows")

    night = Night(Settings(lake=str(tmp_path / "lake")))
    night._lake = lake = Lake(night.settings.lake_uri, lambda: spark)
    monkeypatch.setattr(lake, "few", fetched)
    rows = pa.table({"number": [1, 2], "kind": ["odd", "even"]})
    given = Candidate(
        spark.createDataFrame(rows),
        is_persisted=True,
        batches=lambda columns: rows.select(columns).to_reader(),
        is_few=False,
    )
    assert publish(night, NUMBERS, given, Consumed()).passed
    assert lake.row_count(NUMBERS) == 2


def test_table_asset__another_fact_than_last_time_is_news(spark: SparkSession, tmp_path: Path) -> None:
    """What goes into the rows besides tables, as the context file does."""
    said: dict[str, str | None] = {"context": None}
    made = []

    @table_asset(NUMBERS, upstream=[], partitions=PUBLISH_DAYS, facts=lambda _night: said)
    def stage(_night: Night) -> Made:
        """Numbers."""
        made.append(said["context"])
        return {NUMBERS.name: Candidate(numbers(spark, (1, "odd")), by_key=True)}

    lake = Lake(str(tmp_path / "lake"), lambda: spark)
    night = Night(Settings(lake=lake.uri))
    night._lake = lake
    with dg.DagsterInstance.ephemeral() as instance:
        for said["context"] in (None, "a", "a", "b", None, None):
            assert dg.materialize(
                [stage], partition_key="2026-05-01", resources={"night": night}, instance=instance
            ).success
    assert made == ["a", "b", None]


def test_ensure__a_row_rule_is_a_constraint_of_the_table_too(spark: SparkSession, tmp_path: Path) -> None:
    _, lake = run(spark, tmp_path, (1, "odd"))
    with pytest.raises(Exception, match="CHECK constraint is_positive"):
        numbers(spark, (-5, "odd")).write.format("delta").mode("append").save(lake.path(NUMBERS))
