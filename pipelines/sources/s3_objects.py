"""The bytes of objects in S3, read by Spark's workers, several ahead of the one that is being parsed.

CloudTrail's objects are small: a request takes tens of milliseconds, parsing what it brings one. `IfMatch` makes sure that what is
read is what was listed, and so what the ledger says was read.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import NoReturn, TypeVar
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from pipelines.sources.aws import Access, client, in_words
from transforms.cloudtrail.deliveries import Object
from transforms.cloudtrail.objects import LIMIT, LeftError, Read, UnreadableError

_LARGE = 8 << 20  # bytes: larger objects are not kept waiting, but read when their turn comes
_BODY_ATTEMPTS = 3  # of an answer that breaks off: boto3 tries again only what has not begun to answer
_COLLECT = 2_000  # objects, after which cycles of answers are collected: the parser keeps Python from doing so

Found = TypeVar("Found")


def read_ahead(
    access: Access, parse: Callable[[Iterable[Object], Read], Iterator[Found]], objects: Iterable[Object]
) -> Iterator[Found]:
    """Return what `parse` makes of the objects and of a function that reads them."""
    with ThreadPoolExecutor(access.threads) as pool:
        ahead = _Ahead(access, pool)
        yield from parse(ahead.of(objects), ahead.read)


class _Ahead:
    """Objects that are read before it is their turn: twice as many as there are threads, none of them large."""

    def __init__(self, access: Access, pool: ThreadPoolExecutor) -> None:
        self._access = access
        self._pool = pool
        self._reading: dict[str, tuple[Object, Future[bytes | None]]] = {}

    def of(self, objects: Iterable[Object]) -> Iterator[Object]:
        """Yield the objects in their order, the next ones under way."""
        waiting: deque[Object] = deque()
        for count, each in enumerate(objects, start=1):
            self._reading[each.uri] = each, self._pool.submit(_small, each, self._access)
            waiting.append(each)
            if len(waiting) > 2 * self._access.threads:
                yield waiting.popleft()
            if count % _COLLECT == 0:
                gc.collect(1)
        yield from waiting

    def read(self, uri: str) -> bytes:
        """Return the bytes of an object whose turn it is.

        Raises:
            LeftError: it cannot be read now.
            UnreadableError: it is too large.
        """
        each, reading = self._reading.pop(uri)
        found = reading.result()
        return read_object(each.uri, each.etag, self._access) if found is None else found


def _small(each: Object, access: Access) -> bytes | None:
    """Return the bytes of an object, null if it is a large one."""
    return _read(each.uri, each.etag, access, _LARGE)


def read_object(uri: str, etag: str | None, access: Access) -> bytes:
    """Return the bytes of an object as it was when it had this ETag; of whatever lies there, if none is given.

    Raises:
        LeftError: it is gone or another one, or cannot be read now.
        UnreadableError: it is larger than any log.
    """
    found = _read(uri, etag, access, LIMIT)
    if found is None:
        raise UnreadableError(f"larger than {LIMIT} bytes")
    return found


def etag_of(uri: str, access: Access) -> str:
    """Return the ETag of an object as it lies there now.

    Raises:
        LeftError: it is gone, or cannot be read.
    """
    bucket, key = _place(uri)
    try:
        return str(client("s3", access).head_object(Bucket=bucket, Key=key, **access.payer)["ETag"]).strip('"')
    except (BotoCoreError, ClientError) as error:
        _leave(error)


def _read(uri: str, etag: str | None, access: Access, most: int) -> bytes | None:
    """Return the bytes of an object, null if there are more than `most`."""
    bucket, key = _place(uri)
    condition = {"IfMatch": f'"{etag}"'} if etag else {}
    for attempt in range(1, _BODY_ATTEMPTS + 1):
        try:
            answer = client("s3", access).get_object(Bucket=bucket, Key=key, **condition, **access.payer)
            with closing(answer["Body"]) as body:  # as a context it would give urllib3's, whose errors are its own
                return bytes(body.read()) if answer["ContentLength"] <= most else None
        except ClientError as error:
            _leave(error)
        except (BotoCoreError, OSError) as error:  # the answer broke off
            if attempt == _BODY_ATTEMPTS:
                _leave(error)
    return None


def _leave(error: Exception) -> NoReturn:
    raise LeftError(in_words(error)) from None


def _place(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.partition("://")[2].partition("/")
    return bucket, unquote(key)
