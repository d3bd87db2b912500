"""Objects of a trail, to frames of deliveries: one row per record, read or rejected.

Belongs here: the loop over objects. Does not: opening them (`read` is an argument), what a record means (records), which of
several copies stands (copies), and what is said of each object afterwards (counts).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from expectations.tables.bronze import CLOUDTRAIL_EVENTS, REJECTED_RECORDS
from transforms.cloudtrail.arrow import delivery_schema, record_batch
from transforms.cloudtrail.objects import LEFT, LIMIT, BrokenLine, LeftError, Read, UnreadableError, documents, unpacked
from transforms.cloudtrail.records import FIELDS, event_row, place_finder
from transforms.cloudtrail.scrubbing import SUSPICIOUS, excerpt, scrubbed, scrubbed_text
from transforms.enrichment import Location

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_ROWS = 4096  # records that become one batch …
_BYTES = 16 * 1024 * 1024  # … or fewer, if they are large
_PROVENANCE = ("source_uri", "source_etag", "record_index")
_REJECTION = ("reason", "sha256", "excerpt")
_COLUMNS = (*FIELDS, *_PROVENANCE, *_REJECTION)
_NO_EVENT = (None,) * len(FIELDS)
_SCHEMA = delivery_schema(CLOUDTRAIL_EVENTS)
_NO_RECORD = b""


class Object(NamedTuple):
    """An object to read, and the account in its path."""

    uri: str
    etag: str
    account_id: str | None


class Delivery(NamedTuple):
    """A record, or what is wrong with it or with the whole object (index -1). `body` is the record as JSON with sorted keys."""

    source: Object
    position: int
    record: Any
    body: bytes
    reason: str | None = None


def parse_objects(
    objects: DataFrame, batches: Callable[[Iterable[Object]], Iterator[pa.RecordBatch]], ddl: str
) -> DataFrame:
    """Return the rows of the objects, read by Spark's workers; of any source.

    Args:
        objects: uri, etag, account_id (of the path; null if it names none).
        batches: `delivery_batches`, with its arguments but the first.
        ddl: `delivery_ddl` of the source's table.
    """

    def parse(listed: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return batches(Object(**row) for batch in listed for row in batch.to_pylist())

    return objects.select(*Object._fields).mapInArrow(parse, ddl)


def delivery_batches(
    objects: Iterable[Object], read: Read, locate: Callable[[str], Location], limit: int = LIMIT
) -> Iterator[pa.RecordBatch]:
    """Return one row per record of the objects.

    Args:
        objects: what to read.
        read: from uri to the object's bytes, as they lie there; an OSError rejects the object, a `LeftError` leaves it for
            another night.
        locate: from address to `Location`.
        limit: the largest object, in bytes unpacked.

    Returns:
        The columns of cloudtrail_events, and `reason`, `sha256` and `excerpt`, which are null for an event. A rejected record has
        only these and its source_uri, source_etag and record_index; a rejected object is one row with record_index -1.

    Meanwhile Python looks for no reference cycles: records have none, and looking through them takes half the time of reading them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield from _batches(objects, read, place_finder(locate), limit)
    finally:
        if was_enabled:
            gc.enable()


def _batches(
    objects: Iterable[Object], read: Read, place_of: Callable[[Any], tuple[Any, ...]], limit: int
) -> Iterator[pa.RecordBatch]:
    waiting: list[Delivery] = []
    size = 0
    for source in objects:
        for delivery in deliveries_of(source, read, limit, records_in):
            waiting.append(delivery)
            size += len(delivery.body)
            if len(waiting) >= _ROWS or size >= _BYTES:
                yield _batch(waiting, place_of)
                waiting, size = [], 0
    if waiting:
        yield _batch(waiting, place_of)


