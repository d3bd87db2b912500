"""Digest objects, to rows: what they say, and what of it cannot be."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.tables import LOG_DIGESTS
from transforms import digests
from transforms.cloudtrail import delivery_ddl, parse_objects
from transforms.cloudtrail.deliveries import Object

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ACCOUNT = "111122223333"
FOLDER = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-2/2015/08/17"
NAME = f"{ACCOUNT}_CloudTrail-Digest_us-east-2_your_trail-1_us-west-2_20150817T150131Z.json.gz"
URI = f"file:///mnt/a%20bucket/logs/{FOLDER}/{NAME}"
BEFORE = f"{FOLDER}/{NAME.replace('T15', 'T14')}"


def digest(**fields: Any) -> dict[str, Any]:
    """Return a digest as AWS's page shows one, laid over by what is given."""
    return {
        "awsAccountId": ACCOUNT,
        "digestStartTime": "2015-08-17T14:01:31Z",
        "digestEndTime": "2015-08-17T15:01:31Z",
        "digestS3Bucket": "a-bucket",
        "digestS3Object": f"{FOLDER}/{NAME}",
        "previousDigestS3Object": BEFORE,
        "previousDigestHashValue": "97FB" + "0" * 60,
        "previousDigestHashAlgorithm": "SHA-256",
        "logFiles": [{"s3Object": "a"}, {"s3Object": "b"}],
    } | fields


LATER = {"digestStartTime": "2015-08-18T23:30:00Z", "digestEndTime": "2015-08-19T00:00:00Z"}
EARLIER = {"digestStartTime": "2015-08-15T23:30:00Z", "digestEndTime": "2015-08-15T23:59:59Z"}
MUCH_LATER = {"digestStartTime": "9998-08-18T23:30:00Z", "digestEndTime": "9998-08-19T00:00:00Z"}


def row_of(content: bytes, uri: str = URI) -> dict[str, Any]:
    return rows_of({uri: content})[0]


def rows_of(contents: dict[str, bytes], read: Callable[[str], bytes] | None = None) -> list[dict[str, Any]]:
    listed = [Object(uri, "v1", None) for uri in contents]
    return [
        row
        for batch in digests.delivery_batches(listed, read or contents.__getitem__, 10_000)
        for row in batch.to_pylist()
    ]


def said(uri: str = URI, **fields: Any) -> dict[str, Any]:
    return row_of(gzip.compress(json.dumps(digest(**fields)).encode()), uri)


def test_row__says_what_the_digest_says() -> None:
    row = said()
    assert row["reason"] is None
    assert (row["account_id"], row["region"]) == (ACCOUNT, "us-east-2")
    assert (row["trail_name"], row["home_region"], row["is_backfill"]) == ("your_trail-1", "us-west-2", False)
    assert row["digest_started_at"] == datetime(2015, 8, 17, 14, 1, 31, tzinfo=UTC)
    assert row["digest_ended_at"] == datetime(2015, 8, 17, 15, 1, 31, tzinfo=UTC)
    assert row["digest_date"] == date(2015, 8, 17)
    assert row["object_key"] == f"{FOLDER}/{NAME}"
    assert (row["previous_object_key"], row["previous_sha256"]) == (BEFORE, "97fb" + "0" * 60)
    assert (row["log_file_count"], row["record_index"], row["source_uri"]) == (2, 0, URI)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_row__its_hash_is_of_the_uncompressed_bytes_as_they_stand(pack: Callable[[bytes], bytes]) -> None:
    content = json.dumps(digest(), indent=3).encode()
    assert row_of(pack(content))["content_sha256"] == sha256(content).hexdigest()


def test_row__the_first_of_a_chain_names_none() -> None:
    row = said(previousDigestS3Object=None, previousDigestHashValue="", previousDigestHashAlgorithm=None)
    assert (row["reason"], row["previous_object_key"], row["previous_sha256"]) == (None, None, None)


def test_row__an_organisations_trail_is_in_the_key() -> None:
    uri = URI.replace("AWSLogs/", "AWSLogs/o-abcdefghij/")
    assert said(uri)["object_key"].startswith(f"AWSLogs/o-abcdefghij/{ACCOUNT}/")


def test_row__without_the_root_the_key_begins_with_the_account() -> None:
    assert said(URI.replace("AWSLogs/", ""))["object_key"].startswith(f"{ACCOUNT}/CloudTrail-Digest/us-east-2/")


def test_row__a_backfill_says_so_in_its_name() -> None:
    row = said(URI.replace("Z.json", "Z_backfill.json"))
    assert (row["is_backfill"], row["trail_name"]) == (True, "your_trail-1")


