"""Flow log objects as AWS writes them, for the tests."""

from __future__ import annotations

import gzip
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.cloudtrail.deliveries import Object
from transforms.flows import delivery_batches

ACCOUNT = "111122223333"
_V2 = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
_V3 = "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr"
_V4 = "region az-id sublocation-type sublocation-id"
_V5 = "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
DEFAULT = _V2.split()
V5 = f"{_V2} {_V3} {_V4} {_V5}".split()
URI = f"file:///b/AWSLogs/{ACCOUNT}/vpcflowlogs/eu-west-1/2026/03/04/{ACCOUNT}_vpcflowlogs_eu-west-1_fl-1_20260304T1000Z_1.log.gz"
START = 1_772_618_400  # 2026-03-04 10:00:00 UTC

_INTEGERS = {
    **dict.fromkeys(("version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"), pa.int32()),
    **dict.fromkeys(("packets", "bytes", "start", "end"), pa.int64()),
}


def flow(**fields: Any) -> dict[str, Any]:
    """Return a record as field → text or number, laid over by what is given (`_` for `-`)."""
    record = {
        "version": 2, "account-id": ACCOUNT, "interface-id": "eni-1", "srcaddr": "10.0.0.5", "dstaddr": "203.0.113.7",
        "srcport": 49152, "dstport": 443, "protocol": 6, "packets": 10, "bytes": 1000, "start": START, "end": START + 60,
        "action": "ACCEPT", "log-status": "OK",
    }  # fmt: skip
    return record | {name.replace("_", "-"): value for name, value in fields.items()}


def silent(status: str = "NODATA", **fields: Any) -> dict[str, Any]:
    """Return a window without a flow."""
    nothing = dict.fromkeys(("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action"), "-")
    return flow() | nothing | {"log-status": status} | {name.replace("_", "-"): value for name, value in fields.items()}


def text(*records: dict[str, Any], fields: list[str] = DEFAULT) -> bytes:
    """Return records as text with a header; what a record has not is `-`."""
    lines = [" ".join(fields), *(" ".join(str(record.get(field, "-")) for field in fields) for record in records)]
    return "".join(f"{line}\n" for line in lines).encode()


def parquet(*records: dict[str, Any], fields: list[str] = DEFAULT, sign: str = "_") -> bytes:
    """Return records as Parquet, with AWS's types; what is not there is null."""

    def values(field: str) -> pa.Array:
        given = [record.get(field, "-") for record in records]
        if field in _INTEGERS:
            return pa.array([None if value == "-" else value for value in given], _INTEGERS[field])
        return pa.array([str(value) for value in given])

    target = BytesIO()
    pq.write_table(pa.table({field.replace("-", sign): values(field) for field in fields}), target)
    return target.getvalue()


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def rows_of(content: bytes, uri: str = URI, etag: str = "v1", **how: Any) -> list[dict[str, Any]]:
    """Return what is read of an object."""
    listed = [Object(uri, etag, ACCOUNT)]
    return [row for batch in delivery_batches(listed, lambda _uri: content, **how) for row in batch.to_pylist()]


def told(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a row says, without where it is from."""
    left_out = ("source_uri", "source_etag", "record_index")
    return {name: value for name, value in row.items() if value is not None and name not in left_out}
