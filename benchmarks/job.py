"""The job and the peer as a user runs them: commands in processes of their own, with time and memory taken from outside."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import date
from pathlib import Path

from benchmarks.lines import out
from benchmarks.measure import Measured, measured

GIB = 1 << 30


def rolescope(folder: Path, lake: Path, first: date, last: date, name: str, **environment: str) -> Measured:
    """Run the nightly job over publish days of the CloudTrail objects below a folder; logs of it go there too."""
    options = {"--cloudtrail": folder / "logs" / "cloudtrail", "--lake": lake, "--from": first, "--to": last}
    named = [str(part) for option in options.items() for part in option]
    return run([*python("pipelines.cli"), "run", *named], folder / f"{name}.log", **environment)


def peer(logs: Path, target: Path, log: Path, *options: str) -> dict[str, float]:
    """Run the DuckDB script; what it tells, its seconds from its own first line on, and `peak_bytes`."""
    done = run([*python("benchmarks.peer"), str(logs), str(target), *options], log)
    told: dict[str, float] = json.loads(done.output.strip().splitlines()[-1])
    return told | {"peak_bytes": done.peak_bytes}


def run(command: list[str], log: Path, **environment: str) -> Measured:
    """Run a command, or stop with a sentence that says where its log is."""
    out.print(f"running {' '.join(command[2:])} …", soft_wrap=True)
    home = {"DAGSTER_HOME": str(log.parent.absolute() / "dagster")}
    done = measured(command, os.environ | home | environment, log)
    if done.exit_status != 0:
        sys.exit(f"{' '.join(command)} ended with {done.exit_status}: see {log}")
    return done


def python(module: str) -> list[str]:
    """Return the beginning of a command that runs a module."""
    return [sys.executable, "-m", module]


def emptied(folder: Path) -> Path:
    """Return a folder that is not there, whatever was."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def bytes_below(folder: Path, pattern: str = "*") -> int:
    """Return how many bytes the files below a folder have."""
    return sum(each.stat().st_size for each in folder.rglob(pattern) if each.is_file())
