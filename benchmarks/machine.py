"""What measurements were made on: cores, memory, system, versions, the code's commit and the load. No name, no path."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from pipelines.spark import java_home

_PACKAGES = (
    "pyspark",
    "delta-spark",
    "deltalake",
    "dagster",
    "great-expectations",
    "pyarrow",
    "orjson",
    "isal",
    "duckdb",
)


def machine() -> dict[str, str | int | float]:
    """Return what a figure needs to be understood."""
    told: dict[str, str | int | float] = {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
        "cores": os.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30), 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_1_5_15_minutes": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "commit": _commit(),
        "python": platform.python_version(),
        "java": _java(),
    }
    return told | {package: version(package) for package in _PACKAGES}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _java() -> str:
    release = java_home() / "release"
    lines = release.read_text(encoding="utf-8").splitlines() if release.is_file() else []
    return next((line.partition("=")[2].strip('"') for line in lines if line.startswith("JAVA_VERSION=")), "")


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    except OSError:  # no git
        return ""
