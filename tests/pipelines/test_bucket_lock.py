"""Two runs over a lake in a bucket: the second waits for the first, and takes over from one that fell silent. A real S3 server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipelines import bucket_lock as module
from pipelines.bucket_lock import _BucketLock, bucket_lock
from pipelines.lock import NOTE, Holder, LakeHeldError, lake_lock
from pipelines.night import Night
from pipelines.settings import load_settings
from pipelines.slots import this_process
from pipelines.sources.aws import client
from pipelines.sources.layout import SourceError
from tests.pipelines.test_lock import Told
from tests.s3_server import TestBucket

OTHER = Holder("elsewhere/7/1", "run 2026-03-01 to 2026-03-05", "2026-03-06 00:30:00")
NOT_LOCKED = (
    "lake: the lake is not locked, since its bucket takes no conditional writes: "
    "see to it that only one run writes to it at a time"
)


@pytest.fixture
def lake(bucket: TestBucket) -> str:
    return f"s3a://{bucket.name}/a lake"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become tenths of them, and less."""
    monkeypatch.setattr(module, "_EVERY", 0.02)
    monkeypatch.setattr(module, "_BEAT", 0.1)


def note_in(bucket: TestBucket) -> dict[str, Any] | None:
    try:
        answer = bucket.client.get_object(Bucket=bucket.name, Key=f"a lake/{NOTE}")
    except bucket.client.exceptions.NoSuchKey:
        return None
    found: dict[str, Any] = json.loads(answer["Body"].read())
    return found


def holder_in(bucket: TestBucket) -> tuple[str, str] | None:
    note = note_in(bucket)
    return (note["process"], note["what"]) if note else None


def held_by(bucket: TestBucket, lake: str, holder: Holder = OTHER) -> _BucketLock:
    """A lock of another run, whose heart does not beat by itself."""
    lock = _BucketLock(lake, holder, bucket.access)
    lock.acquire(Told(), 0)
    return lock


def acting_once_waiting(act: Callable[[], None]) -> Told:
    """Somebody who acts when told who is waited for."""
    told = Told()

    def tell(stage: str, message: str) -> None:
        told.lines.append(f"{stage}: {message}")
        if stage == "waiting":
            act()

    told.tell = tell  # type: ignore[method-assign]
    return told


# -- who holds it ----------------------------------------------------------------------------------------------------------


def test_lake_lock__a_bucket_has_a_note_of_who_holds_it_while_it_is_held(bucket: TestBucket, lake: str) -> None:
    told = Told()
    with lake_lock(lake, "run", told, 0, bucket.access) as confirm:
        assert holder_in(bucket) == (this_process(), "run")
        confirm()
    assert note_in(bucket) is None
    assert told.lines == []


def test_lake_lock__a_second_run_says_who_writes_to_the_bucket_and_since_when(bucket: TestBucket, lake: str) -> None:
    held_by(bucket, lake)
    with pytest.raises(LakeHeldError) as stop, lake_lock(lake, "run", Told(), 0, bucket.access):
        raise AssertionError("held twice")
    assert str(stop.value) == (
        f"the lake {lake} is being written by {OTHER}; waited 0 minutes: "
        "start again when it has ended, or wait longer (ROLESCOPE_LOCK_WAIT_MINUTES)"
    )
    assert holder_in(bucket) == (OTHER.process, OTHER.what)


def test_lake_lock__a_second_run_waits_until_the_first_has_let_the_bucket_go(
    bucket: TestBucket, lake: str, impatient: None
) -> None:
    told = acting_once_waiting(held_by(bucket, lake).release)
    with lake_lock(lake, "run", told, 1, bucket.access):
        assert holder_in(bucket) == (this_process(), "run")
    assert told.lines == [f"waiting: the lake is being written by {OTHER}"]


