"""Run a command and say how long it took and how much memory all of its processes had at most, together."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Measured:
    """What a command took: wall-clock seconds, and the peak of the resident memory of its whole process tree in bytes."""

    seconds: float
    peak_bytes: int
    exit_status: int
    output: str


def measured(command: Sequence[str], environment: dict[str, str] | None = None, log: Path | None = None) -> Measured:
    """Run a command to its end; its standard error goes to `log`."""
    peak = 0
    done = threading.Event()
    begun = time.monotonic()
    with log.open("w", encoding="utf-8") if log else open("/dev/null", "w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603
            list(command), env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.2):
                peak = max(peak, _resident(process.pid))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        output, _ = process.communicate()
        seconds = time.monotonic() - begun
        done.set()
        watcher.join()
    return Measured(seconds, peak, process.returncode, output)


def _resident(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        return sum(_memory(each) for each in [root, *root.children(recursive=True)])
    except psutil.Error:
        return 0


def _memory(process: psutil.Process) -> int:
    """Proportional share of a process's memory: forked Python workers share most of theirs."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):
        return 0
