"""A small generated organisation, and the whole job run over it once: what the tests of the job start from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from benchmarks.organisation import Parameters, generate
from pipelines.lake import Lake
from pipelines.night import Night
from pipelines.run import Outcome, run_nightly
from pipelines.settings import Settings, load_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FIRST, LAST = date(2026, 2, 26), date(2026, 3, 6)


class Ran(NamedTuple):
    """A lake, how the run that made it ended, and the organisation whose logs are in it."""

    lake: Lake
    outcome: Outcome
    organisation: Path
    settings: Settings


@pytest.fixture(scope="session")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisation") / "demo"
    generate(folder, Parameters(accounts=3, days=8, events_per_day=120))
    return folder


@pytest.fixture(scope="session")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    patch = pytest.MonkeyPatch()
    home = tmp_path_factory.mktemp("dagster")
    patch.setenv("DAGSTER_HOME", str(home))
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    yield home
    patch.undo()


@pytest.fixture(scope="session")
def ran(organisation: Path, dagster_home: Path, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    settings = settings_of(organisation, tmp_path_factory.mktemp("lake"))
    outcome = run_nightly(Night(settings), FIRST, LAST)
    return Ran(Lake(settings.lake_uri, lambda: spark), outcome, organisation, settings)


def settings_of(organisation: Path, lake: Path) -> Settings:
    """Return the settings of a lake of the organisation."""
    return load_settings(
        cloudtrail=str(organisation / "logs" / "cloudtrail"),
        findings=str(organisation / "logs" / "guardduty"),
        lake=str(lake),
        geo_city=(organisation / "geo" / "city.mmdb",),
        geo_asn=(organisation / "geo" / "asn.mmdb",),
    )
