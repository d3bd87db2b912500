"""Print how many megabytes a process needs that goes through a listing of so many keys in lots of 50,000."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from pipelines.lots import lots
from pipelines.sources import s3
from pipelines.sources.aws import Access
from pipelines.sources.layout import CLOUDTRAIL

_PAGE = 1_000


class MadeUp:
    """A client whose bucket has so many keys in one account, region and day, and makes up each page when it is asked for it."""

    def __init__(self, number: int) -> None:
        self._number = number

    def list_objects_v2(self, **given: Any) -> dict[str, Any]:
        prefix = given.get("Prefix", "")
        if "Delimiter" in given:
            below = {"": "AWSLogs/", "AWSLogs/": "AWSLogs/111111111111/"}
            return {"CommonPrefixes": [{"Prefix": below.get(prefix, f"{prefix}us-east-1/")}]}
        begin = int(given.get("ContinuationToken", 0))
        end = min(begin + _PAGE, self._number)
        keys = (
            f"{prefix}2026/03/02/111111111111_CloudTrail_us-east-1_20260302T0000Z_{n:016}.json.gz"
            for n in range(begin, end)
        )
        page = [{"Key": each, "ETag": f'"{hash(each):032x}"', "Size": 900} for each in keys]
        return {"Contents": page, "NextContinuationToken": str(end) if end < self._number else None}


class Nothing:
    def __contains__(self, _each: object) -> bool:
        return False


def through(number: int) -> Iterator[int]:
    s3.client = lambda *_arguments: MadeUp(number)  # type: ignore[assignment]
    source = s3.Bucket("s3://made-up", Access())
    day = date(2026, 3, 2)
    listed = source.objects(CLOUDTRAIL, day, day, None, print)
    return (len(lot) for lot in lots(listed, Nothing(), 50_000, 1 << 40))  # type: ignore[arg-type]


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    assert sum(through(wanted)) == wanted
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}\n")
