"""Run a command and say how long it took and how much memory all of its processes had at most, together."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_LOOK, _AT_LEAST_EVERY = 0.2, 10.0  # seconds
_GROWN = 1.02


@dataclass(frozen=True)
class Measured:
    """What a command took: wall-clock seconds, and the peak of the resident memory of its whole process tree in bytes."""

    seconds: float
    peak_bytes: int
    exit_status: int
    output: str


def measured(command: Sequence[str], environment: dict[str, str] | None = None, log: Path | None = None) -> Measured:
    """Run a command to its end; its standard error goes to `log`."""
    memory = _Memory()
    done = threading.Event()
    begun = time.monotonic()
    with log.open("w", encoding="utf-8") if log else open("/dev/null", "w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603
            list(command), env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )

        def watch() -> None:
            while not done.wait(_LOOK):
                memory.look(process.pid)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        output, _ = process.communicate()
        seconds = time.monotonic() - begun
        done.set()
        watcher.join()
    return Measured(seconds, memory.peak, process.returncode, output)


class _Memory:
    """The peak of a process tree, looked at so seldom that what is measured is not held up by it.

    To know which pages processes share, the system walks through all of them: 80 ms for a JVM of 3.5 GiB, which waits meanwhile. What
    each has, shared or not, it knows: only when that grows, and now and then, the other is asked for.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._most = 0
        self._due = 0.0

    def look(self, pid: int) -> None:
        """Take the memory of a process and all below it into account."""
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.Error:
            return
        resident = sum(_bytes_of(each, "memory_info", "rss") for each in tree)
        if resident > self._most * _GROWN or time.monotonic() > self._due:
            self._most = max(self._most, resident)
            self._due = time.monotonic() + _AT_LEAST_EVERY
            # Proportional share: forked Python workers share most of theirs.
            self.peak = max(self.peak, sum(_bytes_of(each, "memory_full_info", "pss") for each in tree))


def _bytes_of(process: psutil.Process, asked: str, share: str) -> int:
    try:
        return int(getattr(getattr(process, asked)(), share))
    except (psutil.Error, AttributeError):
        return 0
