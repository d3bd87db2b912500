"""From a flow log's fields to rows of vpc_flows: what a field has to be, and what is said of a record that is not so."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from expectations.columns import FLOW_ACTIONS, FLOW_DIRECTIONS, LOG_STATUSES
from expectations.tables.bronze import VPC_FLOWS
from transforms.cloudtrail.arrow import delivery_schema
from transforms.cloudtrail.deliveries import Object
from transforms.cloudtrail.scrubbing import excerpt
from transforms.flows.formats import NAMES, NUMBERS
from transforms.flows.records import Records

_SCHEMA = delivery_schema(VPC_FLOWS)
_PATH = re.compile(
    r"(?:aws-account-id=)?(?P<account>[0-9]{12})/(?:aws-service=)?vpcflowlogs/(?:aws-region=)?(?P<region>[a-z0-9-]+)/",
    re.ASCII,
)
_DAY = 86_400
_MICROSECONDS = 1_000_000
_MOST_SECONDS = 2**32 - 1  # of a time: the year 2106
_MOST = {"srcport": 65_535, "dstport": 65_535, "protocol": 255, "tcp-flags": 255, "traffic-path": 255}
_LISTED = {"action": FLOW_ACTIONS, "log-status": LOG_STATUSES, "flow-direction": FLOW_DIRECTIONS}
_ADDRESSES = ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr")
# What a window without a record of traffic has no value of, whatever a writer of Parquet puts there.
_OF_TRAFFIC = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action", "tcp-flags",
               "pkt-srcaddr", "pkt-dstaddr", "flow-direction", "traffic-path", "pkt-src-aws-service", "pkt-dst-aws-service")  # fmt: skip
_WHOLE_OBJECT = -1


class Place(NamedTuple):
    """An object, and what its path says."""

    source: Object
    account_id: str | None
    region: str | None


def place_of(source: Object) -> Place:
    """Return what an object's path says of its records."""
    path = _PATH.search(unquote(source.uri))
    account_id = source.account_id or (path["account"] if path else None)
    return Place(source, account_id, path["region"] if path else None)


def batches_of(records: Records, place: Place) -> Iterator[pa.RecordBatch]:
    """Return the rows of records, and those of the rejected ones."""
    columns, wrong = _checked(records)
    rejected = [*records.broken]
    places = records.places
    if wrong:
        reason = _first_reason(wrong)
        is_good = pc.is_null(reason)
        listed = places.filter(pc.invert(is_good)).to_pylist()
        texts = records.text_of(listed)
        rejected += zip(listed, texts, reason.drop_null().to_pylist(), strict=True)
        places = places.filter(is_good)
        columns = {field: values.filter(is_good) for field, values in columns.items()}
    if len(places):
        yield _batch(columns, places, place)
    if rejected:
        yield _rejected(sorted(rejected), place)


def rejected_object(place: Place, reason: str) -> pa.RecordBatch:
    """Return the row of an object that cannot be read, or not further."""
    return _filled({"record_index": pa.array([_WHOLE_OBJECT]), "reason": pa.array([reason])}, 1, place)


def _rejected(rejected: Sequence[tuple[int, bytes, str]], place: Place) -> pa.RecordBatch:
    values = {
        "record_index": pa.array([index for index, _, _ in rejected], pa.int64()),
        "reason": pa.array([reason for _, _, reason in rejected]),
        "sha256": pa.array([sha256(text).hexdigest() for _, text, _ in rejected]),
        "excerpt": pa.array([excerpt(text.decode("utf-8", "replace")) for _, text, _ in rejected]),
    }
    return _filled(values, len(rejected), place)


# -- what a field has to be --------------------------------------------------------------------------------------------


def _checked(records: Records) -> tuple[dict[str, pa.Array], list[tuple[pa.Array, str]]]:
    """Return the fields as they are kept, and for each kind of mistake in them which records have it."""
    columns = _without_traffic(dict(records.columns))
    wrong = [(is_wrong, f"{field} is not a number") for field, is_wrong in records.wrong.items()]
    for field in _ADDRESSES:
        if field in columns:
            columns[field], is_wrong = _addresses(columns[field])
            wrong.append((is_wrong, f"{field} is not an address"))
    for field, values in _LISTED.items():
        if field in columns:
            is_known = _by_word(columns[field], lambda word, known=values: word in known)
            wrong.append((pc.invert(is_known), f"{field} is none of {', '.join(values)}"))
    for field in NUMBERS:
        if field in columns and field not in ("start", "end"):
            most = _MOST.get(field)
            is_less = pc.less(columns[field], 0)
            is_out = is_less if most is None else pc.or_(is_less, pc.greater(columns[field], most))
            wrong.append((is_out, f"{field} is out of its range"))
    wrong += _of_times(columns)
    return columns, [(pc.fill_null(is_wrong, False), reason) for is_wrong, reason in wrong if pc.any(is_wrong).as_py()]


