"""GuardDuty's own API as a source of findings, where they are not exported: `guardduty:`, or `guardduty:eu-west-1,us-east-1`.

A version of a finding is an object like any other: its address is region, detector and id, its ETag the time of its update, its day
that time's. GuardDuty keeps findings for 90 days, and of each the newest version alone: nights in which it is not asked lose the
versions between.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote

from botocore.exceptions import BotoCoreError, ClientError

from pipelines.sources.aws import NOT_ENABLED, Access, client, code_of, in_words, session
from pipelines.sources.failures import Failure, Report
from pipelines.sources.layout import GUARDDUTY, SourceError, SourceObject
from transforms.cloudtrail.deliveries import Object
from transforms.cloudtrail.objects import LeftError, Read

SCHEME = "guardduty:"
_AT_ONCE = 50  # findings that one request gives, and the most that GuardDuty allows
_KEPT = timedelta(days=91)  # after their last update findings are gone
_ERRORS = (BotoCoreError, ClientError)

Found = TypeVar("Found")


class _Detector(NamedTuple):
    region: str
    id: str


@dataclass(frozen=True)
class FindingsOfApi:
    """The findings of the detectors in some regions, or in every region that is enabled."""

    has_newest_only = True
    root: str
    access: Access

    @property
    def uri(self) -> str:
        """The address that those of all its findings begin with."""
        return "guardduty://"

    def objects(
        self, _wanted: str, first: date, last: date, accounts: frozenset[str] | None, report: Report
    ) -> Iterator[SourceObject]:
        """Yield the findings that were updated from `first` to `last` (UTC days, both included), by region and time.

        Raises:
            SourceError: no region has a detector, or none can be asked.
        """
        for detector in self._detectors(report, first, last):
            try:
                yield from self._of_detector(detector, (first, last), accounts)
            except _ERRORS as error:
                report(self._failure(detector.region, first, last, in_words(error)))

    def days(
        self,
        _wanted: str,
        first: date | None,
        last: date | None,
        accounts: frozenset[str] | None,
        report: Report,
    ) -> list[date]:
        """Return the first and last day that are worth asking for: what GuardDuty still has.

        Raises:
            SourceError: no region has a detector, or none can be asked.
        """
        today = datetime.now(UTC).date()
        begin, end = max(first or date.min, today - _KEPT), min(last or today, today)
        self._detectors(report, begin, end)
        return [begin, end] if begin <= end else []

    def within(self, prefix: str) -> FindingsOfApi | None:
        """Return the part of it that an address names, null if that is no part of it."""
        if not prefix.startswith("guardduty://"):
            return None
        region = prefix.removeprefix("guardduty://").strip("/")
        return FindingsOfApi(f"{SCHEME}{region}", self.access) if region in (self._named() or [region]) else None

    def apply(
        self, parse: Callable[[Iterable[Object], Read], Iterator[Found]], objects: Iterable[Object]
    ) -> Iterator[Found]:
        """Return what `parse` makes of the findings and of a function that reads them: fifty with one request."""
        ahead = _Ahead(self.access)
        yield from parse(ahead.of(objects), ahead.read)

    # -- what there is -------------------------------------------------------------------------------------------------

    def _detectors(self, report: Report, first: date, last: date) -> list[_Detector]:
        named = self._named()
        regions = named or self._known_regions()
        found: list[_Detector] = []
        failures: list[Failure] = []
        with ThreadPoolExecutor(self.access.threads) as pool:
            for region, answer in zip(regions, pool.map(self._try_detectors, regions), strict=True):
                if isinstance(answer, Exception):
                    if named or code_of(answer) not in NOT_ENABLED:
                        failures.append(self._failure(region, first, last, in_words(answer)))
                elif answer:
                    found += [_Detector(region, each) for each in answer]
                elif named:
                    failures.append(self._failure(region, first, last, "GuardDuty is not enabled there"))
        if not found:
            why = failures[0].reason if failures else "GuardDuty is enabled in no region"
            raise SourceError(f"{GUARDDUTY}: {self.root} has no findings: {why}")
        for failure in failures:
            report(failure)
        return found

    def _named(self) -> list[str]:
        return [region.strip() for region in self.root.removeprefix(SCHEME).split(",") if region.strip()]

    def _known_regions(self) -> list[str]:
        partition = session(self.access).get_partition_for_region(self.access.region or "us-east-1")
        regions: list[str] = session(self.access).get_available_regions(GUARDDUTY, partition_name=partition)
        return regions

    def _try_detectors(self, region: str) -> list[str] | Exception:
        try:
            pages = client(GUARDDUTY, self.access, region).get_paginator("list_detectors").paginate()
            return [each for page in pages for each in page["DetectorIds"]]
        except _ERRORS as error:
            return error  # type: ignore[no-any-return]

    def _of_detector(
        self, detector: _Detector, span: tuple[date, date], accounts: frozenset[str] | None
    ) -> Iterator[SourceObject]:
        begin, end = (datetime.combine(day, time(), UTC) for day in (span[0], span[1] + timedelta(days=1)))
        criterion: dict[str, Any] = {
            "updatedAt": {"GreaterThanOrEqual": _milliseconds(begin), "LessThan": _milliseconds(end)}
        }
        if accounts is not None:
            criterion["accountId"] = {"Equals": sorted(accounts)}
        pages = client(GUARDDUTY, self.access, detector.region).get_paginator("list_findings").paginate(
            DetectorId=detector.id,
            FindingCriteria={"Criterion": criterion},
            SortCriteria={"AttributeName": "updatedAt", "OrderBy": "ASC"},
        )  # fmt: skip
        for page in pages:
            ids = iter(page["FindingIds"])
            while some := list(islice(ids, _AT_ONCE)):
                for finding in _findings(self.access, detector, some):
                    yield from self._object(detector, finding, span)

    def _object(self, detector: _Detector, finding: dict[str, Any], span: tuple[date, date]) -> Iterator[SourceObject]:
        updated_at = datetime.fromisoformat(finding["UpdatedAt"]).astimezone(UTC)
        if not span[0] <= updated_at.date() <= span[1]:
            return  # updated again since it was listed: of a later night
        yield SourceObject(
            uri=f"guardduty://{detector.region}/{detector.id}/{quote(finding['Id'], safe='')}",
            etag=finding["UpdatedAt"],
            size=len(json.dumps(finding, default=str)),
            source=GUARDDUTY,
            account_id=finding["AccountId"],
            region=detector.region,
            publish_date=updated_at.date(),
        )

    def _failure(self, region: str, first: date, last: date, reason: str) -> Failure:
        return Failure(GUARDDUTY, f"guardduty://{region}/", None, region, first, last, reason)


class _Ahead:
    """Findings, as many at a time as one request gives."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._read: dict[str, bytes | LeftError] = {}

    def of(self, objects: Iterable[Object]) -> Iterator[Object]:
        """Yield the objects in their order, when they have been read."""
        remaining = iter(objects)
        while some := deque(islice(remaining, _AT_ONCE)):
            by_detector: dict[_Detector, list[Object]] = {}
            for each in some:
                by_detector.setdefault(_detector_of(each.uri), []).append(each)
            for detector, theirs in by_detector.items():
                self._get(detector, theirs)
            yield from some

    def read(self, uri: str) -> bytes:
        """Return the finding as JSON.

        Raises:
            LeftError: it cannot be read now.
        """
        found = self._read.pop(uri)
        if isinstance(found, LeftError):
            raise found
        return found

    def _get(self, detector: _Detector, objects: list[Object]) -> None:
        try:
            findings = {f["Id"]: f for f in _findings(self._access, detector, [_id_of(each.uri) for each in objects])}
        except _ERRORS as error:
            self._read |= {each.uri: LeftError(in_words(error)) for each in objects}
            return
        for each in objects:
            finding = findings.get(_id_of(each.uri))
            self._read[each.uri] = _as_it_was_listed(finding, each.etag)


def _as_it_was_listed(finding: dict[str, Any] | None, etag: str) -> bytes | LeftError:
    if finding is None:
        return LeftError("gone since it was listed")
    if finding["UpdatedAt"] != etag:
        return LeftError("replaced since it was listed")
    return json.dumps(finding, default=str).encode()


def _findings(access: Access, detector: _Detector, ids: list[str]) -> list[dict[str, Any]]:
    answer = client(GUARDDUTY, access, detector.region).get_findings(DetectorId=detector.id, FindingIds=ids)
    found: list[dict[str, Any]] = answer["Findings"]
    return found


def _detector_of(uri: str) -> _Detector:
    region, detector, _ = uri.removeprefix("guardduty://").split("/")
    return _Detector(region, detector)


def _id_of(uri: str) -> str:
    return unquote(uri.rsplit("/", 1)[1])


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
