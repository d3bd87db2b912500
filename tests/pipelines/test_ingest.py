"""A lot of more rows than the driver may hold is looked at by compiled queries; the table is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expectations.tables import CLOUDTRAIL_EVENTS
from pipelines.settings import load_settings
from pipelines.spark import FEW_ROWS
from tests.pipelines.test_unread import GOOD, Nights, body, key

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.filterwarnings("default")  # of Dagster and Great Expectations, about themselves

DAY = "2026-05-01"
NAMES = ("a", "b", "c")


@pytest.fixture
def nights(dagster_home: Path, spark: SparkSession, tmp_path: Path) -> Iterator[Nights]:
    for name in NAMES:
        path = tmp_path / "logs" / key(GOOD, DAY, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body(GOOD, DAY, name))
    yield Nights(load_settings(cloudtrail=str(tmp_path / "logs"), lake=str(tmp_path / "lake")), spark)
    for setting, value in FEW_ROWS.items():
        spark.conf.set(setting, value)


@pytest.mark.parametrize(("most", "are_compiled"), [(3, "false"), (2, "true")])
def test_ingest__queries_are_compiled_for_more_rows_than_the_driver_may_hold(
    nights: Nights, spark: SparkSession, monkeypatch: pytest.MonkeyPatch, most: int, are_compiled: str
) -> None:
    monkeypatch.setattr("pipelines.lake._FEW", most * len(CLOUDTRAIL_EVENTS.columns))
    assert nights.run(DAY) == []
    assert spark.conf.get("spark.sql.codegen.wholeStage") == are_compiled
    assert nights.events() == {f"{GOOD} {DAY} {name}" for name in NAMES}


def test_ingest__a_night_is_of_many_rows_by_the_records_of_all_its_lots(
    nights: Nights, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.night._LARGE", 2)
    nights.settings = nights.settings.model_copy(update={"chunk_objects": 1})
    assert nights.run(DAY) == []
    assert spark.conf.get("spark.sql.codegen.wholeStage") == "true"
    assert nights.events() == {f"{GOOD} {DAY} {name}" for name in NAMES}
