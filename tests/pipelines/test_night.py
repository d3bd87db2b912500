"""What a run knows of how much it has to do, and what follows from it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelines.night import Night
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture
def rows(spark: SparkSession, tmp_path: Path) -> DataFrame:
    spark.range(3).write.parquet(f"{tmp_path}/rows")
    return spark.read.parquet(f"{tmp_path}/rows")


def test_read_once__few_rows_are_kept_whatever_becomes_of_their_files(rows: DataFrame, tmp_path: Path) -> None:
    kept = Night(load_settings(lake="lake")).read_once(rows)
    shutil.rmtree(tmp_path / "rows")
    assert kept.count() == kept.distinct().count() == 3


def test_read_once__many_are_read_with_each_look(rows: DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.night._LARGE", 2)
    assert Night(load_settings(lake="lake"), rows_read=3).read_once(rows) is rows
