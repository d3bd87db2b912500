"""Objects of flow logs, to batches of deliveries: text (gzip or plain) and Parquet, a block at a time, whatever their size.

An object that is damaged further down has given the rows before that: they stay, and the object is rejected with its reason.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from gzip import BadGzipFile
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip, isal_zlib

from transforms.cloudtrail.deliveries import Object
from transforms.cloudtrail.objects import LEFT, LeftError, Read, UnreadableError
from transforms.flows.formats import NAMES, fields_of
from transforms.flows.records import Records, from_columns, from_lines
from transforms.flows.rows import batches_of, place_of, rejected_object

LIMIT = 16 << 30
"""Bytes of one unpacked object: AWS closes them at 75 MB packed, which is a gigabyte at most. Only a block is in memory."""

_BLOCK = 8 << 20  # bytes
_ROWS = 65_536  # of Parquet, at a time
_MOST_ROWS = 16_384  # of a batch: whoever collects a few of them has little in memory
_LONGEST_LINE = 1 << 20
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_BOM = b"\xef\xbb\xbf"


def delivery_batches(objects: Iterable[Object], read: Read, limit: int = LIMIT) -> Iterator[pa.RecordBatch]:
    """Return one row per flow record of the objects.

    Args:
        objects: what to read; account, where a record has none, and region are taken from the path.
        read: from uri to the object's bytes; an OSError rejects the object, a `LeftError` leaves it for another night.
        limit: the largest object, in bytes unpacked.

    Returns:
        The columns of vpc_flows, and `reason`, `sha256` and `excerpt` of what was rejected, as for CloudTrail; record_index counts
        the records of the object from 0, blank lines left out, and is -1 for the object as a whole.
    """
    for source in objects:
        place = place_of(source)
        try:
            for records in _records(read(source.uri), limit):
                for batch in batches_of(records, place):
                    yield from (batch.slice(begin, _MOST_ROWS) for begin in range(0, batch.num_rows, _MOST_ROWS))
        except LeftError as error:
            yield rejected_object(place, f"{LEFT}{error}")
        except OSError as error:
            yield rejected_object(place, f"cannot be opened: {error.strerror or error}")
        except UnreadableError as error:
            yield rejected_object(place, str(error))


def _records(data: bytes, limit: int) -> Iterator[Records]:
    """Return the records of an object, in parts."""
    if data.startswith(_PARQUET):
        return _of_parquet(data)
    return _of_text(_blocks(_pieces(data), limit))


def _of_text(blocks: Iterator[bytes]) -> Iterator[Records]:
    fields: list[str] = []
    first = 0
    for block in blocks:
        lines = block
        if not fields:
            header, _, lines = block.removeprefix(_BOM).lstrip().partition(b"\n")
            fields = fields_of(header.decode("utf-8", "replace").split()) if header else []
        if lines.removeprefix(_BOM).strip(b"\r\n"):
            records = from_lines(lines, fields, first)
            first += records.line_count
            yield records
    if not fields:
        raise UnreadableError("empty object")


def _of_parquet(data: bytes) -> Iterator[Records]:
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        fields = fields_of(file.schema_arrow.names)
        wanted = [name for name, field in zip(file.schema_arrow.names, fields, strict=True) if field in NAMES]
        named = [field for field in fields if field in NAMES]
        first = 0
        for batch in file.iter_batches(_ROWS, columns=wanted):
            # In the order of the file's schema, whatever order was asked for.
            yield from_columns(dict(zip(named, batch.select(wanted).columns, strict=True)), first)
            first += batch.num_rows
    except (pa.ArrowException, OSError) as error:  # a truncated file is an OSError of Arrow's
        raise UnreadableError(f"damaged Parquet: {str(error).splitlines()[0][:200]}") from error


def _pieces(data: bytes) -> Iterator[bytes]:
    if not data.startswith(_GZIP):
        for begin in range(0, len(data), _BLOCK):
            yield data[begin : begin + _BLOCK]
        return
    try:
        with igzip.IGzipFile(fileobj=BytesIO(data)) as content:  # type: ignore[no-untyped-call]
            while piece := content.read(_BLOCK):
                yield piece
    except EOFError as error:
        raise UnreadableError("incomplete gzip") from error
    except (BadGzipFile, zlib.error, isal_zlib.IsalError) as error:  # type: ignore[misc]
        raise UnreadableError("damaged gzip") from error


def _blocks(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Cut the content into blocks of whole lines; of a content that breaks off only the whole lines are given."""
    rest, size = b"", 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise UnreadableError(f"larger than {limit} bytes when unpacked")
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
        rest = piece[end:] if end else rest + piece
        if len(rest) > _LONGEST_LINE:
            raise UnreadableError(f"a line of more than {_LONGEST_LINE} bytes")
    if rest.strip():
        yield rest
