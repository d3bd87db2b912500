"""The one slot on Spark: what died with it gives it back, what lives keeps it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from pipelines.progress import Silent
from pipelines.slots import POOL, PROCESS_TAG, runs_with_a_slot, this_process, wait_for_slot

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(
        "telemetry:\n  enabled: false\nconcurrency:\n  pools:\n    granularity: op\n    default_limit: 1\n"
    )
    with dg.DagsterInstance.get() as found:
        yield found


def holding(instance: dg.DagsterInstance, process: str | None) -> dg.DagsterRun:
    """Return a run that has begun, and holds the slot."""
    tags = {PROCESS_TAG: process} if process else {}
    run = instance.create_run_for_job(
        dg.job(name="nightly")(lambda: None), tags=tags, status=dg.DagsterRunStatus.STARTED
    )
    instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
    assert instance.event_log_storage.claim_concurrency_slot(POOL, run.run_id, "ingest").is_claimed
    return run


def free(instance: dg.DagsterInstance) -> bool:
    return not instance.event_log_storage.get_concurrency_info(POOL).claimed_slots


def process_that_ended() -> str:
    host = this_process().partition("/")[0]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        began = int(psutil.Process(process.pid).create_time())
        process.communicate(b"\n")
    return f"{host}/{process.pid}/{began}"


def test_wait_for_slot__a_run_whose_process_is_gone_has_failed_and_its_slot_is_free(
    instance: dg.DagsterInstance,
) -> None:
    run = holding(instance, process_that_ended())
    wait_for_slot(instance, Silent())
    assert free(instance)
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE


def test_runs_with_a_slot__another_process_with_the_same_number_is_not_the_one(instance: dg.DagsterInstance) -> None:
    host, pid, began = this_process().split("/")
    holding(instance, f"{host}/{pid}/{int(began) - 3600}")
    assert runs_with_a_slot(instance) == []
    assert free(instance)


def test_runs_with_a_slot__a_run_that_ended_without_giving_it_back(instance: dg.DagsterInstance) -> None:
    run = holding(instance, this_process())
    instance.report_run_failed(run)
    assert runs_with_a_slot(instance) == []
    assert free(instance)


@pytest.mark.parametrize("process", [pytest.param(this_process(), id="this"), "another-host/1/1", "nonsense", None])
def test_runs_with_a_slot__what_lives_or_may_live_keeps_it(instance: dg.DagsterInstance, process: str | None) -> None:
    run = holding(instance, process)
    assert [each.run_id for each in runs_with_a_slot(instance)] == [run.run_id]
    assert not free(instance)


def test_wait_for_slot__nothing_to_wait_for_in_a_new_instance(instance: dg.DagsterInstance) -> None:
    wait_for_slot(instance, Silent())
    assert runs_with_a_slot(instance) == []