def deliveries_of(source: Object, read: Read, limit: int, split: Callable[[bytes], list[Any]]) -> Iterator[Delivery]:
    """Return the records of one object, as `split` finds them in its content, each with what is wrong with it."""
    data = _NO_RECORD
    try:
        data = read(source.uri)
        data = unpacked(data, limit)
        records = split(data)
    except LeftError as error:
        yield Delivery(source, -1, None, _NO_RECORD, f"{LEFT}{error}")
    except OSError as error:
        yield Delivery(source, -1, None, data, f"cannot be opened: {error.strerror or error}")
    except UnreadableError as error:
        yield Delivery(source, -1, None, data, str(error))
    else:
        for index, record in enumerate(records):
            yield _delivery(source, index, record)


def _delivery(source: Object, index: int, record: Any) -> Delivery:
    if type(record) is BrokenLine:
        return Delivery(source, index, None, record.text, record.reason)
    try:
        return Delivery(source, index, record, orjson.dumps(record, option=orjson.OPT_SORT_KEYS))
    except TypeError:
        return Delivery(source, index, None, _NO_RECORD, "nested too deeply")


def records_in(content: bytes) -> list[Any]:
    """Return the records of an object: of its list `Records`, of JSON Lines, or a record that stands alone.

    Raises:
        UnreadableError: it holds none of these.
    """
    found, is_lines = documents(content)
    if is_lines:
        return list(found)
    if isinstance(found, dict):
        records = found.get("Records")
        if isinstance(records, list):
            return records
        if "eventName" in found or "eventTime" in found:
            return [found]
        if "digestStartTime" in found:
            raise UnreadableError("a digest, not events")
    raise UnreadableError("no list of Records")


def _batch(deliveries: list[Delivery], place_of: Callable[[Any], tuple[Any, ...]]) -> pa.RecordBatch:
    return record_batch(
        _SCHEMA, _COLUMNS, (_row(*each, place_of) for each in zip(deliveries, suspicions(deliveries), strict=True))
    )


def suspicions(deliveries: list[Delivery]) -> list[bool]:
    """Return, for each record, whether a secret may be in it."""
    bodies = pa.array([delivery.body for delivery in deliveries], pa.large_binary())
    found: list[bool] = pc.match_substring_regex(bodies, SUSPICIOUS, ignore_case=True).to_pylist()
    return found


def _row(delivery: Delivery, is_suspicious: bool, place_of: Callable[[Any], tuple[Any, ...]]) -> tuple[Any, ...]:
    source, index, record, body, reason = delivery
    if reason is None:
        try:
            record = scrubbed(record) if is_suspicious else record
            event = event_row(record, body, source.account_id, place_of)
        except UnreadableError as error:
            reason = str(error)
        else:
            return (*event, source.uri, source.etag, index, None, None, None)
    return (*_NO_EVENT, source.uri, source.etag, index, *rejection(delivery, reason))


def rejection(delivery: Delivery, reason: str) -> tuple[str, str | None, str | None]:
    """Return reason, hash and beginning of a record or object that is rejected."""
    if not delivery.body:
        return scrubbed_text(reason), None, None
    if delivery.record is None:
        is_text = not delivery.body.startswith(b"\x1f\x8b")
        text = delivery.body[: 1024 * 1024].decode("utf-8", "replace") if is_text else None
        return reason, sha256(delivery.body).hexdigest(), text and excerpt(text)
    clean = orjson.dumps(scrubbed(delivery.record), option=orjson.OPT_SORT_KEYS)
    return reason, sha256(delivery.body).hexdigest(), excerpt(clean.decode())


def rejects(deliveries: DataFrame) -> DataFrame:
    """Return the rejected records among the deliveries, in the shape of rejected_records; what was left is not rejected."""
    is_left = F.col("reason").startswith(LEFT)
    return REJECTED_RECORDS.conform(
        deliveries.where(F.col("reason").isNotNull() & ~is_left).select(
            F.col("source_uri").alias("uri"),
            F.col("source_etag").alias("etag"),
            "record_index",
            *_REJECTION,
        )
    )
