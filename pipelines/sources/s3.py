"""A bucket with logs: which objects were published on some days. The history before them is never listed.

Accounts and regions are found by their prefixes (Delimiter). Of a region the keys from the first day on are listed (StartAfter),
page by page until one is past the last day: S3 lists in order of names, and a night of four days is one request where a request for
each day would be four. Other kinds of logs beside those that are wanted are not listed at all: they can be ten times as many.

Belongs here: names of buckets and keys, pages, what a refusal means for the rest. Does not: reading objects (s3_objects), credentials
(aws).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from pipelines.settings import FIRST_DAY
from pipelines.sources.aws import Access, client, in_words
from pipelines.sources.failures import Failure, Report
from pipelines.sources.layout import (
    CLOUDTRAIL,
    DIGESTS,
    FLOWS,
    GUARDDUTY,
    LAYOUTS,
    SourceError,
    SourceObject,
    ending_problem,
    plain_name,
)
from pipelines.sources.s3_objects import read_ahead

_FOLDERS = {CLOUDTRAIL: "CloudTrail", DIGESTS: "CloudTrail-Digest", GUARDDUTY: "GuardDuty", FLOWS: "vpcflowlogs"}
_ACCOUNT = re.compile(r"[0-9]{12}")
_ORGANISATION = re.compile(r"o-[a-z0-9]{10,32}")
_HIVE_ACCOUNT = (
    "aws-account-id="  # flow logs may lie in Hive's way: `aws-account-id=<account>/aws-service=vpcflowlogs/…/day=DD`
)
_PLAIN_DAYS, _HIVE_DAYS = "%Y/%m/%d", "year=%Y/month=%m/day=%d"
_IN_DAY = re.compile(r"([0-9]{4}/[0-9]{2}/[0-9]{2})/([^/]+)")
_IN_DAY_OR_HOUR = re.compile(
    r"((?:year=)?[0-9]{4}/(?:month=)?[0-9]{2}/(?:day=)?[0-9]{2})/(?:(?:hour=)?[0-9]{2}/)?([^/]+)", re.ASCII
)
_DEEPEST_PREFIX = 9  # levels down to an account, as in a folder
_WIDEST_PREFIX = 1_000  # prefixes beside each other that are looked into: more are no place where trails lie
_SLICE = 7  # days that are listed together, so that the oldest come first

_ERRORS = (BotoCoreError, ClientError)


class Address(NamedTuple):
    """A bucket and what keys in it begin with (empty, or ending with a slash)."""

    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        """As it is written; whatever a name holds, it stays one address."""
        return f"s3://{self.bucket}/{quote(self.prefix)}"


@dataclass(frozen=True)
class _Region:
    """Where the days of an account and region lie. `prefix` begins with `base`, and may name a year, month or day in it."""

    base: str
    prefix: str
    source: str
    account_id: str
    region: str

    def day_prefix(self, day: date) -> str:
        """What the keys of a day begin with, but for the slash."""
        days = _HIVE_DAYS if f"/{_HIVE_ACCOUNT}" in f"/{self.base}" else _PLAIN_DAYS
        return f"{self.base}{day.strftime(days)}"

    def placed(self, key: str) -> tuple[date, str] | None:
        """Return the day and the name that a key says, null if it lies in no day. Of flow logs alone a day may have hours."""
        found = (_IN_DAY_OR_HOUR if self.source == FLOWS else _IN_DAY).fullmatch(key[len(self.base) :])
        day = found and _day_of(_plain(found[1]))
        return (day, found[2]) if found and day else None


def address_of(uri: str) -> Address:
    """Return what `s3://bucket/prefix` names; `s3a://` is the same.

    Raises:
        SourceError: it names no bucket.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("s3", "s3a") or not parts.netloc or "@" in parts.netloc:
        raise SourceError(f"{uri} names no bucket: write it as s3://bucket/prefix")
    path = uri.partition("://")[2].partition("/")[2]
    prefix = unquote(path).strip("/")
    return Address(parts.netloc, f"{prefix}/" if prefix else "")


