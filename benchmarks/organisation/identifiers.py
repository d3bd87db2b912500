"""The shapes of AWS identifiers, drawn from a given generator of random numbers, so that a seed decides every one."""

from __future__ import annotations

import base64
import hashlib
import random

_LOWER = "abcdefghijklmnopqrstuvwxyz0123456789"
_MIXED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TOKEN_LENGTH = 340


def seeded(seed: int, *names: object) -> random.Random:
    """Return the generator of one subject (an actor, a flow's day): independent of every other and of their order."""
    return random.Random("|".join(map(str, (seed, *names))))  # noqa: S311 - made-up logs, no secrets


def unique_id(rng: random.Random, prefix: str) -> str:
    """Return a unique id or access key id: AROA, AIDA, AKIA or ASIA and 17 characters."""
    return prefix + base64.b32encode(rng.randbytes(11))[:17].decode()


def account_id(rng: random.Random) -> str:
    """Return twelve digits."""
    return str(rng.randrange(100_000_000_000, 1_000_000_000_000))


def organization_id(rng: random.Random) -> str:
    """Return `o-` and ten lower-case characters."""
    return "o-" + "".join(rng.choices(_LOWER, k=10))


def resource_id(rng: random.Random, prefix: str) -> str:
    """Return an EC2-style id: the prefix and 17 hexadecimal digits, the first a zero as usual."""
    return f"{prefix}-0{rng.getrandbits(64):016x}"


def object_suffix(rng: random.Random) -> str:
    """Return the 16 characters that end a log object's name."""
    return "".join(rng.choices(_MIXED, k=16))


def uuid_text(rng: random.Random) -> str:
    """Return a random UUID, version 4."""
    return uuid_pair(rng)[0]


def uuid_pair(rng: random.Random) -> tuple[str, str]:
    """Return two UUIDs for the price of one draw: every record needs a request id and an event id."""
    h = f"{rng.getrandbits(256):064x}"
    return (
        f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:32]}",
        f"{h[32:40]}-{h[40:44]}-4{h[45:48]}-b{h[49:52]}-{h[52:64]}",
    )


def session_token(rng: random.Random) -> str:
    """Return what looks like a session token, for readers to scrub."""
    return "IQoJb3JpZ2luX2Vj" + base64.b64encode(rng.randbytes(_TOKEN_LENGTH)).decode()


def name_qualifier(issuer: str, account: str, provider: str) -> str:
    """Return SAML's name qualifier: a hash of issuer, account and provider, so another in every account (IAM guide,
    saml:namequalifier).
    """
    return base64.b64encode(
        hashlib.sha1(f"{issuer}{account}/{provider}".encode(), usedforsecurity=False).digest()
    ).decode()
