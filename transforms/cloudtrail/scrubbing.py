"""Secrets, taken out of what is kept: by structure (the name of a key) and by pattern (free text).

Belongs here: what a secret looks like. Does not: where it was found. `SUSPICIOUS` is the cheap question that comes first; what it
does not match holds nothing that the rest of this module would remove, and a test says so.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

REMOVED = "[removed]"

# Of a key in lower case without separators. Names that end so: masterUserPassword, awsSecretAccessKey, x-amz-security-token.
_ENDINGS = (
    "password",
    "passwd",
    "passphrase",
    "secretaccesskey",
    "secretkey",
    "sessiontoken",
    "securitytoken",
    "authtoken",
    "authorizationtoken",
    "accesstoken",
    "refreshtoken",
    "bearertoken",
    "webidentitytoken",
    "samlassertion",
    "samlresponse",
    "clientsecret",
    "secretstring",
    "secretbinary",
    "privatekey",
    "keymaterial",
    "sharedsecret",
    "sharedkey",
    "amzsignature",
)
# Names that are secrets only when whole: nextToken and clientToken are none (pages and repeats), nor is secretId (a name).
_WHOLE = frozenset({"token", "idtoken", "tokenvalue", "signintoken", "secret", "passworddata", "apisecret"})
_NAME_WORDS = (
    "secret",
    "token",
    "pass",
    "private",
    "saml",
    "material",
    "shared",
    "signature",
)  # one is in each name above
_HARMLESS = frozenset({"", REMOVED, "Success", "Failure", "true", "false"})  # GetSigninToken: "Success" is an outcome
_SHORT = 200
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_NAMES = frozenset({"name", "key", "parameterName", "parameterKey", "Name", "Key", "ParameterName", "ParameterKey"})
_VALUES = ("value", "parametervalue")

# The cheap question for thousands of records at once, as JSON: a regular expression for RE2, which has no look-around.
SUSPICIOUS = (
    r"token|secret|passw|passphrase|private.{0,2}key|assertion|saml.{0,2}response|key.{0,2}material|shared.{0,2}key"
    r"|amz.{0,2}signature|signature(?:=|%3d)|eyj|fwog|fqog|iqoj|aqod|bearer|\\\\u00"
)

# `name = value`, `"name": "value"`, also with escaped quotes and in a URL. Each quantifier is possessive: no way back, no blow-up.
_ASSIGNMENT = re.compile(r"""(?P<name>(?<![\w-])[\w-]{4,80}+)(?P<sign>(?:[\\"']|%22)*+\s*+(?:[:=]|%3[ADad])\s*+)""")
_ASSIGNED = re.compile(
    r"""(?P<open>")(?:[^"\\]|\\.)*+(?P<close>"?)|(?P<open_>\\++")(?:[^"\\]|\\[^"])*+(?P<close_>(?:\\*+")?)|'[^']*+'?"""
    r"""|[^\s"'&,;:}<>)\]\\][^\s"'&,;}<>)\]\\]*+""",
    re.DOTALL,
)


class _Pattern(NamedTuple):
    """A pattern of secrets in free text. Text whose lower case has none of the words holds none; looking for words is fast."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]
    kept: str = ""


_PATTERNS = (
    _Pattern(
        ("private key",), re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)", re.DOTALL)
    ),
    _Pattern(("fwog", "fqog", "iqoj", "aqod"), re.compile(r"(?:FwoG|FQoG|IQoJ|AQoD)[A-Za-z0-9/+=%_-]{40,}")),
    _Pattern(("eyj",), re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?")),
    _Pattern(("bearer",), re.compile(r"(bearer\s+)[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE), r"\1"),
    # 40 characters of base64 beside the word, as the CLI and configuration files show a secret key; a SHA-1 is none
    _Pattern(
        ("secret",),
        re.compile(
            r"(secret.{0,60}?(?<![\w/+=]))(?![0-9a-f]{40})[A-Za-z0-9/+]{40}(?![\w/+=])", re.IGNORECASE | re.DOTALL
        ),
        r"\1",
    ),
)

# Text whose lower case has none of them is clean. This is nearly all text, and most of it is new: ids and times.
_WORDS = tuple({word: None for words in (_NAME_WORDS, *(each.words for each in _PATTERNS)) for word in words})


def scrubbed(value: Any) -> Any:
    """Return a JSON document (at most some 250 levels deep) without the secrets in it. Truth values and numbers stay."""
    if isinstance(value, str):
        return _scrubbed_string(value)
    if isinstance(value, dict):
        return _scrubbed_object(value)
    if isinstance(value, list):
        return [scrubbed(item) for item in value]
    return value


def _scrubbed_object(value: dict[str, Any]) -> dict[str, Any]:
    """Scrub an object: most of the time of a record that may hold a secret, so that what was asked before is remembered."""
    clean: dict[str, Any] = {}
    names_a_secret = False  # in a pair like `{"name": "DB_PASSWORD", "value": "…"}`
    for key, item in value.items():
        shown, is_secret, is_name = _key(key)
        if is_secret and _is_worth_hiding(item):
            clean[shown] = REMOVED
        elif type(item) is str:
            clean[shown] = _remembered(item) if len(item) < _SHORT else _scrubbed_string(item)
            names_a_secret |= is_name and _is_secret(item)
        else:
            clean[shown] = scrubbed(item)
    if names_a_secret:
        hidden = [key for key, item in clean.items() if key.lower() in _VALUES and _is_worth_hiding(item)]
        clean |= dict.fromkeys(hidden, REMOVED)
    return clean


@lru_cache(maxsize=65_536)
def _key(key: str) -> tuple[str, bool, bool]:
    """Return a key as it is shown, whether it is a secret's, and whether its value is the name in a pair of name and value."""
    return scrubbed_text(key), _is_secret(key), key in _NAMES


def _is_worth_hiding(item: Any) -> bool:
    return (
        item is not None
        and not isinstance(item, bool | int | float)
        and not (isinstance(item, str) and item in _HARMLESS)
    )


def _scrubbed_string(text: str) -> str:
    """Scrub a string. One that is a JSON document itself is scrubbed as such, and stays as it is if nothing is in it."""
    if text[:1] in ("{", "[") or text[:1].isspace():
        try:
            inner = orjson.loads(text)
            clean = scrubbed(inner)
        except orjson.JSONDecodeError:
            pass
        except RecursionError:
            return REMOVED
        else:
            return text if clean == inner and scrubbed_text(text) == text else _dumped(clean)
    return scrubbed_text(text)


def _dumped(document: Any) -> str:
    try:
        return orjson.dumps(document).decode()
    except TypeError:  # nested too deeply to be written
        return REMOVED


def scrubbed_text(text: str) -> str:
    """Return free text without what looks like a secret."""
    lower = text.lower()
    for word in _WORDS:
        if word in lower:
            return _without_secrets(text, lower)
    return text


def _without_secrets(text: str, lower: str) -> str:
    for word in _NAME_WORDS:
        if word in lower:
            text = _without_assignments(text)
            break
    for words, pattern, kept in _PATTERNS:
        for word in words:
            if word in lower:
                text = pattern.sub(kept + REMOVED, text)
                break
    return text


def _without_assignments(text: str) -> str:
    """Remove the value of each `name = value` whose name is a secret's."""
    kept: list[str] = []
    done = 0
    for found in _ASSIGNMENT.finditer(text):
        if found.start() < done or not _assigns_a_secret(found["name"], found["sign"]):
            continue
        if value := _ASSIGNED.match(text, found.end()):
            opened, closed = value["open"] or value["open_"] or "", value["close"] or value["close_"] or ""
            kept += [text[done : value.start()], opened, REMOVED, closed]
            done = value.end()
    return "".join((*kept, text[done:]))


def _assigns_a_secret(name: str, sign: str) -> bool:
    if sign.strip() == ":" and name.lower() in _WHOLE:
        return False  # `arn:…:secret:name` assigns nothing
    return _is_secret(name) or name.lower() == "signature"


_remembered = lru_cache(maxsize=65_536)(_scrubbed_string)  # names and ARNs come again and again


@lru_cache(maxsize=65_536)
def _is_secret(key: str) -> bool:
    name = _SEPARATORS.sub("", key.lower())
    return name in _WHOLE or name.endswith(_ENDINGS)


def excerpt(text: str, limit: int = 1024) -> str:
    """Return the first `limit` bytes of a text in UTF-8, scrubbed before it is cut, so that no half of a secret stays."""
    clean = scrubbed_text(text[: 64 * limit])
    return clean.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