class Bucket:
    """The logs below one address."""

    has_newest_only = False

    def __init__(self, root: str, access: Access) -> None:
        """Take what `root` (`s3://bucket/prefix`) names; nothing is asked yet."""
        self._address = address_of(root)
        self._access = access

    @property
    def uri(self) -> str:
        """Its address in full."""
        return self._address.uri

    def within(self, prefix: str) -> Bucket | None:
        """Return the part of it that an address names, null if that is no part of it."""
        if prefix.startswith(self.uri):
            return Bucket(prefix, self._access)
        return self if self.uri.startswith(prefix) else None

    def apply(self, parse: Callable[..., Iterator[Any]], objects: Iterable[Any]) -> Iterator[Any]:
        """Return what `parse` makes of objects of the bucket and of a function that reads them; on a worker."""
        return read_ahead(self._access, parse, objects)

    def objects(
        self, wanted: str, first: date, last: date, accounts: frozenset[str] | None, report: Report
    ) -> Iterator[SourceObject]:
        """Yield the objects published from `first` to `last` (UTC days, both included), oldest week first.

        No more of them are held than a page for each thread, however many there are. A part that cannot be listed is reported,
        and the others are listed.

        Raises:
            SourceError: nothing can be listed, or nothing has the layout of `wanted`.
        """
        spoken = _once(report)
        first, last = max(first, FIRST_DAY), min(last, datetime.now(UTC).date())
        with ThreadPoolExecutor(self._access.threads) as pool:
            regions = self._regions(pool, wanted, accounts, lambda each: spoken(replace(each, first=first, last=last)))
            while first <= last and regions:
                end = min(last, first + timedelta(days=_SLICE - 1))
                refused: list[_Region] = []
                yield from self._pages(
                    pool, regions, (first, end), lambda each: spoken(replace(each, last=last)), refused
                )
                regions = [each for each in regions if each not in refused]
                first = end + timedelta(days=1)

    def days(
        self, wanted: str, first: date | None, last: date | None, accounts: frozenset[str] | None, report: Report
    ) -> list[date]:
        """Return the first and the last day in each region on which something was published: prefixes alone are asked for.

        Without bounds these are possible days: a prefix of the year 9999 would hide the last one.

        Raises:
            SourceError: nothing can be listed, or nothing has the layout of `wanted`.
        """
        spoken = _once(report)
        first, last = first or FIRST_DAY, last or datetime.now(UTC).date()
        with ThreadPoolExecutor(self._access.threads) as pool:
            regions = self._regions(pool, wanted, accounts, spoken)
            ends = pool.map(lambda region: self._outermost_days(region, first, last, spoken), regions)
            return sorted({day for days in ends for day in days})

    # -- accounts and regions ------------------------------------------------------------------------------------------

    def _regions(
        self, pool: ThreadPoolExecutor, wanted: str, accounts: frozenset[str] | None, report: Report
    ) -> list[_Region]:
        named = self._named_region(wanted)
        if named is not None:
            return [named] if accounts is None or named.account_id in accounts else []
        failures: list[Failure] = []
        kinds = list(self._kinds(pool, wanted, accounts, failures))
        found: list[_Region] = []
        for kind, regions in zip(
            kinds, pool.map(lambda kind: self._try_children(kind, wanted, failures), kinds), strict=True
        ):
            account_id = _plain(kind).split("/")[-3]
            found += [_Region(each, each, wanted, account_id, _plain(each).split("/")[-2]) for each in regions]
        if failures and len(failures) >= len(kinds):  # none answers
            raise SourceError(f"{wanted}: {failures[0].prefix} cannot be listed: {failures[0].reason}")
        for failure in failures:
            report(failure)
        if not found and wanted != DIGESTS and accounts is None:
            raise SourceError(self._nothing_like(wanted), is_empty=True)
        return found

    def _named_region(self, wanted: str) -> _Region | None:
        """Return the region that the address itself names: `…/<account>/<kind>/<region>[/YYYY[/MM[/DD[/HH]]]]/`."""
        parts = _plain(self._address.prefix).split("/")[:-1]
        for index in range(len(parts) - 2):
            if _ACCOUNT.fullmatch(parts[index]) and parts[index + 1] == _FOLDERS[wanted]:
                base = "/".join(self._address.prefix.split("/")[: index + 3]) + "/"
                return _Region(base, self._address.prefix, wanted, parts[index], parts[index + 2])
        return None

    def _kinds(
        self, pool: ThreadPoolExecutor, wanted: str, accounts: frozenset[str] | None, failures: list[Failure]
    ) -> Iterator[str]:
        """Yield prefixes `…/<account>/<kind>/` below the address, or the address itself, level by level."""
        level = [self._address.prefix]
        for _ in range(_DEEPEST_PREFIX):
            below: list[str] = []
            inner: list[str] = []
            for prefix in level:
                parts = _plain(prefix).split("/")[:-1]
                if len(parts) > 1 and parts[-1] == _FOLDERS[wanted] and _ACCOUNT.fullmatch(parts[-2]):
                    yield prefix
                elif parts and _ACCOUNT.fullmatch(parts[-1]):
                    is_hive = prefix.split("/")[-2].startswith(_HIVE_ACCOUNT)
                    if (accounts is None or parts[-1] in accounts) and (wanted == FLOWS or not is_hive):
                        yield f"{prefix}{'aws-service=' if is_hive else ''}{_FOLDERS[wanted]}/"
                else:
                    inner.append(prefix)
            for prefix, children in zip(
                inner, pool.map(lambda prefix: self._try_children(prefix, wanted, failures), inner), strict=True
            ):
                below += _towards_accounts(prefix, children)
            level = below
            if not level:
                return

    def _try_children(self, prefix: str, wanted: str, failures: list[Failure]) -> list[str]:
        try:
            return list(islice(self._children(prefix), _WIDEST_PREFIX + 1))
        except _ERRORS as error:
            if prefix == self._address.prefix:
                raise SourceError(f"{wanted}: {self.uri} cannot be listed: {in_words(error)}") from error
            failures.append(self._failure(wanted, prefix, error))
            return []

    def _failure(self, source: str, prefix: str, error: Exception) -> Failure:
        parts = _plain(prefix).split("/")[:-1]
        at = next((n for n in reversed(range(len(parts))) if _ACCOUNT.fullmatch(parts[n])), None)
        account_id = parts[at] if at is not None else None
        region = parts[at + 2] if at is not None and len(parts) > at + 2 else None
        uri = Address(self._address.bucket, prefix).uri
        return Failure(source, uri, account_id, region, None, None, in_words(error))

    def _nothing_like(self, wanted: str) -> str:
        there = list(islice(self._children(self._address.prefix), 4))
        listed = ", ".join(each.split("/")[-2] + "/" for each in there[:3]) + (" and more" if len(there) > 3 else "")
        return f"{wanted}: no {LAYOUTS[wanted]} below {self.uri}; {f'it has {listed}' if there else 'it is empty'}"

    # -- requests ------------------------------------------------------------------------------------------------------

    @property
    def _client(self) -> Any:
        return client("s3", self._access)

    def _ask(self, **given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.list_objects_v2(
            Bucket=self._address.bucket, **{key: value for key, value in given.items() if value}, **self._access.payer
        )
        return answer

    def _children(self, prefix: str, start_after: str = "") -> Iterator[str]:
        """Yield the prefixes one level below a prefix, in order, a page at a time."""
        token = None
        while True:
            answer = self._ask(Prefix=prefix, Delimiter="/", StartAfter=start_after, ContinuationToken=token)
            yield from (each["Prefix"] for each in answer.get("CommonPrefixes", ()))
            token = answer.get("NextContinuationToken")
            if not token:
                return

    # -- days ----------------------------------------------------------------------------------------------------------

    def _outermost_days(self, region: _Region, first: date, last: date, report: Report) -> list[date]:
        named = region.prefix.removeprefix(region.base)
        levels = max(0, 3 - named.count("/"))  # that the address does not name itself
        try:
            ends = (self._end(region, region.prefix, levels, (first, last), is_last=end) for end in (False, True))
            return [day for day in ends if day]
        except _ERRORS as error:
            report(self._failure(region.source, region.base, error))
            return []

    def _end(self, region: _Region, prefix: str, levels: int, span: tuple[date, date], *, is_last: bool) -> date | None:
        """Return the first or last day below a prefix that lies in the span: the way down years, months and days."""
        if levels == 0:
            day = _day_of("/".join(_plain(prefix.removeprefix(region.base)).split("/")[:3]))
            return day if day and _is_in(day, span) else None
        children = [each for each in self._children(prefix) if _may_be_in(each.removeprefix(region.base), span)]
        for child in reversed(children) if is_last else children:
            day = self._end(region, child, levels - 1, span, is_last=is_last)
            if day:
                return day
        return None

    def _pages(
        self,
        pool: ThreadPoolExecutor,
        regions: Iterable[_Region],
        span: tuple[date, date],
        report: Report,
        refused: list[_Region],
    ) -> Iterator[SourceObject]:
        """Yield the objects of several regions as their pages come. Of each region one page is asked for at a time."""
        waiting = iter(regions)
        asked: dict[Future[tuple[list[SourceObject], str | None]], _Region] = {}

        def ask(region: _Region | None, token: str | None = None) -> None:
            if region is not None:
                asked[pool.submit(self._page, region, span, token)] = region

        try:
            for region in islice(waiting, self._access.threads):
                ask(region)
            while asked:
                for answer in wait(asked, return_when=FIRST_COMPLETED).done:
                    region = asked.pop(answer)
                    found: list[SourceObject] = []
                    token = None
                    try:
                        found, token = answer.result()
                    except _ERRORS as error:
                        failure = self._failure(region.source, region.prefix, error)
                        report(replace(failure, first=span[0]))
                        refused.append(region)
                    ask(region, token) if token else ask(next(waiting, None))
                    yield from found
        finally:
            for answer in asked:
                answer.cancel()

    def _page(
        self, region: _Region, span: tuple[date, date], token: str | None
    ) -> tuple[list[SourceObject], str | None]:
        """Return a page of a region's objects, and what the next one is asked for with."""
        # The digit after the slash: behind all keys of the day before, and behind those of the last day. A day's own prefix would
        # do on AWS; SeaweedFS then begins behind that day.
        begin, end = (f"{region.day_prefix(day)}0" for day in (span[0] - timedelta(days=1), span[1]))
        answer = self._ask(Prefix=region.prefix, StartAfter=begin, ContinuationToken=token)
        found: list[SourceObject] = []
        for each in answer.get("Contents", ()):
            if each["Key"] > end:
                return found, None
            placed = region.placed(each["Key"])
            if placed:
                found.append(self._object(region, *placed, each))
        return found, answer.get("NextContinuationToken")

    def _object(self, region: _Region, day: date, name: str, listed: dict[str, Any]) -> SourceObject:
        return SourceObject(
            uri=f"s3://{self._address.bucket}/{quote(listed['Key'])}",
            etag=listed["ETag"].strip('"'),
            size=listed["Size"],
            source=region.source,
            account_id=region.account_id,
            region=region.region,
            publish_date=day,
            skipped=ending_problem(region.source, name),
        )


def _once(report: Report) -> Report:
    """Return a report that says each part once."""
    said: set[str] = set()

    def speak(failure: Failure) -> None:
        if failure.prefix not in said:
            said.add(failure.prefix)
            report(failure)

    return speak


def _towards_accounts(prefix: str, children: list[str]) -> list[str]:
    """Return which prefixes may lead to accounts: a bucket may hold much else.

    Raises:
        SourceError: they are too many to look into.
    """
    names = {each: each.split("/")[-2] for each in children}
    if "AWSLogs" in names.values():
        return [each for each, name in names.items() if name == "AWSLogs"]
    known = [
        each
        for each, name in names.items()
        if _ACCOUNT.fullmatch(name.removeprefix(_HIVE_ACCOUNT)) or _ORGANISATION.fullmatch(name)
    ]
    if known:
        return known
    if len(children) > _WIDEST_PREFIX:
        raise SourceError(f"{prefix or 'the bucket'} has too many prefixes to look into: name the one above AWSLogs/")
    return children


@lru_cache(maxsize=1_000)  # of a million keys few have another day than the one before
def _day_of(text: str) -> date | None:
    try:
        return date(*map(int, text.split("/")))
    except (TypeError, ValueError):
        return None


def _plain(key: str) -> str:
    """Return a key, or a part of one, without Hive's names."""
    return "/".join(map(plain_name, key.split("/"))) if "=" in key else key


def _is_in(day: date, span: tuple[date, date]) -> bool:
    return span[0] <= day <= span[1]


def _may_be_in(below: str, span: tuple[date, date]) -> bool:
    """Whether days below `YYYY/`, `YYYY/MM/` or `YYYY/MM/DD/` may lie in the span. What is no number is none."""
    below = _plain(below)
    parts = below.rstrip("/").split("/")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return False
    first, last = (f"{day.isoformat().replace('-', '/')}/" for day in span)
    return first[: len(below)] <= below <= last[: len(below)]
