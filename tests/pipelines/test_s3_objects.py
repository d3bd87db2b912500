"""Objects of a bucket are read as they were listed, several at a time, by whoever has nothing but the settings."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipelines.sources import s3_objects
from pipelines.sources.aws import Access, client, forget_clients
from pipelines.sources.s3 import Bucket
from pipelines.sources.s3_objects import etag_of, read_ahead, read_object
from tests.aws_server import BODY, Trouble, aws_in_trouble
from transforms.cloudtrail.deliveries import Object, deliveries_of, records_in
from transforms.cloudtrail.objects import LEFT, LeftError, UnreadableError

ROLE = "arn:aws:iam::111111111111:role/reader"


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Iterator[Trouble]:
    """A server in trouble, and no time lost between the attempts."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setattr("botocore.retries.throttling.CubicCalculator.error_received", lambda *_: 1_000.0)
    with aws_in_trouble() as server:
        forget_clients()
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.address)
        yield server
    forget_clients()


def objects_of(bucket, *names: str) -> list[Object]:
    return [Object(f"s3://{bucket.name}/{name}", bucket.put(name, name.encode()), None) for name in names]


def contents(access: Access, objects: list[Object]) -> list[bytes]:
    return list(read_ahead(access, lambda some, read: (read(each.uri) for each in some), objects))


# -- what is read ------------------------------------------------------------------------------------------------------


def test_read_object__is_what_was_listed(bucket):
    [one] = objects_of(bucket, "a b+é%41.json")
    quoted = f"s3://{bucket.name}/a%20b%2B%C3%A9%2541.json"
    assert read_object(quoted, one.etag, bucket.access) == one.uri.rsplit("/", 1)[1].encode()
    assert etag_of(quoted, bucket.access) == one.etag


def test_read_object__an_object_that_was_replaced_or_is_gone_is_left(bucket):
    one, other = objects_of(bucket, "one", "other")
    bucket.put("one", b"replaced")
    bucket.client.delete_object(Bucket=bucket.name, Key="other")
    with pytest.raises(LeftError, match=r"^replaced since it was listed \(PreconditionFailed\)$"):
        read_object(one.uri, one.etag, bucket.access)
    with pytest.raises(LeftError, match=r"^gone since it was listed \(NoSuchKey\)$"):
        read_object(other.uri, other.etag, bucket.access)
    with pytest.raises(LeftError, match=r"^gone since it was listed$"):
        etag_of(other.uri, bucket.access)


def test_deliveries_of__an_object_that_is_denied_is_left_and_not_rejected(bucket):
    [one] = objects_of(bucket, "secret")
    bucket.deny("GetObject", "secret")
    [delivery] = read_ahead(
        bucket.access, lambda some, read: (d for each in some for d in deliveries_of(each, read, 99, records_in)), [one]
    )
    assert (delivery.position, delivery.reason) == (-1, f"{LEFT}access denied (AccessDenied)")


def test_read_object__is_no_larger_than_a_local_one_may_be(bucket, monkeypatch):
    [one] = objects_of(bucket, "large")
    monkeypatch.setattr(s3_objects, "LIMIT", 4)
    with pytest.raises(UnreadableError, match="larger than 4 bytes"):
        read_object(one.uri, one.etag, bucket.access)


def test_source__that_workers_are_sent_holds_no_credentials(bucket):
    sent = pickle.dumps(Bucket(f"s3://{bucket.name}/x", bucket.access))
    client("s3", bucket.access)
    assert b"rolescope-test" not in sent
    assert pickle.loads(sent).uri == f"s3://{bucket.name}/x/"


# -- several at a time ---------------------------------------------------------------------------------------------------


def test_read_ahead__gives_each_its_own_content_in_order(bucket):
    objects = objects_of(bucket, *(f"{number:03}" for number in range(60)))
    assert contents(bucket.access, objects) == [f"{number:03}".encode() for number in range(60)]


