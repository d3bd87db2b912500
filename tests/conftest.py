"""One Spark session for the whole suite; everything else is built in the tests themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from pipelines.spark import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A machine with other work on it is slow; that is no fault of a strategy.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = spark_session("local[2]", memory="2g")
    yield session
    session.stop()
