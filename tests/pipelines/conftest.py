"""A small generated organisation, and the whole job run over it once: what the tests of the job start from.

And the command line, as far as it goes without Spark: what the tests of commands, of settings and of what must hold before start from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from benchmarks.organisation import Parameters, generate
from pipelines import cli, commands, preflight
from pipelines.lake import Lake
from pipelines.night import Night
from pipelines.run import Outcome, run_nightly
from pipelines.settings import Settings, load_settings
from tests.s3_server import TestBucket, running_server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_NUMBERS = count()
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
        flows=str(organisation / "logs" / "flows"),
        lake=str(lake),
        geo_city=(organisation / "geo" / "city.mmdb",),
        geo_asn=(organisation / "geo" / "asn.mmdb",),
    )


@pytest.fixture(scope="session")
def s3_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def bucket(s3_address: str) -> TestBucket:
    """A bucket of the test's own."""
    return TestBucket(s3_address, f"bucket-{next(_NUMBERS)}")


@pytest.fixture
def at_a_prompt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variables, a folder of one's own, a Java that is never asked, and no Spark."""
    for name in [name for name in os.environ if name.upper().startswith("ROLESCOPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preflight, "java_home", lambda: tmp_path)


@pytest.fixture
def asked(at_a_prompt: None, monkeypatch: pytest.MonkeyPatch) -> list[tuple[date, date]]:
    """What the job was asked to run; it says that nothing was left out."""
    days: list[tuple[date, date]] = []

    def run_job(
        settings: Settings, first: date, last: date, _accounts: Any = None
    ) -> tuple[SimpleNamespace, list[str]]:
        days.append((first, last))
        return SimpleNamespace(settings=settings), []

    monkeypatch.setattr(commands, "run_job", run_job)
    return days


@pytest.fixture
def said(at_a_prompt: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the command line; return its exit status and what it says, on either stream."""

    def run(*arguments: object) -> tuple[int, str]:
        status = cli.exit_status_of(list(map(str, arguments)))
        told = capsys.readouterr()
        return status, (told.out + told.err).strip()

    return run


@pytest.fixture
def logs(at_a_prompt: None, tmp_path: Path) -> tuple[str, Path]:
    """The option that names a folder with an object of a day."""
    return "--cloudtrail", put(tmp_path / "logs", "2026-03-02")


def put(root: Path, *days: str, kind: str = "CloudTrail", name: str = "a.json.gz") -> Path:
    """Put an empty object below each day of an account's logs."""
    for day in days:
        folder = root / "AWSLogs" / "111111111111" / kind / "us-east-1" / day.replace("-", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return root
