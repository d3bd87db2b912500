"""From an object's bytes to its JSON documents, or the reason why not."""

from __future__ import annotations

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.cloudtrail.deliveries import records_in
from transforms.cloudtrail.objects import BrokenLine, UnreadableError, document, unpacked

TEXT = b'{"Records": [{"eventID": "1"}]}'
PACKED = gzip.compress(TEXT, mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        PACKED,
        gzip.compress(TEXT[:9], mtime=0) + gzip.compress(TEXT[9:], mtime=0),
        PACKED + b"\0" * 8,
        b"\xef\xbb\xbf" + TEXT,
    ],
    ids=["plain", "gzip", "two members", "zero padding", "byte order mark"],
)
def test_unpacked__returns_the_content(data: bytes) -> None:
    assert unpacked(data) == TEXT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty object"),
        (gzip.compress(b"", mtime=0), "empty object"),
        (PACKED[:-9], "incomplete gzip"),
        (PACKED[:12], "incomplete gzip"),
        (PACKED[:-6] + b"\0" + PACKED[-5:], "damaged gzip"),
        (PACKED + b"more", "damaged gzip"),
        (gzip.compress(b"\0" * 2_000_000, mtime=0), "larger than 1000000 bytes when unpacked"),
        (b" " * 1_000_001, "larger than 1000000 bytes when unpacked"),
    ],
)
def test_unpacked__says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        unpacked(data, 1_000_000)


@given(st.binary(max_size=200), st.integers(0, 60), st.integers(0, 255))
def test_unpacked__withstands_anything(data: bytes, position: int, byte: int) -> None:
    damaged = bytearray(gzip.compress(data))
    damaged[position % len(damaged)] = byte
    for some in (data, bytes(damaged), b"\x1f\x8b" + data):
        with suppress(UnreadableError):
            assert isinstance(records_in(unpacked(some, 10_000)), list)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"a": NaN, "b": Infinity, "c": 1e999}', {"a": None, "b": None, "c": None}),
        (b'{"a": "\\ud800x"}', {"a": "?x"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": "tab\there"}', {"a": "tab\there"}),
        (b'{"a": 123456789012345678901234567890}', {"a": 1.2345678901234568e29}),
    ],
)
def test_document__reads_what_strict_json_forbids(content: bytes, found: object) -> None:
    assert document(content) == found


@pytest.mark.parametrize("content", [b"[" * 100_000 + b"]" * 100_000, b"{", b"hello", b'{"a": ' + b"9" * 5000 + b"x}"])
def test_document__refuses_the_rest(content: bytes) -> None:
    with pytest.raises(UnreadableError, match=r"not JSON|nested too deeply"):
        document(content)


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b'{"Records": []}', []),
        (b'{"Records": [1, null, {}]}', [1, None, {}]),
        (b'{"eventName": "A"}\n{"eventName": "B"}\n\n', [{"eventName": "A"}, {"eventName": "B"}]),
        (b'{"eventName": "A"}\noops', [{"eventName": "A"}, BrokenLine(b"oops", "not JSON")]),
        (b'{\n"eventName": "A"\n}', [{"eventName": "A"}]),
    ],
)
def test_records_in__finds_the_records(content: bytes, records: list[object]) -> None:
    assert records_in(content) == records


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"digestStartTime": "2023-07-10T11:55:22Z", "logFiles": []}', "a digest"),
        (b'{"Records": null}', "no list of Records"),
        (b"[]", "no list of Records"),
        (b'"text"', "no list of Records"),
        (b"<html>", "not JSON"),
    ],
)
def test_records_in__says_what_is_wrong(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        records_in(content)
