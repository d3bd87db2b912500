"""The lock of a lake in a bucket: a note of who holds it, which S3 takes only where there is none (`If-None-Match: *`).

The holder puts the note anew while it lives, each time only over its own (`If-Match`); a note that stays as it is has been left behind, and
of those that take it over one succeeds. How old it is goes by the server's clock alone. A run that was held up for so long that another
one took the lake finds that out before it writes (`confirm`); one that cannot reach the bucket cannot write to it either.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event, Lock, Thread
from typing import Any, NamedTuple
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from pipelines.lock import NOTE, Holder, LakeHeldError, held, taken_over
from pipelines.progress import Progress
from pipelines.sources.aws import Access, client, code_of, in_words
from pipelines.sources.layout import SourceError
from pipelines.sources.s3 import address_of

_EVERY = 5.0  # seconds between looks at whether the lake is free
_BEAT = 15.0  # seconds between puts of the note: each is paid for
_SILENT = 120.0  # seconds without one, after which its run counts as killed
_LONGEST = 1 << 16  # bytes of a note that are read: anybody may have put it there

_NO_ETAG = f'"{"0" * 32}"'
_ERRORS = (BotoCoreError, ClientError)
# What S3 says where the condition does not hold; the last is of a note that is gone.
_NOT_SO = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"})
_NOT_KNOWN = frozenset({"NotImplemented", "501"})


class _Note(NamedTuple):
    """What lies there: whose it is, which put of it, and how long ago that was (seconds)."""

    etag: str
    age: float
    holder: Holder | None
    run: str | None
    beat: int | None


class _NoConditionsError(Exception):
    """The server does not keep conditions of writes."""


@contextmanager
def bucket_lock(
    lake: str, holder: Holder, progress: Progress, wait_minutes: float, access: Access
) -> Iterator[Callable[[], None]]:
    """Hold a lake in a bucket while inside; give what raises if it is not held any more (`LakeHeldError`).

    Raises:
        LakeHeldError: another run holds it, and did not end in time; or took it over meanwhile, because this one was silent.
        SourceError: the bucket cannot be read or written.
    """
    lock = _BucketLock(lake, holder, access)
    try:
        lock.acquire(progress, wait_minutes)
    except _NoConditionsError:
        progress.tell(
            "lake",
            "the lake is not locked, since its bucket takes no conditional writes: see to it that only one run writes to it at a time",
        )
        yield lambda: None
        return
    except _ERRORS as error:
        raise SourceError(f"lake: {lake} cannot be locked: {in_words(error)}") from error
    ended = Event()

    def beat() -> None:
        while not ended.wait(_BEAT):
            lock.beat()

    Thread(target=beat, daemon=True).start()
    try:
        yield lock.confirm
    finally:
        ended.set()
        lock.release()
    if lock.is_lost:  # and nothing said so yet
        raise lock.lost()


class _BucketLock:
    """The note of one run. Its heart beats in a thread of its own."""

    def __init__(self, lake: str, holder: Holder, access: Access) -> None:
        self._lake = lake
        self._holder = holder
        address = address_of(lake)
        self._place = {"Bucket": address.bucket, "Key": f"{address.prefix}{NOTE}", **access.payer}
        self._client = client("s3", access)
        self._run = uuid4().hex
        self._beat = 0
        self._etag = ""
        self._held_at = 0.0
        self._busy = Lock()
        self._is_released = False
        self.is_lost = False

    def acquire(self, progress: Progress, wait_minutes: float) -> None:
        """Put the note there as soon as no other run's is."""
        until = time.monotonic() + wait_minutes * 60
        told: Holder | None = None
        has_told = False
        while True:
            there = self._read()
            if there is None and self._put(IfNoneMatch="*"):
                return self._see_that_conditions_hold()
            if there is not None and there.age > _SILENT and self._put(IfMatch=there.etag):
                progress.tell("lake", taken_over(there.holder))
                return self._see_that_conditions_hold()
            holder = there.holder if there else None
            if time.monotonic() >= until:
                raise held(self._lake, holder, wait_minutes)
            if there is not None and (not has_told or holder != told):
                progress.tell("waiting", f"the lake is being written by {holder or 'another run'}")
                told, has_told = holder, True
            time.sleep(min(_EVERY, max(0.0, until - time.monotonic())))

    def beat(self) -> None:
        """Say that the run lives; find out if another one took the lake."""
        with self._busy, suppress(*_ERRORS):  # of no answer: the next beat tries again
            if not self._is_released and not self.is_lost:
                self.is_lost = not self._put(IfMatch=self._etag)

    def confirm(self) -> None:
        """Make sure that the lake is held still, before something is written to it.

        Raises:
            LakeHeldError: another run took it, or may have.
        """
        if self._is_silent:
            self.beat()
        if self.is_lost or self._is_silent:
            raise self.lost()

    def lost(self) -> LakeHeldError:
        """Return what is to be said where the lake is not held any more."""
        return LakeHeldError(
            f"the lake {self._lake} is not held by this run any more: it was silent for more than {_SILENT:g} seconds, or its note "
            f"{NOTE} was removed; start it again, it goes on where it stopped"
        )

    def release(self) -> None:
        """Take the note away, if it is still this run's."""
        with self._busy, suppress(*_ERRORS):  # what stays there is left behind: it is taken over
            self._is_released = True
            if self.is_lost:
                return
            try:
                self._client.delete_object(**self._place, IfMatch=self._etag)
            except ClientError as error:
                if code_of(error) not in _NOT_KNOWN:
                    raise
                self._client.delete_object(**self._place)

    # -- requests ------------------------------------------------------------------------------------------------------

    @property
    def _is_silent(self) -> bool:
        return time.monotonic() - self._held_at > _SILENT

    def _read(self) -> _Note | None:
        try:
            answer = self._client.get_object(**self._place)
            with closing(answer["Body"]) as body:
                text = body.read(_LONGEST)
        except ClientError as error:
            if code_of(error) in ("NoSuchKey", "404"):
                return None
            raise
        age = (_now_there(answer) - answer["LastModified"]).total_seconds()
        try:
            told = json.loads(text)
            holder = Holder(*(str(told[name]) for name in ("process", "what", "since")))
            return _Note(answer["ETag"], age, holder, told.get("run"), told.get("beat"))
        except (ValueError, TypeError, KeyError, RecursionError):
            return _Note(answer["ETag"], age, None, None, None)

    def _put(self, **condition: str) -> bool:
        """Put the note if a condition holds; whether it lies there now, as this run's."""
        began = time.monotonic()
        self._beat += 1
        try:
            self._etag = self._put_as_it_is(condition)
        except ClientError as error:
            if code_of(error) not in _NOT_SO:
                raise
            there = self._read()
            if there is None or there.run != self._run:
                return False
            self._etag = there.etag  # it was put, and the answer was lost: the second try met its own note
            began = began if there.beat == self._beat else self._held_at
        self._held_at = began
        return True

    def _put_as_it_is(self, condition: dict[str, str]) -> str:
        note = json.dumps({**asdict(self._holder), "run": self._run, "beat": self._beat})
        try:
            answer = self._client.put_object(
                **self._place, Body=note.encode(), ContentType="application/json", **condition
            )
        except ClientError as error:
            if code_of(error) in _NOT_KNOWN:
                raise _NoConditionsError from error
            raise
        return str(answer["ETag"])

    def _see_that_conditions_hold(self) -> None:
        """Try to put the note against each condition: a server that takes it would take two runs' notes as well."""
        for condition in ({"IfNoneMatch": "*"}, {"IfMatch": _NO_ETAG}):
            try:
                self._put_as_it_is(condition)
            except ClientError as error:
                if code_of(error) not in _NOT_SO:
                    raise
            else:
                self._client.delete_object(**self._place)
                raise _NoConditionsError


def _now_there(answer: dict[str, Any]) -> datetime:
    """Return the time by the clock of the server, which the time of its objects goes by: that of this machine may be off."""
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    with suppress(TypeError, ValueError):
        return parsedate_to_datetime(told).replace(tzinfo=UTC)
    return datetime.now(UTC)