def test_read_ahead__large_objects_wait_for_their_turn(bucket, monkeypatch):
    objects = objects_of(bucket, "small", "rather large", "tiny")
    monkeypatch.setattr(s3_objects, "_LARGE", 6)
    assert contents(bucket.access, objects) == [b"small", b"rather large", b"tiny"]


def test_read_ahead__is_never_more_than_so_many_ahead_and_reads_at_once(monkeypatch):
    under_way, most, lock = set(), [0], threading.Lock()

    def slow(each: Object, _access: Access) -> bytes:
        with lock:
            under_way.add(threading.get_ident())
            most[0] = max(most[0], len(under_way))
        time.sleep(0.01)
        with lock:
            under_way.discard(threading.get_ident())
        return each.uri.encode()

    taken = [0]

    def listed() -> Iterator[Object]:
        for number in range(200):
            taken[0] = number
            yield Object(str(number), "", None)

    monkeypatch.setattr(s3_objects, "_small", slow)
    access = Access(threads=4)
    parse: Any = lambda some, read: ((read(each.uri), taken[0]) for each in some)  # noqa: E731
    for number, (content, ahead) in enumerate(read_ahead(access, parse, listed())):
        assert content == str(number).encode()
        assert ahead - number <= 2 * access.threads
    assert most[0] > 1


# -- a service in trouble ------------------------------------------------------------------------------------------------


def test_read_object__is_tried_again_while_it_is_throttled(trouble):
    trouble.throttled = 5
    assert read_object("s3://b/k", None, Access(endpoint=trouble.address)) == BODY
    assert len(trouble.keys) == 6


def test_read_object__that_is_throttled_for_long_is_left(trouble):
    trouble.throttled = 100
    with pytest.raises(LeftError, match=r"^throttled \(SlowDown\)$"):
        read_object("s3://b/k", None, Access(endpoint=trouble.address, attempts=3))
    assert len(trouble.keys) == 3


def test_read_object__is_read_again_where_the_answer_broke_off(trouble):
    trouble.broken = 2
    assert read_object("s3://b/k", None, Access(endpoint=trouble.address)) == BODY


def test_read_object__whose_answer_always_breaks_off_is_left(trouble):
    trouble.broken = 100
    with pytest.raises(LeftError, match=r"^no answer"):
        read_object("s3://b/k", None, Access(endpoint=trouble.address))


def test_read_object__where_nobody_listens_is_left():
    with pytest.raises(LeftError, match=r"^no connection to the endpoint$"):
        read_object("s3://b/k", None, Access(endpoint="http://127.0.0.1:9", attempts=1))


# -- whose credentials, who pays -------------------------------------------------------------------------------------------


def test_client__assumes_the_role_once_and_says_its_external_id(trouble):
    access = Access(endpoint=trouble.address, role=ROLE, external_id="x-1", requester_pays=True)
    for _ in range(3):
        read_object("s3://b/k", None, access)
    [asked] = trouble.roles
    assert (asked["RoleArn"], asked["ExternalId"], asked["RoleSessionName"]) == ([ROLE], ["x-1"], ["rolescope"])
    assert (trouble.keys, trouble.payers) == (["ASIA1"] * 3, ["requester"] * 3)


def test_client__renews_the_credentials_of_the_role_before_they_expire(trouble):
    trouble.lifetime = timedelta(minutes=5)
    access = Access(endpoint=trouble.address, role=ROLE)
    for _ in range(3):
        read_object("s3://b/k", None, access)
    assert len(set(trouble.keys)) == 3  # five minutes are less than boto3 waits for: each request has new ones


def test_client__without_a_role_uses_what_was_found_and_agrees_to_pay_for_nothing(trouble):
    read_object("s3://b/k", None, replace(Access(), endpoint=trouble.address))
    assert (trouble.roles, trouble.keys, trouble.payers) == ([], ["rolescope-test"], [None])
