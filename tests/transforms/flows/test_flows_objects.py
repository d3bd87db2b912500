"""Objects of flow logs, to rows: by header, in whatever order and form; and what cannot be read, with its reason."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.flows.logs import (
    ACCOUNT,
    DEFAULT,
    START,
    URI,
    V5,
    flow,
    parquet,
    rows_of,
    silent,
    text,
    told,
    zipped,
)
from transforms.cloudtrail.deliveries import Object
from transforms.cloudtrail.objects import LEFT, LeftError
from transforms.flows import delivery_batches, objects

AT = datetime(2026, 3, 4, 10, tzinfo=UTC)
PLAIN = {
    "flow_date": date(2026, 3, 4), "account_id": ACCOUNT, "region": "eu-west-1", "interface_id": "eni-1",
    "source_ip": "10.0.0.5", "destination_ip": "203.0.113.7", "source_port": 49152, "destination_port": 443, "protocol": 6,
    "packets": 10, "bytes": 1000, "start_at": AT, "end_at": AT.replace(minute=1), "action": "ACCEPT", "log_status": "OK",
}  # fmt: skip


def reasons(content: bytes) -> list[tuple[int, str | None]]:
    return sorted((row["record_index"], row["reason"]) for row in rows_of(content))


# -- what a record says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [text, lambda each: zipped(text(each)), parquet], ids=["text", "gzip", "parquet"])
def test_delivery_batches__a_record_of_the_default_format(form):
    [row] = rows_of(form(flow()))
    assert told(row) == PLAIN
    assert (row["source_uri"], row["source_etag"], row["record_index"]) == (URI, "v1", 0)


def test_delivery_batches__the_fields_of_versions_3_to_5():
    later = {
        "vpc_id": "vpc-1", "subnet_id": "subnet-1", "instance_id": "i-0abc", "tcp_flags": 19, "region": "us-gov-west-1",
        "pkt_srcaddr": "10.0.9.9", "pkt_dstaddr": "198.51.100.1", "pkt_src_aws_service": "EC2", "pkt_dst_aws_service": "S3",
        "flow_direction": "egress", "traffic_path": 8, "type": "IPv4", "az_id": "euw1-az1",
    }  # fmt: skip
    [row] = rows_of(text(flow(version=5, **later), fields=V5))
    assert told(row) == PLAIN | {
        "vpc_id": "vpc-1", "subnet_id": "subnet-1", "instance_id": "i-0abc", "tcp_flags": 19, "region": "us-gov-west-1",
        "packet_source_ip": "10.0.9.9", "packet_destination_ip": "198.51.100.1", "source_aws_service": "EC2",
        "destination_aws_service": "S3", "flow_direction": "egress", "traffic_path": 8,
    }  # fmt: skip


@given(chance=st.randoms(use_true_random=False), fewer=st.sets(st.sampled_from(sorted({*V5} - {"start"}))))
def test_delivery_batches__any_order_of_any_fields_says_the_same(chance, fewer):
    """The order of the fields changes nothing; a field that a format leaves out is null, but for what the path says."""
    fields = [field for field in V5 if field not in fewer]
    shuffled = chance.sample(fields, len(fields))
    record = flow(version=5, instance_id="i-0abc", flow_direction="ingress", region="eu-west-1")
    [in_order], [in_any] = rows_of(text(record, fields=fields)), rows_of(text(record, fields=shuffled))
    assert in_any == in_order
    [of_parquet] = rows_of(parquet(record, fields=shuffled, sign=chance.choice("_-")))
    assert of_parquet == in_order
    names = {"interface-id": "interface_id", "srcaddr": "source_ip", "bytes": "bytes", "end": "end_at"}
    assert {column for field, column in names.items() if field in fewer} == {
        column for column in names.values() if in_order[column] is None
    }
    assert in_order["account_id"] == ACCOUNT


@pytest.mark.parametrize("status", ["NODATA", "SKIPDATA"])
def test_delivery_batches__a_window_without_a_flow_is_a_row_without_one(status):
    [of_text], [of_parquet] = rows_of(text(silent(status))), rows_of(parquet(silent(status)))
    nothing = {
        "source_ip",
        "destination_ip",
        "source_port",
        "destination_port",
        "protocol",
        "packets",
        "bytes",
        "action",
    }
    assert told(of_text) == {n: v for n, v in PLAIN.items() if n not in nothing} | {"log_status": status}
    assert of_parquet == of_text
    zeros = silent(status) | {"srcport": 0, "dstport": 0, "protocol": 0, "packets": 0, "bytes": 0}
    assert rows_of(parquet(zeros)) == [of_text]  # a writer without nulls


def test_delivery_batches__account_and_region_are_the_records_else_the_paths():
    [of_service, other] = rows_of(text(flow(account_id="unknown"), flow(account_id="999999999999")))
    assert (of_service["account_id"], other["account_id"]) == (ACCOUNT, "999999999999")
    hive = f"file:///b/AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region=us-east-2/year=2026/month=03/day=04/a.log"
    [batch] = delivery_batches([Object(hive, "v1", None)], lambda _uri: text(flow(account_id="unknown")))
    assert [(row["account_id"], row["region"]) for row in batch.to_pylist()] == [(ACCOUNT, "us-east-2")]


def test_delivery_batches__an_address_is_written_one_way():
    [row] = rows_of(text(flow(srcaddr="2001:DB8:0:0:0:0:0:1", dstaddr="2001:db8::2")))
    assert (row["source_ip"], row["destination_ip"]) == ("2001:db8::1", "2001:db8::2")


# -- whatever size -----------------------------------------------------------------------------------------------------


def test_delivery_batches__an_object_is_read_in_blocks_and_counted_through(monkeypatch):
    records = [flow(srcport=n) for n in range(500)]
    content = text(*records).replace(b"\n", b"\r\n").replace(b" 250 ", b" x ")
    whole = rows_of(content)
    monkeypatch.setattr(objects, "_BLOCK", 999)
    assert rows_of(zipped(content)) == rows_of(content)
    in_blocks = sorted(rows_of(content), key=lambda row: row["record_index"])
    assert in_blocks == sorted(whole, key=lambda row: row["record_index"])
    assert [row["record_index"] for row in in_blocks] == list(range(500))
    assert [row["record_index"] for row in in_blocks if row["reason"]] == [250]


def test_delivery_batches__several_gzip_members_are_one_object():
    assert len(rows_of(zipped(text(flow(srcport=1))) + zipped(text(flow(srcport=2)).split(b"\n", 1)[1]))) == 2


# -- what cannot be read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"srcport": 65_536}, "srcport is out of its range"),
        ({"dstport": "x"}, "dstport is not a number"),
        ({"bytes": "1.5"}, "bytes is not a number"),
        ({"packets": "-7"}, "packets is out of its range"),
        ({"bytes": 10**30}, "bytes is not a number"),
        ({"protocol": 256}, "protocol is out of its range"),
        ({"start": "-"}, "no start"),
        ({"start": 0}, "start is not a time"),
        ({"end": 10**12}, "end is not a time"),
        ({"end": START - 1}, "end is before start"),
        ({"srcaddr": "10.0.0.999"}, "srcaddr is not an address"),
        ({"dstaddr": "<script>"}, "dstaddr is not an address"),
        ({"action": "MAYBE"}, "action is none of ACCEPT, REJECT"),
        ({"log_status": "FINE"}, "log-status is none of OK, NODATA, SKIPDATA"),
    ],
)
def test_delivery_batches__a_field_that_cannot_be_rejects_its_record_alone(fields, reason):
    good, bad = flow(), flow(**fields)
    content = text(good, bad, silent())
    rows = sorted(rows_of(content), key=lambda row: row["record_index"])
    assert [row["reason"] for row in rows] == [None, reason, None]
    line = content.splitlines()[2]
    assert (rows[1]["sha256"], rows[1]["excerpt"]) == (sha256(line).hexdigest(), line.decode())
    assert (rows[1]["start_at"], rows[1]["source_ip"]) == (None, None)


def test_delivery_batches__a_line_of_more_or_fewer_fields_is_rejected_and_blank_ones_are_none():
    content = (
        text(flow(srcport=1)) + b"\n2 short\n\r\n" + text(flow(srcport=2)).split(b"\n", 1)[1] + b"2 " * 14 + b"2\n"
    )
    assert reasons(content) == [
        (0, None),
        (1, "2 fields, where the header names 14"),
        (2, None),
        (3, "15 fields, where the header names 14"),
    ]


def test_delivery_batches__bytes_that_are_no_text_harm_no_other_record():
    content = text(flow(), flow(dstaddr="XX")).replace(b"XX", b"\xff\xfe")
    assert reasons(content) == [(0, None), (1, "dstaddr is not an address")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty object"),
        (b"\n\n", "empty object"),
        (zipped(b""), "empty object"),
        (text(flow()).split(b"\n", 1)[1], "no header: the first line does not name the fields of a flow log"),
        (b'{"Records": []}', "no header: the first line does not name the fields of a flow log"),
        (text(flow(), fields=[*DEFAULT, "bytes"]), "its header names bytes twice"),
        (text(flow(), fields=DEFAULT[:8]), "its format has no field start: a flow without a time is of no day"),
        (zipped(b"a" * 99)[:20], "incomplete gzip"),
        (b"\x1f\x8b" + b"\x07" * 40, "damaged gzip"),
        (b"a" * 3_000_000, "a line of more than 1048576 bytes"),
    ],
)
def test_delivery_batches__an_object_that_is_none_is_rejected_as_a_whole(content, reason):
    assert reasons(content) == [(-1, reason)]


def test_delivery_batches__damaged_parquet_is_rejected():
    [(index, reason)] = reasons(parquet(flow())[:-9])
    assert (index, reason.split(":")[0]) == (-1, "damaged Parquet")


def test_delivery_batches__what_was_before_the_damage_stays_and_the_object_is_rejected(monkeypatch):
    monkeypatch.setattr(objects, "_BLOCK", 4_096)
    chance = random.Random(1)
    records = [flow(srcport=chance.randrange(60_000), bytes=chance.randrange(10**9), dstport=n) for n in range(2_000)]
    whole = zipped(text(*records))
    rows = rows_of(whole[: len(whole) // 2])
    assert [row["reason"] for row in rows if row["record_index"] == -1] == ["incomplete gzip"]
    read = [row["destination_port"] for row in rows if row["reason"] is None]
    assert read == list(range(len(read)))
    assert 500 < len(read) < 1_500


def test_delivery_batches__an_object_that_unpacks_to_more_than_the_limit_is_rejected():
    content = text(*[flow(srcport=n) for n in range(100)])
    assert [row["reason"] for row in rows_of(zipped(content), limit=200)] == ["larger than 200 bytes when unpacked"]


def test_delivery_batches__an_object_that_is_gone_is_rejected_and_the_next_is_read():
    def read(uri: str) -> bytes:
        if uri == "gone":
            raise FileNotFoundError(2, "No such file or directory")
        return text(flow())

    listed = [Object("gone", "v1", ACCOUNT), Object(URI, "v1", ACCOUNT)]
    rows: list[dict[str, Any]] = [row for batch in delivery_batches(listed, read) for row in batch.to_pylist()]
    assert [row["reason"] for row in rows] == ["cannot be opened: No such file or directory", None]


def test_delivery_batches__an_object_that_cannot_be_read_now_is_left_and_not_rejected():
    def read(_uri: str) -> bytes:
        raise LeftError("throttled")

    [batch] = delivery_batches([Object(URI, "v1", ACCOUNT)], read)
    [row] = batch.to_pylist()
    assert (row["source_uri"], row["record_index"], row["reason"]) == (URI, -1, f"{LEFT}throttled")


@given(st.binary(max_size=200), st.booleans())
def test_delivery_batches__no_bytes_stop_the_run(content, with_header):
    """Every line is a row or a reject, whatever is in it."""
    rows = rows_of((text() if with_header else b"") + content)
    assert with_header or rows
    assert all(row["reason"] or row["start_at"] for row in rows)
