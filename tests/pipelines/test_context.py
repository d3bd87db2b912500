"""The context file: what it may say, and that every mistake in it is one sentence with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from expectations.tables import GUARDDUTY_FINDINGS
from pipelines.context import read_context
from pipelines.night import Night
from pipelines.preflight import WRONG_USE
from pipelines.settings import SettingError, Settings
from tests.builders import frame, row
from transforms.investigations import only_due, with_scope
from transforms.investigations.context import EMPTY

EXAMPLE = Path(__file__).parents[2] / "docs" / "context.example.yaml"


@pytest.fixture
def wrong(tmp_path):
    """What is wrong with a context file, without the path before it."""

    def read(text, **lists):
        for name, content in lists.items():
            (tmp_path / f"{name}.txt").write_text(content, encoding="utf-8")
        path = tmp_path / "context.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(SettingError) as raised:
            read_context(path)
        said = str(raised.value)
        assert "\n" not in said
        assert said.startswith(f"setting context (ROLESCOPE_CONTEXT): {tmp_path}/")
        return said.removeprefix(f"setting context (ROLESCOPE_CONTEXT): {tmp_path}/")

    return read


def test_read_context__the_example_says_everything():
    said = read_context(EXAMPLE)
    assert said.account_name("222222222222") == "production"
    assert said.account_name("333333333333") == "monitoring vendor"
    assert [said.own_address(each) for each in ("198.51.100.9", "2001:db8:10::1", "192.0.2.1")] == [
        "office Berlin",
        "NAT of production",
        None,
    ]
    assert said.flagged("192.0.2.200") == "seen in the incident of March"
    assert set(said.users) == {"arn:aws:iam::111111111111:user/alice", "sara"}
    assert all(getattr(said, name) for name in type(said).model_fields)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "accounts:\nvendors:\n", "{}"])
def test_read_context__nothing_said_is_the_empty_context(tmp_path, text):
    (tmp_path / "context.yaml").write_text(text)
    assert read_context(tmp_path / "context.yaml") == EMPTY == read_context(None)


def test_read_context__texts_are_as_they_stand_there(tmp_path):
    """YAML would make a number of an account, in base 8 even, and a truth value of `no`."""
    (tmp_path / "context.yaml").write_text("accounts:\n  012345670123: no\n  111111111111: 1.10\n")
    assert read_context(tmp_path / "context.yaml").accounts == {"012345670123": "no", "111111111111": "1.10"}


def test_read_context__lists_of_addresses_lie_beside_it(tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "tor.txt").write_text("# exits\n192.0.2.1\n\n2001:db8::/48  # a whole one\n")
    path = tmp_path / "context.yaml"
    path.write_text("flagged_addresses:\n- reason: Tor\n  addresses: 192.0.2.9\n  files: lists/tor.txt\n")
    said = read_context(path)
    assert [said.flagged(each) for each in ("192.0.2.9", "192.0.2.1", "2001:db8::7", "192.0.2.2")] == [
        "Tor",
        "Tor",
        "Tor",
        None,
    ]
    before = said.digest
    (tmp_path / "lists" / "tor.txt").write_text("192.0.2.1\n")
    assert read_context(path).digest != before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("acounts: {}", "line 1: acounts: there is no such key; is it accounts?"),
        ("accounts:\n  12: prod", "line 2: accounts.12: '12': not an account id: twelve digits"),
        ("accounts:\n  ١٢٣٤٥٦٧٨٩٠١٢: prod", "line 2: accounts.١٢٣٤٥٦٧٨٩٠١٢: '١٢٣٤٥٦٧٨٩٠١٢': not an account id: twelve digits"),
        ("accounts:\n  '111111111111':", "line 2: accounts.111111111111: not a text"),
        ("accounts:\n  '111111111111': ''", "line 2: accounts.111111111111: it is empty"),
        ("accounts: [a]", "line 1: accounts: not a mapping (key: value)"),
        ("users:\n  alice: a\n  bob: b\n  alice: c", "line 4: users.alice: it is there twice"),
        ("users: {}\nusers: {}", "line 2: users: it is there twice"),
        (
            "egress:\n  office: 198.51.100.0/33",
            "line 2: egress.office[0]: '198.51.100.0/33': not an address, and not a network as 198.51.100.0/24",
        ),
        (
            "egress:\n  office:\n  - 198.51.100.1\n  - 198.51.100.7/24",
            "line 4: egress.office[1]: '198.51.100.7/24': not a network: is it 198.51.100.0/24, or one address without the length?",
        ),
        ("egress: {all: 0.0.0.0/0}", "line 1: egress.all[0]: '0.0.0.0/0': too wide for addresses of one organisation: at most a /8"),
        ("egress: {all: {a: b}}", "line 1: egress.all: not a list"),
        ("flagged_addresses:\n- reason: x", "line 2: flagged_addresses[0]: neither addresses nor files"),
        ("flagged_addresses:\n- addresses: []", "line 2: flagged_addresses[0].reason: it is missing"),
        (
            "flagged_addresses:\n- reason: x\n  adresses: []\n  files: []",
            "line 3: flagged_addresses[0].adresses: there is no such key; is it addresses?",
        ),
        ("flagged_addresses:\n- reason: x\n  files: {a: b}", "line 3: flagged_addresses[0].files: not a list of files"),
        ("flagged_addresses: x", "line 1: flagged_addresses: not a list"),
        ("- accounts", "line 1: not a mapping (key: value)"),
        ("just text", "line 1: not a mapping (key: value)"),
        ("a: b: c", "line 1: not YAML: mapping values are not allowed here"),
        ("users:\n\talice: x", "line 2: not YAML: found character '\\t' that cannot start any token"),
        ("users: &a {alice: x}\nroles: *a", "line 1: roles: an alias (*name) is not taken here, write it again"),
        ("users: &a [*a]", "line 1: users[0]: an alias (*name) is not taken here, write it again"),
        ("users:\n  ? [a]\n  : b", "line 2: users: a key has to be a text"),
        ("users: !!python/object/apply:os.system [id]", "line 1: users: not a mapping (key: value)"),
        (b"users: \x07", "not YAML: unacceptable character #x0007: special characters are not allowed"),
        (b"users: \xff", "not UTF-8 text"),
        ("[" * 20_000, "nested too deeply"),
    ],
)  # fmt: skip
def test_read_context__a_mistake_is_named_with_line_and_key(wrong, text, sentence):
    said = wrong(text)
    assert said in (f"context.yaml, {sentence}", f"context.yaml: {sentence}")


def test_read_context__a_mistake_in_a_list_is_named_with_the_lists_line(wrong):
    text = "flagged_addresses:\n- reason: Tor\n  files: [tor.txt]\n"
    assert wrong(text) == "tor.txt: there is no such file"
    assert wrong(text, tor="192.0.2.1\nhello\n") == (
        "tor.txt, line 2: 'hello': not an address, and not a network as 198.51.100.0/24"
    )


def test_run__a_context_file_is_looked_into_at_once(said, tmp_path, monkeypatch):
    told = f"rolescope: setting context (ROLESCOPE_CONTEXT): {tmp_path}"
    assert said("run", "--context", tmp_path / "none.yaml") == (WRONG_USE, f"{told}/none.yaml: there is no such file")
    assert said("run", "--context", tmp_path) == (WRONG_USE, f"{told}: cannot be read (Is a directory)")
    monkeypatch.setenv("ROLESCOPE_CONTEXT", str(EXAMPLE))
    assert "nothing to read" in said("run")[1]


def test_investigations__are_all_due_when_the_file_says_something_else(spark, monkeypatch):
    from pipelines.assets import investigations  # noqa: PLC0415  (imports Dagster: seconds)

    night = Night(Settings(context=EXAMPLE))
    monkeypatch.setattr(night, "fact", lambda _table, _name: None)
    rows = [row(GUARDDUTY_FINDINGS, first_seen_at=seen) for seen in ("2014-01-01 10:00", "2026-05-01 10:00")]
    due = only_due(with_scope(frame(spark, GUARDDUTY_FINDINGS, *rows)), investigations._earliest_news(night))
    assert due.count() == 2
