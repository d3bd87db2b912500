"""User agents, reduced to product and major version: raw strings are all new every week (DESIGN §3)."""

from __future__ import annotations

import re
from functools import lru_cache

_LONGEST = 128
_HOST = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?$")
_PRODUCT = re.compile(r"([^\s/,;()\[\]]+)/v?(\d+)")
_UNIQUE = re.compile(r"[_-]?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_END_OF_NAME = re.compile(r"[,;(\[]|\s\S+/")
# In this order: every browser also claims to be the ones below it.
_BROWSERS = (
    ("Edg", re.compile(r"\b(?:Edge|EdgA|EdgiOS|Edg)/(\d+)")),
    ("Opera", re.compile(r"\bOPR/(\d+)")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"\b(?:HeadlessChrome|Chrome|CriOS)/(\d+)")),
    ("Safari", re.compile(r"\bVersion/(\d+)[^ ]*(?: Mobile/\S+)? Safari/")),
    ("IE", re.compile(r"\bMSIE (\d+)|\bTrident/.*\brv:(\d+)")),
)
_TERRAFORM = re.compile(r"\bTerraform/v?(\d+)")


@lru_cache(maxsize=65_536)
def user_agent_family(user_agent: str | None) -> str | None:
    """Return product and major version; a service's host name and `AWS Internal` as they are; null only for null.

    >>> user_agent_family("[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.1030 Linux/5.4]")
    'S3Console/0'
    """
    if not user_agent:
        return None
    text = user_agent.strip()
    bare = text.removeprefix("[").removesuffix("]").strip() or text or user_agent
    return _family(bare)[:_LONGEST]


def _family(text: str) -> str:
    if text == "AWS Internal" or _HOST.match(text):
        return text
    if found := _TERRAFORM.search(text):
        return f"Terraform/{found[1]}"
    if text.startswith("Mozilla/"):
        for name, pattern in _BROWSERS:
            if found := pattern.search(text):
                return f"{name}/{found[1] or found[2]}"
    if found := _PRODUCT.match(text):
        return _without_unique(f"{found[1]}/{found[2]}")
    return _without_unique(_END_OF_NAME.split(text, maxsplit=1)[0].strip() or text)


def _without_unique(name: str) -> str:
    """Drop a UUID that some tools put in their name, so that they stay one family."""
    return _UNIQUE.sub("", name) or name
