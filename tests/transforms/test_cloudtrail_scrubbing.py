"""No session token, secret key or password stays in what is kept."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.cloudtrail.scrubbing import REMOVED, SUSPICIOUS, excerpt, scrubbed, scrubbed_text

_SECRET_NAMES = """
sessionToken SessionToken secretAccessKey secret_access_key aws_secret_access_key password newPassword oldPassword
masterUserPassword MasterUserPassword secretString secretBinary privateKey private-key clientSecret authorizationToken authToken
securityToken x-amz-security-token X-Amz-Signature SigninToken SAMLAssertion WebIdentityToken accessToken refreshToken idToken
keyMaterial sharedSecret preSharedKey passphrase bearerToken token passwd passwordData
"""
SECRET_NAMES = _SECRET_NAMES.split()
_KEPT_NAMES = (
    "tokenType secretId nextToken clientToken clientRequestToken passwordResetRequired accessKeyId httpTokens keyId"
)
KEPT_NAMES = _KEPT_NAMES.split()
STS = "IQoJb3JpZ2luX2VjEOH//////////wEaCXVzLWVhc3QtMSJIMEYCIQDzpom"
KEY40 = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_scrubbed__by_the_name_of_the_key(name: str) -> None:
    for value in ("hunter2", ["hunter2"], {"a": "hunter2"}):
        assert scrubbed({"a": [{name: value}]}) == {"a": [{name: REMOVED}]}


@pytest.mark.parametrize("name", KEPT_NAMES)
def test_scrubbed__keeps_names_that_only_sound_like_secrets(name: str) -> None:
    assert scrubbed({name: "value"}) == {name: "value"}


@pytest.mark.parametrize("value", [True, False, None, 12, 0.5, "", "Success", "Failure"])
def test_scrubbed__keeps_what_cannot_be_one(value: object) -> None:
    assert scrubbed({"password": value}) == {"password": value}


def test_scrubbed__reads_json_inside_strings() -> None:
    inner = orjson.dumps({"b": orjson.dumps({"secretAccessKey": "hunter2", "c": 1}).decode()}).decode()
    assert orjson.loads(orjson.loads(scrubbed({"a": inner})["a"])["b"]) == {"secretAccessKey": REMOVED, "c": 1}
    assert scrubbed({"a": '{"c" : 1}'}) == {"a": '{"c" : 1}'}


def test_scrubbed__knows_pairs_of_name_and_value() -> None:
    pair = {"name": "DB_PASSWORD", "value": "hunter2"}
    assert scrubbed({"environment": [pair]}) == {"environment": [pair | {"value": REMOVED}]}


def test_scrubbed__withstands_deep_json_in_strings() -> None:
    assert "hunter2" not in scrubbed('{"token": "hunter2", "a": ' + "[" * 900 + "]" * 900 + "}")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"with {STS}, done", f"with {REMOVED}, done"),
        (
            "https://signin.aws/federation?SigninToken=abc%2Fdef&x=1",
            f"https://signin.aws/federation?SigninToken={REMOVED}&x=1",
        ),
        (
            "?X-Amz-Security-Token=abc&X-Amz-Signature=0f0f",
            f"?X-Amz-Security-Token={REMOVED}&X-Amz-Signature={REMOVED}",
        ),
        ("?AWSAccessKeyId=AKIA&Signature=a%2Fb", f"?AWSAccessKeyId=AKIA&Signature={REMOVED}"),
        (f"aws_secret_access_key = {KEY40}\n", f"aws_secret_access_key = {REMOVED}\n"),
        (f"the secret is {KEY40}.", f"the secret is {REMOVED}."),
        (f"Authorization: Bearer {'a' * 30}", f"Authorization: Bearer {REMOVED}"),
        (f"token {JWT} expired", f"token {REMOVED} expired"),
        ('{"sessionToken": "a b", "x": 1', f'{{"sessionToken": "{REMOVED}", "x": 1'),
        ('"{\\"password\\": \\"a b\\", \\"x\\"', f'"{{\\"password\\": \\"{REMOVED}\\", \\"x\\"'),
        ("%22password%22%3A%22hunter2%22", f"%22password%22%3A{REMOVED}"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", REMOVED),
    ],
)
def test_scrubbed_text__by_pattern(text: str, clean: str) -> None:
    assert scrubbed_text(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/database-AbCdEf",
        "User is not authorized to perform: secretsmanager:GetSecretValue",
        "The security token included in the request is expired",
        "secret version 3b7d5c2e-8f0a-4c1d-9e6b-2a4f6c8e0d1b",
    ],
)
def test_scrubbed_text__leaves_what_an_analyst_needs(text: str) -> None:
    assert scrubbed_text(text) == text


# A secret of any alphabet, long enough not to be there by chance.
secrets = st.text(st.characters(codec="utf-8", exclude_characters="\"'\\[]"), min_size=9, max_size=40).filter(
    lambda text: not any(part in text for part in ("[removed]",)) and text.strip() == text
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(SECRET_NAMES), secrets, plain, st.lists(st.sampled_from(["object", "list", "json"]), max_size=5))
def test_scrubbed__a_planted_secret_never_stays(name: str, secret: str, beside: Any, wrappings: list[str]) -> None:
    planted: Any = {"beside": beside, name: secret}
    for wrapping in wrappings:
        planted = {"object": {"in": planted}, "list": [planted], "json": {"in": orjson.dumps(planted).decode()}}[
            wrapping
        ]
    assert secret not in str(scrubbed(planted))
    assert _is_suspicious(planted)


@given(plain, st.text(max_size=60))
def test_suspicious__what_it_passes_over_holds_nothing_to_remove(document: Any, text: str) -> None:
    planted = {"document": document, "text": text}
    assert _is_suspicious(planted) or scrubbed(planted) == planted


@pytest.mark.parametrize(
    "text", [STS, f"secret {KEY40}", JWT, "a?Signature=abc", "password=x", "SAMLResponse=abc", "Bearer " + "a" * 20]
)
def test_suspicious__sees_every_pattern(text: str) -> None:
    assert scrubbed_text(text) != text
    assert _is_suspicious({"a": text})


def _is_suspicious(document: Any) -> bool:
    [found] = pc.match_substring_regex(pa.array([orjson.dumps(document)]), SUSPICIOUS, ignore_case=True).to_pylist()
    return bool(found)


@given(st.sampled_from([STS, KEY40, JWT, "hunter2-hunter2"]), st.sampled_from(["", *SECRET_NAMES]), plain)
def test_scrubbed__text_is_the_same_alone_in_a_list_and_in_an_object(secret: str, name: str, beside: Any) -> None:
    text = f"{name}={secret} {beside}"
    for _ in range(2):  # asked again, it is remembered
        assert scrubbed(text) == scrubbed([text])[0] == scrubbed({"a": text})["a"]
    assert text[:1] in " {[" or scrubbed(text) == scrubbed_text(text)


@given(st.text(max_size=3000))
def test_excerpt__is_at_most_a_kilobyte(text: str) -> None:
    assert len(excerpt(text).encode()) <= 1024
    assert excerpt("x" * 1000 + STS * 99) == "x" * 1000 + REMOVED


@pytest.mark.parametrize(
    "part", ["password", "secret ", "a-", "token='", "secret\\", "token=", 'password"', "eyJaaaaa.", "%22"]
)
def test_scrubbed_text__does_not_blow_up(part: str) -> None:
    started = perf_counter()
    scrubbed_text(part * (100_000 // len(part)) + "token")
    assert perf_counter() - started < 1
