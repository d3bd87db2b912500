"""Lines or columns of a flow log, as Arrow columns of its fields, a block at a time: no loop over records.

What is in a field is read here, and what cannot be is told; what it has to be is not asked (rows).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from transforms.flows.formats import NUMBERS, TEXTS

_NOTHING = "-"
_NUMBER = r"^[0-9]{1,18}$"
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_ONE_BLOCK = 1 << 30  # of pyarrow's own reader: a block of ours is never cut again


@dataclass(frozen=True)
class Records:
    """Records of an object.

    Args:
        columns: field → its values: texts (dictionary-encoded) without `-`, numbers (int64).
        places: position of each in its object.
        line_count: how many records there were, the broken ones included.
        broken: position, text and reason of those that have no place in `columns`.
        wrong: field → whether its text is no number, where there is such a one.
        text_of: from positions to the records as they stood.
    """

    columns: Mapping[str, pa.Array]
    places: pa.Array
    line_count: int
    broken: Sequence[tuple[int, bytes, str]]
    wrong: Mapping[str, pa.Array]
    text_of: Callable[[Sequence[int]], list[bytes]]


def from_lines(lines: bytes, fields: Sequence[str], first: int) -> Records:
    """Return the records of whole lines, one each; blank lines are none.

    Args:
        lines: of one object, without its header.
        fields: of its header, in order.
        first: position of the first record.
    """
    clean = lines if lines.isascii() else lines.decode("utf-8", "replace").encode()
    wrong: dict[str, pa.Array] = {}
    try:
        table, invalid = _read(clean, fields, pa.int64(), _DICTIONARY)
    except pa.ArrowInvalid:  # a number that is none: looked at one by one, in this block only
        table, invalid = _read(clean, fields, pa.string(), pa.string())
        table, wrong = _numbers(table)
    count = table.num_rows + len(invalid)
    skipped = [number - 1 for number, _ in invalid]
    texts = _lines_at(lines, skipped) if skipped else []
    left_out = frozenset(skipped)
    kept = pa.array([each for each in range(count) if each not in left_out] if left_out else range(count), pa.int64())
    return Records(
        columns={field: _combined(table[field]) for field in table.column_names},
        places=pc.add(kept, first),
        line_count=count,
        broken=[(first + n - 1, text, reason) for (n, reason), text in zip(invalid, texts, strict=True)],
        wrong=wrong,
        text_of=lambda places: _lines_at(lines, [place - first for place in places]),
    )


def from_columns(columns: Mapping[str, pa.Array], first: int) -> Records:
    """Return the records of a batch of a Parquet file: field → its values, of whatever type the writer gave them."""
    read: dict[str, pa.Array] = {}
    wrong: dict[str, pa.Array] = {}
    count = len(next(iter(columns.values())))
    for field, values in columns.items():
        if field in TEXTS:
            read[field] = _text(values)
        else:
            read[field], is_wrong = _number(values)
            if is_wrong is not None:
                wrong[field] = is_wrong
    return Records(
        columns=read,
        places=pa.array(range(first, first + count), pa.int64()),
        line_count=count,
        broken=(),
        wrong=wrong,
        text_of=lambda places: [
            orjson.dumps({field: values[place - first].as_py() for field, values in columns.items()}, default=str)
            for place in places
        ],
    )


def _read(
    lines: bytes, fields: Sequence[str], number: pa.DataType, text: pa.DataType
) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Return the fields that are kept, and of lines that have another number of them: their number, from 1, and what is wrong."""
    invalid: list[tuple[int, str]] = []

    def skip(row: Any) -> str:
        invalid.append((row.number, f"{row.actual_columns} fields, where the header names {row.expected_columns}"))
        return "skip"

    kinds = {field: number if field in NUMBERS else text for field in fields if field in NUMBERS or field in TEXTS}
    table = pv.read_csv(
        pa.BufferReader(lines),
        read_options=pv.ReadOptions(column_names=list(fields), use_threads=False, block_size=_ONE_BLOCK),
        parse_options=pv.ParseOptions(
            delimiter=" ", quote_char=False, escape_char=False, double_quote=False, invalid_row_handler=skip
        ),
        convert_options=pv.ConvertOptions(
            null_values=[_NOTHING, ""], strings_can_be_null=True, column_types=kinds, include_columns=list(kinds)
        ),
    )
    return table, invalid


def _numbers(table: pa.Table) -> tuple[pa.Table, dict[str, pa.Array]]:
    """Read the numbers of a table of texts, and say which are none."""
    wrong: dict[str, pa.Array] = {}
    read: dict[str, pa.Array] = {}
    for field in table.column_names:
        values = _combined(table[field])
        if field in NUMBERS:
            read[field], is_wrong = _number(values)
            if is_wrong is not None:
                wrong[field] = is_wrong
        else:
            read[field] = values.dictionary_encode()
    return pa.table(read), wrong


def _number(values: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Return whole numbers, and where there is something else."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        try:
            return pc.cast(values, pa.int64()), None
        except pa.ArrowException:
            values = pc.cast(values, pa.string())
    values = pc.if_else(pc.is_in(values, value_set=pa.array([_NOTHING, ""], values.type)), None, values)
    is_number = pc.match_substring_regex(values, _NUMBER)
    numbers = pc.cast(pc.if_else(is_number, values, None), pa.int64())
    is_wrong = pc.fill_null(pc.invert(is_number), False)
    return numbers, is_wrong if pc.any(is_wrong).as_py() else None


def _text(values: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(values.type):
        values = _as_text(values).dictionary_encode()
    words = _as_text(values.dictionary)
    words = pc.if_else(pc.is_in(words, value_set=pa.array([_NOTHING, ""])), None, words)
    return pc.take(words, values.indices).dictionary_encode()


def _as_text(values: pa.Array) -> pa.Array:
    try:
        return pc.cast(values, pa.string())
    except pa.ArrowException:  # bytes that are no UTF-8
        return pa.array(
            [None if each is None else bytes(each).decode("utf-8", "replace") for each in values.to_pylist()],
            pa.string(),
        )


def _combined(values: pa.ChunkedArray) -> pa.Array:
    combined = values.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def _lines_at(lines: bytes, positions: Sequence[int]) -> list[bytes]:
    there = [line for line in lines.splitlines() if line.strip(b"\r\n")]
    return [there[position] for position in positions]
