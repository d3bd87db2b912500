"""One writer at a time: a run holds the lake while it writes; the next one waits and says for whom. Reading is never held up.

Of a lake in a folder the lock is the operating system's (flock): it is gone with the process that held it, however that ended. Beside
it lies a note that says who holds it, and that is touched while the process lives: where several machines share the folder and their
file system keeps locks to each of them, the note's age says whether its run is alive. Of a lake in a bucket see `bucket_lock`.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

from filelock import FileLock, Timeout

from pipelines.progress import Progress
from pipelines.slots import this_process
from pipelines.sources.aws import Access
from pipelines.sources.folder import path_of

LOCK, NOTE = "_lock", "_lock.json"  # Delta and Spark leave names with an underscore alone
_EVERY = 1.0  # seconds between looks at whether the lake is free
_BEAT = 10.0  # seconds between touches of the note
_SILENT = 60.0  # seconds without a touch, after which a run of another machine counts as killed


class LakeHeldError(Exception):
    """Another run is writing to the lake, and did not end in time; the message says which."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lake: host, process id and when that process began; what it does; since when (UTC)."""

    process: str
    what: str
    since: str

    @property
    def host(self) -> str:
        """The machine."""
        return self.process.partition("/")[0]

    def __str__(self) -> str:
        """As a sentence names it."""
        host, _, rest = self.process.partition("/")
        return f"`{self.what}`, process {rest.partition('/')[0]} on {host}, since {self.since} UTC"


@contextmanager
def lake_lock(
    lake: str, what: str, progress: Progress, wait_minutes: float, access: Access | None = None
) -> Iterator[Callable[[], None]]:
    """Hold the lake while inside; wait for whoever holds it. Gives what raises, before a write, if it is not held any more.

    Args:
        lake: its address: a folder, or a bucket.
        what: the holder is doing, in the words of the command line.
        progress: is told who is waited for, and whose lock was left behind.
        wait_minutes: how long to wait.
        access: how its bucket is reached.

    Raises:
        LakeHeldError: it is still held then; of a bucket, or another run took it over meanwhile.
        SourceError: the bucket cannot be read or written.
    """
    holder = Holder(this_process(), what, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}")
    if lake.startswith(("s3a://", "s3://")):
        from pipelines.bucket_lock import bucket_lock  # noqa: PLC0415  (boto3)

        with bucket_lock(lake, holder, progress, wait_minutes, access or Access()) as confirm:
            yield confirm
        return
    if "://" in lake and not lake.startswith("file://"):
        progress.tell(
            "lake", "a lake at such an address is not locked: see to it that only one run writes to it at a time"
        )
        yield _nothing
        return
    folder = path_of(lake)
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / NOTE
    lock = FileLock(folder / LOCK)
    _acquire(lock, note, progress, time.monotonic() + wait_minutes * 60, wait_minutes)
    try:
        with _noted(note, holder):
            yield _nothing  # the operating system takes the lock from nobody
    finally:
        lock.release()


def holder_of(lake: str) -> Holder | None:
    """Return who holds a lake in a folder, or held it when it was killed; null if nobody does."""
    try:
        return Holder(**json.loads(Path(lake, NOTE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def held(lake: str, holder: Holder | None, wait_minutes: float) -> LakeHeldError:
    """Return what is to be said where a lake was held for as long as could be waited."""
    return LakeHeldError(
        f"the lake {lake} is being written by {holder or 'another run'}; waited {wait_minutes:g} minutes: "
        "start again when it has ended, or wait longer (ROLESCOPE_LOCK_WAIT_MINUTES)"
    )


def taken_over(holder: Holder | None) -> str:
    """Return what is to be said of a lock that was left behind."""
    return f"taken over from {holder or 'another run'}: it was killed; what it wrote stays"


def _nothing() -> None:
    """Confirm what needs no confirmation."""


def _acquire(lock: FileLock, note: Path, progress: Progress, until: float, wait_minutes: float) -> None:
    told: Holder | None = None
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=0)
        holder = holder_of(str(note.parent))
        if lock.is_locked:
            if holder is None or holder.host == this_process().partition("/")[0] or _age(note) > _SILENT:
                if holder is not None:
                    progress.tell("lake", taken_over(holder))
                return
            lock.release()
        if time.monotonic() >= until:
            raise held(str(note.parent), holder, wait_minutes)
        if holder != told:
            progress.tell("waiting", f"the lake is being written by {holder or 'another run'}")
            told = holder
        time.sleep(min(_EVERY, max(0.0, until - time.monotonic())))


@contextmanager
def _noted(note: Path, holder: Holder) -> Iterator[None]:
    """Keep a note of the holder beside the lock, touched while the process lives."""
    unfinished = note.with_name(f"{NOTE}.{os.getpid()}")
    unfinished.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    unfinished.replace(note)
    ended = Event()

    def beat() -> None:
        while not ended.wait(_BEAT):
            with suppress(OSError):
                os.utime(note)

    Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        note.unlink(missing_ok=True)


def _age(note: Path) -> float:
    """Return how long ago the note was touched, by the clock of its file system: that of another machine may be off."""
    try:
        with tempfile.TemporaryFile(dir=note.parent) as now:
            return os.fstat(now.fileno()).st_mtime - note.stat().st_mtime
    except OSError:
        return 0.0
