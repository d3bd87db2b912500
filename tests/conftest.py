"""One Spark session for the whole suite, or for each process that runs a part; everything else is built in the tests themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from pipelines.spark import spark_session
from tests.s3_server import KEY, SECRET

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Before Spark begins, since its workers have the environment that it began with. No test finds anybody's credentials.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# A machine with other work on it is slow; that is no fault of a strategy.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


# What takes longest begins first: of two processes one would wait for it at the end.
_FIRST = ("test_cluster", "test_order_independence", "test_coverage", "test_attribution_oracle")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules that take longest before the others."""
    items.sort(key=lambda item: _FIRST.index(item.path.stem) if item.path.stem in _FIRST else len(_FIRST))


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = spark_session("local[2]", memory="2g")
    yield session
    session.stop()
