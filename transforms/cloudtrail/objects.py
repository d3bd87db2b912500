"""One object's bytes, to the JSON documents in it. GuardDuty's objects are read the same way.

Belongs here: gzip, JSON, JSON Lines, and what is wrong with an object. Does not: what a record means.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from isal import isal_zlib

LIMIT = 256 * 1024 * 1024  # bytes of one unpacked object; CloudTrail's own stay below 50 MB
_GZIP = b"\x1f\x8b"
_MOST_DIGITS = 300  # of a whole number, before it is no number of ours

Read = Callable[[str], bytes]

LEFT = "left for another night: "
"""How the reason begins why an object was not read, though it may be later: it is neither rejected nor in the ledger."""


class LeftError(OSError):
    """An object cannot be read now, and may be another time (no right, throttled, no connection); the message says why."""


class UnreadableError(Exception):
    """An object, or one record of it, cannot be read; the message is the reason, in words."""


class BrokenLine(NamedTuple):
    """A line that should have been a JSON document."""

    text: bytes
    reason: str


def unpacked(data: bytes, limit: int = LIMIT) -> bytes:
    """Return the content of an object, gzip or plain.

    Raises:
        UnreadableError: the gzip is damaged or incomplete, or the content is larger than `limit` bytes.
    """
    content = _gunzipped(data, limit) if data.startswith(_GZIP) else data
    if len(content) > limit:
        raise UnreadableError(f"larger than {limit} bytes when unpacked")
    if not content.strip():
        raise UnreadableError("empty object")
    return content.removeprefix(b"\xef\xbb\xbf")


def _gunzipped(data: bytes, limit: int) -> bytes:
    members: list[bytes] = []
    rest, room = data, limit + 1
    try:
        while rest.strip(b"\0") and room > 0:
            if not rest.startswith(_GZIP):
                raise UnreadableError("damaged gzip")
            member = isal_zlib.decompressobj(wbits=31)
            members.append(member.decompress(rest, room))
            room -= len(members[-1])
            if room > 0 and not member.eof:
                raise UnreadableError("incomplete gzip")
            rest = member.unused_data
    except isal_zlib.IsalError as error:  # type: ignore[misc]
        raise UnreadableError("damaged gzip") from error
    return members[0] if len(members) == 1 else b"".join(members)


def document(content: bytes) -> Any:
    """Return the JSON document. What strict JSON forbids but writers do is read: NaN as null, lone surrogates and bad UTF-8 as `?`.

    Raises:
        UnreadableError: it is not JSON, or nested too deeply.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _tolerant(content)


def _tolerant(content: bytes) -> Any:
    try:
        found = json.loads(
            content.decode("utf-8", "replace"),
            strict=False,
            parse_constant=lambda _name: None,
            parse_float=_finite,
            parse_int=lambda digits: int(digits) if len(digits) < _MOST_DIGITS else None,
        )
        return orjson.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError as error:
        raise UnreadableError("nested too deeply") from error
    except ValueError as error:
        raise UnreadableError("not JSON") from error


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if abs(number) != float("inf") else None


def documents(content: bytes) -> tuple[Any, bool]:
    """Return the object's JSON document and False, or the list of its documents and True if it is JSON Lines.

    It is JSON Lines when the whole is no JSON document but its first line is an object. A bad line is a `BrokenLine`.

    Raises:
        UnreadableError: it is neither.
    """
    try:
        return orjson.loads(content), False
    except orjson.JSONDecodeError:
        lines = content.splitlines() if b"\n" in content.strip() else []
    lines = [line for line in lines if line.strip()]
    if lines and isinstance(first := _line(lines[0]), dict):
        return [first, *(_line(line) for line in lines[1:])], True
    return document(content), False


def _line(text: bytes) -> Any:
    try:
        return document(text)
    except UnreadableError as error:
        return BrokenLine(text, str(error))
