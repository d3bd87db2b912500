"""A bucket in the layout of CloudTrail: what is found in it, with how little, and what is said of one that cannot be listed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from pipelines.sources.aws import client
from pipelines.sources.failures import Failure
from pipelines.sources.layout import CLOUDTRAIL, DIGESTS, FLOWS, GUARDDUTY, SourceError
from pipelines.sources.s3 import Bucket, address_of
from tests.s3_server import TestBucket

ACCOUNT, OTHER = "111111111111", "222222222222"
DAY, DAYS = date(2026, 3, 2), (date(2026, 3, 1), date(2026, 3, 4))


def key(name="a.json.gz", *, above="", account=ACCOUNT, kind="CloudTrail", region="us-east-1", day="2026/03/02") -> str:
    return f"{above}AWSLogs/{account}/{kind}/{region}/{day}/{name}"


def listed(bucket, below="", *, wanted=CLOUDTRAIL, days=DAYS, accounts=None, failures=None):
    source = Bucket(f"s3://{bucket.name}/{below}", bucket.access)
    return list(source.objects(wanted, *days, accounts, (failures if failures is not None else _never()).append))


def _never() -> Any:
    class Never:
        def append(self, failure: Failure) -> None:
            raise AssertionError(failure)

    return Never()


def names(objects) -> list[str]:
    return sorted(each.uri.rsplit("/", 1)[1] for each in objects)


@contextmanager
def asked_of(bucket: TestBucket) -> Iterator[list[tuple[str, list[str]]]]:
    """What the bucket is asked to list, and the keys it answers with."""
    asked: list[tuple[str, list[str]]] = []

    def note(parsed: dict[str, Any], **_more: Any) -> None:
        asked.append((parsed["Prefix"], [each["Key"] for each in parsed.get("Contents", ())]))

    events = client("s3", bucket.access).meta.events
    events.register("after-call.s3.ListObjectsV2", note)
    yield asked
    events.unregister("after-call.s3.ListObjectsV2", note)


# -- what an address and a key say -----------------------------------------------------------------------------------


def test_objects__say_what_key_and_listing_say(bucket):
    etag = bucket.put(key())
    [found] = listed(bucket)
    assert (found.uri, found.etag, found.size) == (f"s3://{bucket.name}/{key()}", etag, 7)
    assert (found.source, found.account_id, found.region) == (CLOUDTRAIL, ACCOUNT, "us-east-1")
    assert (found.publish_date, found.skipped) == (DAY, None)


@pytest.mark.parametrize("above", ["", "a prefix/", "a/b/é+%41/"])
@pytest.mark.parametrize("organisation", ["", "o-abcdefghij/"])
def test_objects__are_found_whichever_prefix_above_them_is_named(bucket, above, organisation):
    inside = f"AWSLogs/{organisation}{ACCOUNT}/CloudTrail/us-east-1/2026/03/02/"
    bucket.put(f"{above}{inside}a b+é.json.gz")
    steps = [above, *(f"{above}{inside[: at + 1]}" for at, each in enumerate(inside) if each == "/")]
    for below in ["", *steps]:
        address = Bucket(f"s3://{bucket.name}/", bucket.access)
        source = Bucket(address.uri + "/".join(map(quote, below.split("/"))), bucket.access)
        [found] = source.objects(CLOUDTRAIL, *DAYS, None, _never().append)
        assert (found.account_id, found.region, found.publish_date) == (ACCOUNT, "us-east-1", DAY), below
        assert found.uri.isascii()


def test_address_of__takes_either_scheme_and_refuses_what_names_no_bucket():
    assert address_of("s3a://b/c//").uri == address_of("s3://b/c").uri == "s3://b/c/"
    for wrong in ("s3://", "s3:///prefix", "s3://user:key@bucket/x", "http://bucket/x"):
        with pytest.raises(SourceError, match="names no bucket"):
            address_of(wrong)


# -- which are listed ------------------------------------------------------------------------------------------------


def test_objects__the_history_is_never_listed(bucket):
    days = [f"20{year}/{month:02}/{day:02}" for year in (24, 25) for month in (1, 12) for day in (1, 31)]
    for day in [*days, "2026/02/28", "2026/03/01", "2026/03/04", "2026/03/05", "2026/12/31"]:
        bucket.put(key(day=day))
    with asked_of(bucket) as asked:
        assert {each.publish_date for each in listed(bucket)} == set(DAYS)
    seen = [each for _, keys in asked for each in keys]
    assert sorted(seen)[0] == key(day="2026/03/01")  # nothing before
    assert len(asked) == 4  # the bucket, AWSLogs/, regions, and one page of objects


def test_objects__both_days_are_included_at_any_turn_of_months_and_years(bucket):
    turns = [("2025/12/31", "2026/01/01"), ("2026/02/28", "2026/03/01"), ("2026/09/09", "2026/09/10")]
    for turn in turns:
        for day in turn:
            bucket.put(key(day=day))
    for turn in turns:
        first, last = (date(*map(int, day.split("/"))) for day in turn)
        assert [each.publish_date for each in listed(bucket, days=(first, last))] == [first, last]
        assert [each.publish_date for each in listed(bucket, days=(first, first))] == [first]
        assert [each.publish_date for each in listed(bucket, days=(last, last))] == [last]


def test_objects__a_long_span_comes_week_by_week_oldest_first_each_once(bucket):
    for month in range(1, 13):
        for account in (ACCOUNT, OTHER):
            bucket.put(key(account=account, day=f"2025/{month:02}/15"))
    found = listed(bucket, days=(date(2025, 1, 1), date(2025, 12, 31)))
    assert len({each.uri for each in found}) == len(found) == 24
    assert all(one.publish_date <= other.publish_date for one, other in pairwise(found))


def test_objects__pages_follow_each_other_to_the_last_day(bucket):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: bucket.put(key(f"{number:04}.json.gz")), range(1_050)))
    bucket.put(key("after.json.gz", day="2026/03/05"))
    assert len(listed(bucket)) == 1_050


def test_objects__only_of_the_accounts_and_others_are_not_asked_for(bucket):
    bucket.put(key())
    bucket.put(key(account=OTHER))
    with asked_of(bucket) as asked:
        assert {each.account_id for each in listed(bucket, accounts=frozenset({OTHER}))} == {OTHER}
    assert not [prefix for prefix, _ in asked if ACCOUNT in prefix]


def test_objects__each_kind_alone_is_listed(bucket):
    for kind in ("CloudTrail", "CloudTrail-Digest", "CloudTrail-Insight", "Config", "GuardDuty", "vpcflowlogs"):
        bucket.put(key(f"{kind}.json.gz", kind=kind))
    with asked_of(bucket) as asked:
        assert names(listed(bucket)) == ["CloudTrail.json.gz"]
        assert names(listed(bucket, wanted=DIGESTS)) == ["CloudTrail-Digest.json.gz"]
        assert names(listed(bucket, wanted=GUARDDUTY)) == ["GuardDuty.json.gz"]
    assert not [prefix for prefix, _ in asked if "Config" in prefix or "Insight" in prefix or "vpc" in prefix]


def test_objects__what_is_no_log_is_skipped_with_its_reason_or_has_no_day(bucket):
    for name in ("a.json.gz", "notes.txt"):
        bucket.put(key(name))
    for day in ("2026/02/31", "2026/3/2", "2026/03/02/more"):
        bucket.put(key(day=day))
    bucket.put("README")
    assert {each.uri.rsplit("/", 1)[1]: each.skipped for each in listed(bucket)} == {
        "a.json.gz": None,
        "notes.txt": "not one of .json.gz, .json",
    }


def test_days__are_found_without_listing_an_object(bucket):
    for day in ("2024/05/06", "2025/01/01", "2026/03/02", "9999/12/31", "1970/01/01"):
        bucket.put(key(day=day))
    source = Bucket(f"s3://{bucket.name}", bucket.access)
    with asked_of(bucket) as asked:
        assert source.days(CLOUDTRAIL, None, None, None, _never().append) == [date(2024, 5, 6), date(2026, 3, 2)]
    assert [keys for _, keys in asked if keys] == []
    between = source.days(CLOUDTRAIL, date(2024, 5, 7), date(2026, 3, 1), None, _never().append)
    assert between == [date(2025, 1, 1)]
    assert source.days(CLOUDTRAIL, date(2025, 6, 1), date(2025, 7, 1), None, _never().append) == []


def test_objects__a_million_keys_take_no_more_memory_than_a_hundred_thousand():
    """In a process of its own, with a client that makes up pages: what is kept is the lot, whatever the listing."""
    with ThreadPoolExecutor(2) as pool:
        few, many = pool.map(_peak_of_listing, (100_000, 1_000_000))
    assert many - few < 40, f"{few} MB and {many} MB"


def _peak_of_listing(number: int) -> float:
    script = Path(__file__).with_name("listing_memory.py")
    told = subprocess.run([sys.executable, script, str(number)], capture_output=True, text=True, check=True).stdout
    return float(told)


# -- flow logs -------------------------------------------------------------------------------------------------------

HIVE = "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year={0}/month={1}/day={2}"


def flow_key(day="2026/03/02", hour="", *, hive=False, account=ACCOUNT, region="eu-west-1", name=None) -> str:
    folder = HIVE if hive else "AWSLogs/{account}/vpcflowlogs/{region}/{0}/{1}/{2}"
    below = f"{'hour=' if hive else ''}{hour}/" if hour else ""
    named = name or ("a.log.parquet" if hive else "a.log.gz")
    return f"{folder.format(*day.split('/'), account=account, region=region)}/{below}{named}"


def seen(objects) -> set[tuple[str, str, date, str]]:
    return {(each.account_id, each.region, each.publish_date, unquote(each.uri.rsplit("/", 1)[1])) for each in objects}


@pytest.mark.parametrize("hive", [False, True], ids=["plain", "hive"])
def test_flows__of_the_days_are_found_with_and_without_hours_and_no_other_day_is_listed(bucket, hive):
    inside = [flow_key(hive=hive), flow_key(hour="00", hive=hive), flow_key("2026/03/04", "23", hive=hive)]
    outside = [
        flow_key(day, hour, hive=hive) for day in ("2025/12/31", "2026/02/28", "2026/03/05") for hour in ("", "23")
    ]
    for each in [*inside, *outside]:
        bucket.put(each)
    with asked_of(bucket) as asked:
        found = listed(bucket, wanted=FLOWS)
    assert sorted(unquote(each.uri) for each in found) == sorted(f"s3://{bucket.name}/{each}" for each in inside)
    assert {(each.account_id, each.region, each.source, each.skipped) for each in found} == {
        (ACCOUNT, "eu-west-1", FLOWS, None)
    }
    assert sorted(each.publish_date for each in found) == [date(2026, 3, 2), date(2026, 3, 2), date(2026, 3, 4)]
    assert min(each for _, keys in asked for each in keys) in inside  # the history is not listed
    assert not [
        prefix for prefix, _ in asked if "hour=" in prefix or "2026" in prefix
    ]  # nor a day, nor an hour, by itself


@pytest.mark.parametrize("hive", [False, True], ids=["plain", "hive"])
def test_flows__are_found_whichever_prefix_above_them_is_named(bucket, hive):
    inside = flow_key(hour="10", hive=hive)
    bucket.put(f"a/{inside}")
    whole = f"a/{inside}"
    for below in ["", *(whole[: at + 1] for at, each in enumerate(whole) if each == "/")]:
        [found] = listed(bucket, below, wanted=FLOWS)
        assert (found.account_id, found.region, found.publish_date) == (ACCOUNT, "eu-west-1", DAY), below
        source = Bucket(f"s3://{bucket.name}/{below}", bucket.access)
        assert source.days(FLOWS, None, None, None, _never().append) == [DAY], below


def test_flows__both_forms_lie_beside_each_other_and_beside_a_trail(bucket):
    bucket.put(key())
    bucket.put(flow_key())
    bucket.put(flow_key(hive=True))
    bucket.put(flow_key(hive=True, account=OTHER, hour="10"))
    assert seen(listed(bucket, wanted=FLOWS)) == {
        (ACCOUNT, "eu-west-1", DAY, "a.log.gz"),
        (ACCOUNT, "eu-west-1", DAY, "a.log.parquet"),
        (OTHER, "eu-west-1", DAY, "a.log.parquet"),
    }
    with asked_of(bucket) as asked:
        assert seen(listed(bucket, wanted=FLOWS, accounts=frozenset({OTHER}))) == {
            (OTHER, "eu-west-1", DAY, "a.log.parquet")
        }
        assert names(listed(bucket)) == ["a.json.gz"]
    assert not [prefix for prefix, _ in asked if f"aws-account-id={ACCOUNT}" in prefix]


def test_flows__the_days_are_found_by_prefixes_alone(bucket):
    for day in ("2024/05/06", "2025/01/01", "9999/12/31", "2026/13/01"):
        bucket.put(flow_key(day, "10", hive=True))
    bucket.put(flow_key("2026/03/02", "10"))
    source = Bucket(f"s3://{bucket.name}", bucket.access)
    with asked_of(bucket) as asked:
        days = source.days(FLOWS, None, None, None, _never().append)
    assert days == [date(2024, 5, 6), date(2025, 1, 1), DAY]
    assert [keys for _, keys in asked if keys] == []


def test_flows__what_is_none_is_skipped_with_its_reason_or_has_no_day(bucket):
    for name in ("a.log", "a.txt"):
        bucket.put(flow_key(name=name))
    for wrong in (flow_key("2026/02/31"), flow_key(hour="1"), flow_key(hour="10/11"), flow_key(hour="10/x")):
        bucket.put(wrong)
    assert {each.uri.rsplit("/", 1)[1]: each.skipped for each in listed(bucket, wanted=FLOWS)} == {
        "a.log": None,
        "a.txt": "not one of .log.gz, .log, .parquet",
    }


def test_flows__hives_account_that_is_denied_is_reported_and_read_again_by_its_address(bucket):
    bucket.put(flow_key())
    bucket.put(flow_key(hive=True, account=OTHER))
    bucket.deny("ListBucket", f"AWSLogs/aws-account-id={OTHER}/")
    failures: list[Failure] = []
    assert seen(listed(bucket, wanted=FLOWS, failures=failures)) == {(ACCOUNT, "eu-west-1", DAY, "a.log.gz")}
    [failure] = failures
    assert (failure.source, failure.account_id, failure.reason) == (FLOWS, OTHER, "access denied (AccessDenied)")
    bucket.allow()
    part = Bucket(f"s3://{bucket.name}/", bucket.access).within(failure.prefix)
    assert part is not None
    again = part.objects(FLOWS, *DAYS, None, _never().append)
    assert seen(again) == {(OTHER, "eu-west-1", DAY, "a.log.parquet")}


# -- what cannot be listed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", [f"AWSLogs/{OTHER}/", f"AWSLogs/{OTHER}/CloudTrail/eu-west-1/"])
def test_objects__an_account_that_is_denied_is_reported_and_the_others_are_listed(bucket, below):
    bucket.put(key())
    bucket.put(key(account=OTHER, region="eu-west-1"))
    bucket.deny("ListBucket", below)
    failures: list[Failure] = []
    assert [each.account_id for each in listed(bucket, failures=failures)] == [ACCOUNT]
    [failure] = failures
    assert (failure.source, failure.account_id, failure.first, failure.last) == (CLOUDTRAIL, OTHER, *DAYS)
    assert failure.prefix.startswith(f"s3://{bucket.name}/AWSLogs/{OTHER}/")
    assert failure.reason == "access denied (AccessDenied)"
    bucket.allow()
    again = Bucket(failure.prefix, bucket.access).objects(CLOUDTRAIL, *DAYS, None, _never().append)
    assert [each.account_id for each in again] == [OTHER]


@pytest.mark.parametrize(
    ("root", "access", "said"),
    [
        ("s3://not-there/x", {}, "s3://not-there/x/ cannot be listed: there is no such bucket (NoSuchBucket)"),
        ("s3://{bucket}/x", {"endpoint": "http://127.0.0.1:9"}, "no connection to the endpoint"),
        ("s3://{bucket}/AWSLogs", {}, "AWSLogs/ cannot be listed: access denied (AccessDenied)"),
        ("s3://{bucket}", {}, f"AWSLogs/{OTHER}/CloudTrail/ cannot be listed: access denied (AccessDenied)"),
        ("s3://{bucket}/odd", {}, "no AWSLogs/<account>/CloudTrail/<region>/YYYY/MM/DD/*.json.gz below s3://"),
        ("s3://{bucket}/none", {}, "; it is empty"),
    ],
)
def test_objects__what_cannot_be_listed_at_all_is_said_in_one_sentence(bucket, root, access, said):
    bucket.put(key(account=OTHER))
    bucket.put("odd/things/in/it")
    if "denied" in said:
        bucket.deny("ListBucket", "AWSLogs" if root.endswith("AWSLogs") else f"AWSLogs/{OTHER}")
    source = Bucket(root.format(bucket=bucket.name), replace(bucket.access, **access))
    with pytest.raises(SourceError) as error:
        list(source.objects(CLOUDTRAIL, *DAYS, None, _never().append))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_objects__without_credentials_it_says_where_they_come_from(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    source = Bucket(f"s3://{bucket.name}", replace(bucket.access, threads=3))
    with pytest.raises(SourceError, match="no credentials were found: set AWS_PROFILE"):
        list(source.objects(CLOUDTRAIL, *DAYS, None, _never().append))


def test_objects__wrong_credentials_are_named_and_not_shown(bucket, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    source = Bucket(f"s3://{bucket.name}", replace(bucket.access, threads=4))
    with pytest.raises(SourceError, match=r"the secret key is wrong \(SignatureDoesNotMatch\)") as error:
        list(source.objects(CLOUDTRAIL, *DAYS, None, _never().append))
    assert "another-secret" not in str(error.value)
