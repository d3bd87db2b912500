"""Two runs at once: the second waits for the first, says for whom, and takes over from one that was killed. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from expectations.tables import INGEST_FILES
from pipelines import lock
from pipelines.creation import create_in_folder
from pipelines.jobs import writing_night
from pipelines.lock import NOTE, LakeHeldError, holder_of, lake_lock
from pipelines.slots import this_process
from tests.pipelines.conftest import put

_HOLD = """
import sys
from pipelines.lock import lake_lock
from pipelines.progress import Silent
with lake_lock(sys.argv[1], "run 2026-03-01 to 2026-03-05", Silent(), 0):
    print("held", flush=True)
    input()
"""
Begin = Callable[[], "subprocess.Popen[str]"]


class Told:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, stage: str, message: str) -> None:
        self.lines.append(f"{stage}: {message}")

    def finished(self, stage: str, message: str) -> None:
        self.tell(stage, message)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begin another process that holds the lake; those that still run are ended."""
    begun: list[subprocess.Popen[str]] = []

    def hold() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in begun:
        process.kill()
        process.communicate()


def test_lake_lock__a_second_run_says_who_writes_and_since_when(begin: Begin, tmp_path: Path) -> None:
    other = begin()
    held = f"`run 2026-03-01 to 2026-03-05`, process {other.pid} on {this_process().partition('/')[0]}, since 20"
    ended = pytest.raises(LakeHeldError, match="waited 0 minutes: start again when it has ended")
    with ended as stop, lake_lock(str(tmp_path), "run", Told(), 0):
        raise AssertionError("held twice")
    assert held in str(stop.value)
    assert str(stop.value).startswith(f"the lake {tmp_path} is being written by ")


def test_lake_lock__a_second_run_waits_until_the_first_has_ended(begin: Begin, tmp_path: Path) -> None:
    other, told = begin(), Told()
    assert other.stdin is not None

    def end_it(stage: str, message: str) -> None:
        told.lines.append(f"{stage}: {message}")
        other.stdin.write("\n")  # once it is waited for
        other.stdin.flush()

    told.tell = end_it  # type: ignore[method-assign]
    with lake_lock(str(tmp_path), "run", told, 1):
        assert other.wait(10) == 0
    [line] = told.lines
    assert line.startswith("waiting: the lake is being written by `run 2026-03-01 to 2026-03-05`, process ")
    assert holder_of(str(tmp_path)) is None


def test_lake_lock__what_a_killed_run_held_is_taken_over(begin: Begin, tmp_path: Path) -> None:
    other, told = begin(), Told()
    os.kill(other.pid, signal.SIGKILL)
    other.wait(10)
    with lake_lock(str(tmp_path), "the next", told, 0):
        holder = holder_of(str(tmp_path))
        assert holder is not None
        assert (holder.process, holder.what) == (this_process(), "the next")
    [line] = told.lines
    assert line.startswith(f"lake: taken over from `run 2026-03-01 to 2026-03-05`, process {other.pid} on ")
    assert "it was killed" in line


def test_lake_lock__a_run_of_another_machine_counts_as_killed_once_its_note_is_not_touched_any_more(
    tmp_path: Path,
) -> None:
    """A network file system may keep locks to each machine: a free lock proves nothing then."""
    note = tmp_path / NOTE
    note.write_text('{"process": "elsewhere/1/1", "what": "run", "since": "2026-03-01 00:30:00"}')
    with pytest.raises(LakeHeldError, match="process 1 on elsewhere"), lake_lock(str(tmp_path), "run", Told(), 0):
        pass
    silent = time.time() - 2 * lock._SILENT
    os.utime(note, (silent, silent))
    told = Told()
    with lake_lock(str(tmp_path), "run", told, 0):
        pass
    assert len(told.lines) == 1


def test_lake_lock__touches_its_note_while_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_BEAT", 0.01)
    with lake_lock(str(tmp_path), "run", Told(), 0):
        note = tmp_path / NOTE
        os.utime(note, (0, 0))
        until = time.monotonic() + 10
        while note.stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert note.stat().st_mtime > 0


def test_lake_lock__a_note_that_says_nothing_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / NOTE).write_text("{")
    with lake_lock(str(tmp_path), "run", Told(), 0):
        pass


def test_lake_lock__is_given_back_when_a_run_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lake_lock(str(tmp_path), "run", Told(), 0):
        _ = 1 / 0
    with lake_lock(str(tmp_path), "run", Told(), 0):
        pass


def test_lake_lock__an_address_of_another_kind_is_not_locked_and_that_is_said() -> None:
    told = Told()
    with lake_lock("hdfs://host/lake", "run", told, 0):
        pass
    said = "lake: a lake at such an address is not locked: see to it that only one run writes to it at a time"
    assert told.lines == [said]


def test_lake_lock__a_folder_that_is_named_by_its_address_is_locked(begin: Begin, tmp_path: Path) -> None:
    begin()
    with pytest.raises(LakeHeldError), lake_lock(tmp_path.as_uri(), "run", Told(), 0):
        raise AssertionError("held twice")


def test_status__is_not_held_up_by_a_run(begin: Begin, tmp_path: Path, said: Callable[..., tuple[int, str]]) -> None:
    create_in_folder(INGEST_FILES, str(tmp_path / INGEST_FILES.name))
    begin()
    status, text = said("status", "--lake", tmp_path)
    assert status == 0
    assert "Ingested" in text


def test_run__stops_with_a_sentence_and_status_1_where_another_run_writes(
    begin: Begin, tmp_path: Path, said: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin()
    monkeypatch.setenv("ROLESCOPE_LOCK_WAIT_MINUTES", "0")
    logs = put(tmp_path.with_name("logs"), "2026-03-02")
    status, text = said("run", "--lake", tmp_path, "--cloudtrail", logs)
    assert status == 1
    assert text.splitlines()[-1].startswith(f"rolescope: the lake {tmp_path} is being written by `run 2026-03-01")


@pytest.mark.filterwarnings("default")
def test_writing_night__a_run_of_dagsters_holds_the_lake_from_its_begin_to_its_end(
    tmp_path: Path, at_a_prompt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLESCOPE_LAKE", str(tmp_path))
    held: list[str] = []

    @dg.op(required_resource_keys={"night"})
    def write() -> None:
        holder = holder_of(str(tmp_path))
        held.append(holder.what if holder else "nobody")

    @dg.job(resource_defs={"night": writing_night})
    def work() -> None:
        write()

    result = work.execute_in_process()
    assert held == [f"Dagster run {result.run_id}"]
    assert holder_of(str(tmp_path)) is None
