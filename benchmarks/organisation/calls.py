"""The API calls that actors make, and how often each actor's kind of work makes them.

What is asked is encoded once, not per event.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import orjson

from benchmarks.organisation.parameters import REGIONS

NULL = orjson.Fragment(b"null")
GLOBAL_SOURCES = frozenset({"iam.amazonaws.com", "cloudfront.amazonaws.com", "organizations.amazonaws.com"})


def encoded(document: Any) -> orjson.Fragment:
    """Return a document that needs no further encoding when a record holds it."""
    return orjson.Fragment(orjson.dumps(document))


@dataclass(frozen=True, slots=True)
class Call:
    """One API as CloudTrail records it.

    `tls` is by region; `forwards` is the call that its service makes in the caller's name (forward access).
    """

    source: str
    name: str
    version: str
    read_only: bool
    requests: tuple[orjson.Fragment, ...]
    response: orjson.Fragment
    is_global: bool
    tls: dict[str, orjson.Fragment]
    forwards: Call | None = None

    @property
    def action(self) -> str:
        """The IAM action, as error messages name it."""
        return f"{self.source.partition('.')[0]}:{self.name}"


def call(
    source: str,
    name: str,
    *requests: Any,
    version: str = "1.09",
    write: bool = False,
    forwards: Call | None = None,
) -> Call:
    """Describe a call: its service, its name and the requests it is seen with (none: null)."""
    host = f"{source}.amazonaws.com"
    is_global = host in GLOBAL_SOURCES
    hosts = {region: host if is_global else f"{source}.{region}.amazonaws.com" for region in REGIONS}
    return Call(
        source=host,
        name=name,
        version=version,
        read_only=not write,
        requests=tuple(encoded(request) for request in requests) or (NULL,),
        response=NULL,
        is_global=is_global,
        tls={region: _tls(each) for region, each in hosts.items()},
        forwards=forwards,
    )


def _tls(host: str) -> orjson.Fragment:
    details = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host}
    return encoded(details)


@dataclass(frozen=True)
class Work:
    """What a kind of actor does: calls and their cumulated weights, ready for `random.choices`."""

    calls: tuple[Call, ...]
    cumulated: tuple[float, ...]

    @classmethod
    def of(cls, *weighted: tuple[float, Call]) -> Work:
        """Make it from (weight, call) pairs."""
        return cls(tuple(each for _, each in weighted), tuple(accumulate(weight for weight, _ in weighted)))
