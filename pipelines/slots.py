"""The slot on Spark (`pool="spark"`, one for all runs of an instance), and runs that died with it.

A run that is killed gives its slot back to nobody. Dagster's daemon could take it, but where the command line runs there is none,
and the next night would wait for ever. So each run says which process it is, and the next one frees what the dead have left.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import psutil

from pipelines.progress import Progress

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

POOL = "spark"
PROCESS_TAG = "rolescope/process"
"""Tag of a run: host, process id, and when that process began (seconds since 1970), since process ids come again."""

_EVERY = 5  # seconds, between looks at whether a slot is free


def this_process() -> str:
    """Return the value of PROCESS_TAG for runs of this process."""
    return f"{socket.gethostname()}/{os.getpid()}/{int(psutil.Process().create_time())}"


def wait_for_slot(instance: DagsterInstance, progress: Progress) -> None:
    """Free the slots that dead runs hold, and wait, saying so, while a live one holds them."""
    told: set[str] = set()
    while alive := runs_with_a_slot(instance):
        for run in alive:
            if run.run_id not in told:
                process = run.tags.get(PROCESS_TAG, "the Dagster UI")
                progress.tell("waiting", f"run {run.run_id[:8]} of {process} is using Spark")
                told.add(run.run_id)
        time.sleep(_EVERY)


def runs_with_a_slot(instance: DagsterInstance) -> list[DagsterRun]:
    """Return the runs that hold a slot and are alive, as far as can be known; those that are not lose it.

    A run without PROCESS_TAG (of the UI, or of another version) counts as alive until Dagster says that it has ended.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits or POOL not in storage.get_concurrency_keys():
        return []
    alive: list[DagsterRun] = []
    for run_id in {slot.run_id for slot in storage.get_concurrency_info(POOL).claimed_slots}:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished and _is_alive(run.tags.get(PROCESS_TAG)):
            alive.append(run)
            continue
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, "its process is gone: killed, or the machine stopped")
        storage.free_concurrency_slots_for_run(run_id)
    return alive


def _is_alive(process: str | None) -> bool:
    """Whether the process of a tag runs; that of another host, or of a tag that is none of ours, may."""
    host, _, rest = (process or "").partition("/")
    number, _, began = rest.partition("/")
    if host != socket.gethostname() or not (number.isdecimal() and began.isdecimal()):
        return True
    try:
        return abs(psutil.Process(int(number)).create_time() - int(began)) < 2
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