def _without_traffic(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Leave out what cannot be there: a window without data has neither addresses nor bytes."""
    if "log-status" not in columns:
        return columns
    is_traffic = _by_word(columns["log-status"], lambda word: word not in ("NODATA", "SKIPDATA"))
    if pc.all(is_traffic).as_py() is not False:
        return columns
    nothing = pc.invert(pc.fill_null(is_traffic, True))
    return {
        field: pc.if_else(nothing, None, _plain(values)) if field in _OF_TRAFFIC else values
        for field, values in columns.items()
    }


def _of_times(columns: dict[str, pa.Array]) -> list[tuple[pa.Array, str]]:
    start = columns["start"]
    found = [(pc.is_null(start), "no start"), (_is_no_time(start), "start is not a time")]
    if "end" in columns:
        end = columns["end"]
        found += [(_is_no_time(end), "end is not a time"), (pc.less(end, start), "end is before start")]
    return found


def _is_no_time(seconds: pa.Array) -> pa.Array:
    return pc.or_(pc.less(seconds, 1), pc.greater(seconds, _MOST_SECONDS))


def _by_word(values: pa.Array, holds: object) -> pa.Array:
    """Return whether something holds for each text; asked once for each different one."""
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    answers = pa.array([holds(word) for word in encoded.dictionary.to_pylist()], pa.bool_())  # type: ignore[operator]
    return pc.take(answers, encoded.indices)


def _addresses(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the addresses as they are always written, and which are none."""
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    known = pa.array([_address(word) for word in encoded.dictionary.to_pylist()], pa.string())
    found = pc.take(known, encoded.indices)
    return found, pc.and_(pc.is_null(found), pc.is_valid(encoded))


@lru_cache(maxsize=131_072)
def _address(text: str) -> str | None:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError):
        return None


def _first_reason(wrong: Sequence[tuple[pa.Array, str]]) -> pa.Array:
    reasons = [pc.if_else(is_wrong, pa.scalar(reason), pa.scalar(None, pa.string())) for is_wrong, reason in wrong]
    return pc.coalesce(*reasons)


# -- rows --------------------------------------------------------------------------------------------------------------


def _batch(columns: dict[str, pa.Array], places: pa.Array, place: Place) -> pa.RecordBatch:
    values = {NAMES[field]: _plain(column) for field, column in columns.items()}
    start, end = values.pop("start"), values.pop("end", None)
    count = len(places)
    if "account_id" in values:  # AWS writes `unknown` for interfaces of its own services
        is_account = pc.match_substring_regex(values["account_id"], "^[0-9]{12}$")
        values["account_id"] = pc.if_else(is_account, values["account_id"], None)
    for name, told in (("account_id", place.account_id), ("region", place.region)):
        told_by_path = pa.scalar(told, pa.string())
        values[name] = pc.coalesce(values[name], told_by_path) if name in values else pa.repeat(told_by_path, count)
    values["flow_date"] = pc.cast(pc.cast(pc.divide(start, _DAY), pa.int32()), pa.date32())
    values["start_at"] = _instants(start)
    if end is not None:
        values["end_at"] = _instants(end)
    return _filled({**values, "record_index": places}, count, place)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _instants(seconds: pa.Array) -> pa.Array:
    return pc.cast(pc.multiply(seconds, _MICROSECONDS), pa.timestamp("us", tz="UTC"))


def _filled(values: dict[str, pa.Array], count: int, place: Place) -> pa.RecordBatch:
    """Return a batch in the shape of deliveries; what is not given is null."""
    given = {
        **values,
        "source_uri": pa.repeat(pa.scalar(place.source.uri), count),
        "source_etag": pa.repeat(pa.scalar(place.source.etag), count),
    }
    columns = [
        pc.cast(given[field.name], field.type) if field.name in given else pa.nulls(count, field.type)
        for field in _SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