@pytest.mark.parametrize("is_left_behind", [False, True])
def test_bucket_lock__of_many_at_once_one_holds(
    bucket: TestBucket, lake: str, is_left_behind: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody's note lies, and where all of them find one that was left behind."""
    if is_left_behind:
        held_by(bucket, lake)
        monkeypatch.setattr(module, "_SILENT", 2.0)
        time.sleep(3.5)  # the server's times are whole seconds
    all_tried, runs = threading.Barrier(8), 8

    def hold(number: int) -> str:
        try:
            with bucket_lock(lake, replace(OTHER, what=f"{number}"), Told(), 0, bucket.access):
                all_tried.wait(30)
                return "held"
        except LakeHeldError:
            all_tried.wait(30)
            return "refused"

    with ThreadPoolExecutor(runs) as pool:
        ended = list(pool.map(hold, range(runs)))
    assert sorted(ended) == ["held", *["refused"] * (runs - 1)]
    assert note_in(bucket) is None


# -- who has fallen silent -------------------------------------------------------------------------------------------------


def test_bucket_lock__a_run_that_beats_is_never_taken_over(
    bucket: TestBucket, lake: str, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SILENT", 2.5)  # the server's times are whole seconds
    with bucket_lock(lake, OTHER, Told(), 0, bucket.access) as confirm:
        with pytest.raises(LakeHeldError), lake_lock(lake, "run", Told(), 0.08, bucket.access):
            raise AssertionError("held twice")
        confirm()
        note = note_in(bucket)
        assert note is not None
        assert note["beat"] > 5


def test_bucket_lock__one_that_fell_silent_is_taken_over_and_finds_that_out_before_it_writes(
    bucket: TestBucket, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, told = held_by(bucket, lake), Told()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_SILENT", -1.0)  # whatever lies there has been left behind
        next_one = _BucketLock(lake, replace(OTHER, process="here/8/1"), bucket.access)
        next_one.acquire(told, 0)
    assert told.lines == [f"lake: taken over from {OTHER}: it was killed; what it wrote stays"]
    silent.beat()
    with pytest.raises(
        LakeHeldError, match="is not held by this run any more: it was silent for more than 120 seconds"
    ):
        silent.confirm()
    silent.release()
    assert holder_in(bucket) == ("here/8/1", OTHER.what)  # whoever lost it takes nobody's note away
    next_one.confirm()


def test_bucket_lock__a_run_that_lost_the_lake_does_not_end_well(
    bucket: TestBucket, lake: str, impatient: None
) -> None:
    def hold() -> None:
        with bucket_lock(lake, OTHER, Told(), 0, bucket.access):
            bucket.client.delete_object(Bucket=bucket.name, Key=f"a lake/{NOTE}")
            time.sleep(1)  # several beats

    with pytest.raises(LakeHeldError, match=r"its note _lock\.json was removed"):
        hold()
    with pytest.raises(ZeroDivisionError), bucket_lock(lake, OTHER, Told(), 0, bucket.access):
        _ = 1 / 0
    assert note_in(bucket) is None


def test_confirm__a_run_that_cannot_say_that_it_lives_does_not_write(
    bucket: TestBucket, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = held_by(bucket, lake)

    def unreachable(_condition: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")

    with monkeypatch.context() as patch:
        patch.setattr(lock, "_put_as_it_is", unreachable)
        lock.beat()
        lock.confirm()  # not for so long yet
        lock._held_at -= 2 * module._SILENT
        with pytest.raises(LakeHeldError):
            lock.confirm()
    lock.confirm()  # nobody took it meanwhile


def test_bucket_lock__a_put_whose_answer_was_lost_is_known_again(bucket: TestBucket, lake: str) -> None:
    """boto3 puts it a second time, and that meets the first: the note is the run's own."""
    lock = _BucketLock(lake, OTHER, bucket.access)
    put = lock._put_as_it_is
    lock._put_as_it_is = lambda condition: (put(condition), put(condition))[1]  # type: ignore[method-assign]
    assert lock._put(IfNoneMatch="*")
    lock.beat()
    lock.confirm()
    lock._put_as_it_is = put  # type: ignore[method-assign]
    lock.release()
    assert note_in(bucket) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"process": 1}', b"\xff" * 100_000])
def test_bucket_lock__a_note_that_says_nothing_is_another_runs_until_it_is_old(
    bucket: TestBucket, lake: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(f"a lake/{NOTE}", content)
    with pytest.raises(LakeHeldError, match="is being written by another run"):
        held_by(bucket, lake)
    monkeypatch.setattr(module, "_SILENT", -1.0)
    held_by(bucket, lake).release()
    assert note_in(bucket) is None


# -- buckets that take no conditional writes -------------------------------------------------------------------------------


@pytest.fixture(params=["If-None-Match", "If-Match"])
def passed_over(bucket: TestBucket, request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """A condition that does not reach the server: what one makes of it that does not know it."""
    events = client("s3", bucket.access).meta.events
    dropped: list[str] = []

    def drop(params: dict[str, Any], **_more: Any) -> None:
        if params["headers"].pop(request.param, None):
            dropped.append(request.param)

    events.register("before-call.s3.PutObject", drop)
    yield dropped
    events.unregister("before-call.s3.PutObject", drop)


def test_lake_lock__a_bucket_that_passes_over_a_condition_is_not_locked_and_that_is_said(
    bucket: TestBucket, lake: str, passed_over: list[str]
) -> None:
    told = Told()
    with lake_lock(lake, "run", told, 0, bucket.access) as confirm:
        confirm()
        assert note_in(bucket) is None
    assert told.lines == [NOT_LOCKED]
    assert passed_over


def test_lake_lock__a_bucket_that_refuses_conditions_is_not_locked_and_that_is_said(
    bucket: TestBucket, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**given: object) -> None:
        assert "IfNoneMatch" in given
        raise ClientError({"Error": {"Code": "NotImplemented", "Message": "A header is not implemented"}}, "PutObject")

    monkeypatch.setattr(client("s3", bucket.access), "put_object", refuse)
    told = Told()
    with lake_lock(lake, "run", told, 0, bucket.access):
        pass
    assert told.lines == [NOT_LOCKED]


# -- the run ---------------------------------------------------------------------------------------------------------------


def test_lake_lock__a_bucket_that_is_not_there_is_said_in_one_sentence(bucket: TestBucket) -> None:
    said = "^lake: s3a://not-there/x cannot be locked: there is no such bucket"
    with pytest.raises(SourceError, match=said), lake_lock("s3a://not-there/x", "run", Told(), 0, bucket.access):
        raise AssertionError("held")


def test_writing__holds_the_bucket_and_asks_it_before_a_write(bucket: TestBucket, lake: str) -> None:
    night = Night(load_settings(lake=lake, reports="reports", s3_endpoint=bucket.address))
    night.confirm_hold()  # who holds nothing has nothing to lose
    with night.writing("run"):
        assert holder_in(bucket) == (this_process(), "run")
        night.confirm_hold()
        assert night.confirm_hold.__self__._lake == lake  # type: ignore[attr-defined]
    night.confirm_hold()
    assert note_in(bucket) is None
