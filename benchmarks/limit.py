"""The limit of any ingest: gunzip and a bare JSON parse of the same objects, in one process per core, nothing done with what is parsed.

python -m benchmarks.limit CLOUDTRAIL_FOLDER [--processes 2]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import orjson
from isal import igzip

_AT_A_TIME = 32  # objects that a process takes


def limit(logs: Path, processes: int = 2) -> dict[str, float]:
    """Return how many seconds it takes, and how many objects and records that were."""
    paths = [str(each) for each in logs.rglob("*_CloudTrail_*.json.gz")]
    with get_context("spawn").Pool(processes) as pool:
        pool.map(_records, paths[:processes], chunksize=1)  # so that every process has begun
        begun = time.monotonic()
        records = sum(pool.imap_unordered(_records, paths, chunksize=_AT_A_TIME))
        return {"seconds": time.monotonic() - begun, "objects": len(paths), "records": records}


def _records(path: str) -> int:
    body: bytes = igzip.decompress(Path(path).read_bytes())  # type: ignore[no-untyped-call]
    return len(orjson.loads(body)["Records"])


def main() -> None:
    """Measure and print, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limit")
    parser.add_argument("logs", type=Path, help="folder of CloudTrail objects")
    parser.add_argument("--processes", type=int, default=2, help="how many at once (default: 2)")
    given = parser.parse_args()
    sys.stdout.write(json.dumps(limit(given.logs, given.processes)) + "\n")


if __name__ == "__main__":
    main()