def test_row__the_trail_of_a_renamed_object_is_the_one_in_the_document() -> None:
    renamed = URI.replace(NAME, "1.json.gz")
    assert said(renamed)["trail_name"] == "your_trail-1"
    row = said(renamed, digestS3Object=None)
    assert (row["reason"], row["trail_name"], row["home_region"]) == (None, None, None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"digestStartTime": None}, "no digestStartTime"),
        ({"digestEndTime": ""}, "no digestEndTime"),
        ({"digestStartTime": 1439820091}, "digestStartTime is not a time"),
        ({"digestEndTime": "yesterday"}, "digestEndTime is not a time"),
        ({"digestEndTime": "2015-08-17T14:01:30Z"}, "digestEndTime is before digestStartTime"),
        ({"digestStartTime": "2015-08-16T15:01:30Z"}, "the digest covers more than a day"),
        (LATER, "digestEndTime is not on the day in its path"),
        (MUCH_LATER, "digestEndTime is not on the day in its path"),
        (EARLIER, "digestEndTime is not on the day in its path"),
        ({"logFiles": None}, "no list of logFiles"),
        ({"logFiles": {"a": 1}}, "no list of logFiles"),
        ({"previousDigestHashValue": 7}, "previousDigestHashValue is not a text"),
        ({"previousDigestS3Object": [BEFORE]}, "previousDigestS3Object is not a text"),
        ({"previousDigestS3Object": "x" * 1025}, "previousDigestS3Object of more than 1024 characters"),
    ],
)  # fmt: skip
def test_row__what_cannot_be_is_rejected_with_its_reason(fields: dict[str, Any], reason: str) -> None:
    row = said(**fields)
    assert (row["reason"], row["record_index"], row["account_id"]) == (reason, -1, None)
    assert row["excerpt"].startswith('{"awsAccountId"')


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty object"),
        (b"[]", "the digest is not an object"),
        (b"{", "not JSON"),
        (gzip.compress(json.dumps(digest()).encode(), mtime=0)[:-9], "incomplete gzip"),
        (json.dumps(digest(logFiles=["x" * 10_000])).encode(), "larger than 10000 bytes when unpacked"),
    ],
)
def test_row__an_object_that_cannot_be_read_is_rejected(content: bytes, reason: str) -> None:
    row = row_of(content)
    assert (row["reason"], row["record_index"]) == (reason, -1)


@pytest.mark.parametrize("uri", ["file:///x.json", URI.replace("/08/17", "/8/17"), URI.replace("/08/17", "/13/45")])
def test_row__an_object_of_no_place_or_day_is_rejected(uri: str) -> None:
    assert said(uri)["reason"] in {"not below <account>/CloudTrail-Digest/<region>/YYYY/MM/DD", "no day in its path"}


def test_rows__an_object_that_is_gone_is_rejected_and_the_others_are_read() -> None:
    def read(uri: str) -> bytes:
        if uri == "gone":
            raise FileNotFoundError(2, "No such file or directory")
        return json.dumps(digest()).encode()

    found = rows_of(dict.fromkeys(["gone", URI], b""), read)
    assert [row["reason"] for row in found] == ["cannot be opened: No such file or directory", None]


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(digest())), odd))
def test_row__withstands_any_type_anywhere(fields: dict[str, Any]) -> None:
    row = row_of(json.dumps(digest(**fields)).encode())
    assert (row["reason"] is None) == (row["record_index"] == 0) == (row["account_id"] == ACCOUNT)


def test_parse_and_resolve__a_content_is_one_row_wherever_it_lies_and_another_content_is_another(
    spark: SparkSession,
) -> None:
    mirror = URI.replace("/mnt/", "/copy/")
    blobs = {
        URI: json.dumps(digest()).encode(),
        mirror: json.dumps(digest()).encode(),
        URI + "#": b"",
    }
    versions = [(URI, "v1"), (URI, "v2"), (mirror, "v1")]
    objects = spark.createDataFrame([(*each, None) for each in versions], "uri string, etag string, account_id string")
    ddl = delivery_ddl(LOG_DIGESTS)

    def found(contents: dict[str, bytes]) -> list[tuple[str, str]]:
        deliveries = parse_objects(objects, lambda listed: digests.delivery_batches(listed, contents.__getitem__), ddl)
        resolved = digests.resolve_copies(deliveries, deliveries.where("false"))
        assert resolved.rejects.isEmpty()
        again = digests.resolve_copies(deliveries, resolved.new_events)
        assert (again.new_events.count(), again.changed_events.count()) == (0, 0)
        return sorted((row.source_uri, row.source_etag) for row in resolved.new_events.collect())

    assert found(blobs) == [(mirror, "v1")]
    assert found(blobs | {mirror: json.dumps(digest(logFiles=[])).encode()}) == [(mirror, "v1"), (URI, "v1")]
