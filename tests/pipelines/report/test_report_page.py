"""The page: self-contained, readable without script, and deaf to whatever an attacker wrote into the logs."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report import render, render_index
from pipelines.report.texts import plain, shortened, shown
from tests.builders import ROLE_SESSION
from tests.transforms.investigations.cases import deed, document, entity, logs, session, total, value

STOP = "cloudtrail.amazonaws.com:StopLogging"
DEMO = "AROADEMO:sara"
VOID = {"meta", "br", "rect", "line", "polygon", "polyline", "link", "img", "input"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}{% raw %}",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "javascript:alert(1)",
    "</style></svg></title>",
    "admin\u202etxt.exe",
    "zero\u200bwidth",
    "nul\x00byte",
    "U" * 2_048,
]


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, text, and whether tags are balanced."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        assert self.open == [], "not every element is closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & {*self.open}:
            self.text.append(data)

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


def busy(hostile=""):
    """A document with something in every panel; `hostile` stands wherever somebody else chooses the text."""
    chained = session(
        "descendant", 1, credential_session_id="session-2", principal_id=DEMO, role_arn=f"arn:aws:iam::222222222222:role/Demo{hostile}",
        account_id="222222222222", started_at="2026-05-01 12:17", parent_session_id="session-1", is_cross_account=True,
        chain_depth=2, session_name=f"sara{hostile}", source_identity=hostile or None,
    )  # fmt: skip
    own = session(assumed_by_name=f"alice{hostile}", root_name=f"alice{hostile}")
    tried = deed(
        f"event-2{hostile}", f"iam.amazonaws.com:AttachRolePolicy{hostile}", "2026-05-01T12:31:00Z", is_failed=True,
        outcome="denied", error_code=f"AccessDenied{hostile}", error_message=f"no {hostile}", user_agent=f"agent {hostile}",
        target=f"role {hostile}", invoked_by=hostile or None, source_ip=None, source_host=f"host{hostile}",
    )  # fmt: skip
    hour = {
        "relation": "self",
        "entity_id": ROLE_SESSION,
        "hour_at": "2026-05-01T12:00:00Z",
        "success_count": 3,
        "failed_count": 1,
    }
    assumption = {
        "role_arn": f"arn:aws:iam::111111111111:role/admin{hostile}", "assumed_by_type": "IAMUser", "assumed_by_id": "arn",
        "assumed_by_name": f"alice{hostile}", "assumed_by_account_id": None, "first_at": "2026-01-01T00:00:00Z",
        "last_at": "2026-05-01T12:00:00Z", "success_count": 2, "denied_count": 1, "is_cross_account": True,
    }  # fmt: skip
    notable = {
        "event_id": "event-9", "event_at": "2026-05-01T12:40:00Z", "account_id": "111111111111", "principal_id": "AIDA",
        "identity_arn": f"arn:eve{hostile}", "api": STOP, "outcome": "success", "error_code": None, "is_failed": False,
        "source_ip": "198.51.100.9", "target": f"trail {hostile}",
    }  # fmt: skip
    related = {
        "finding_id": f"other{hostile}", "type": f"Recon:IAMUser/X{hostile}", "title": hostile or "Another", "severity": 5.0,
        "severity_label": "Medium", "account_id": "111111111111", "region": "us-east-1", "first_seen_at": "2026-05-01T11:00:00Z",
        "last_seen_at": "2026-05-01T11:00:00Z", "updated_at": "2026-05-01T11:30:00Z", "remote_ip": None, "shared": ["access_key"],
    }  # fmt: skip
    past = {
        "entity_id": DEMO,
        "started_date": "2026-04-02",
        "root_id": "arn",
        "session_count": 1,
        "event_count": 9,
        "failed_count": 0,
    }
    return document(
        {
            "family": [own, chained], "entities": [entity(), entity(DEMO, "descendant")], "assumptions": [own], "involved": [own],
            "deeds": [deed("event-1", STOP), tried], "totals": [total(30, 2)], "hours": [hour, {**hour, "entity_id": DEMO}],
            "values": [
                value("api", STOP), value("user_agent", f"agent{hostile}"), value("access_key", f"ASIA{hostile}"),
                value("city", f"Town{hostile}, US", latitude=47.6, longitude=-122.2), value("asn", f"AS1 {hostile}"),
                value("source_ip", "198.51.100.7", seen={"session": "2026-04-01T00:00:00Z"}, recent="session"),
            ],
            "windows": [{"relation": "self", "entity_id": ROLE_SESSION, "api": STOP, "scope_count": 60, "window_total": 4,
                         "window_total_of_squares": 4, "window_most": 1}],
            "standing": [{"entity_id": ROLE_SESSION, "level": "session", "first_at": "2025-06-01T00:00:00Z",
                          "since_at": "2025-06-01T00:00:00Z", "active_days": 9}],
            "assumers": [assumption], "assumed_roles": [assumption], "past_use": [past], "related": [related],
            "refusals": [{"entity_id": ROLE_SESSION, "issued_at": "2026-05-01T12:16:00Z", "issuing_api": "AssumeRole",
                          "outcome": "denied", "issued_role_arn": f"arn:role{hostile}", "issuing_event_ids": ["event-8"]}],
            "account_calls": [{"account_id": "111111111111", "api": STOP, "success_count": 1, "failed_count": 0}],
            "notable": [notable], "logs": [logs()],
        },
        totals={"assumers": 400},
        finding={"title": f"A trail was disabled {hostile}", "type": f"Stealth:IAMUser/X{hostile}", "finding_id": f"f{hostile}"},
    )  # fmt: skip


QUIET = document()
NOBODY = document(
    {"family": [], "entities": []}, matched_by="none", entity_kind="account", entity_id="111111111111", session_ids=[]
)


@pytest.fixture(scope="module", params=["busy", "quiet", "nobody"])
def page(request):
    return render({"busy": busy(), "quiet": QUIET, "nobody": NOBODY}[request.param])


def test_render__makes_no_request_and_its_policy_knows_its_only_script(page):
    seen = Page(page)
    assert page.startswith("<!doctype html>")
    assert not seen.all("link", "img", "iframe", "object", "form", "base")
    assert not re.findall(r"url\((?!#)|@import|https?://", page)
    assert not [name for _, attributes in seen.elements for name in attributes if name.startswith("on")]
    assert all(link["href"].startswith("#") or link["href"] == "index.html" for link in seen.all("a"))
    [policy] = [each["content"] for each in seen.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert [each.get("type") for each in seen.all("script")] == ["application/json", None]


def test_render__every_anchor_leads_somewhere_and_ids_are_unique(page):
    seen = Page(page)
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in seen.all("a") if link["href"].startswith("#")} <= set(ids)


def test_render__can_be_found_through_with_a_screen_reader(page):
    seen = Page(page)
    for landmark in ("header", "nav", "main", "footer"):
        assert len(seen.all(landmark)) == 1
    assert len(seen.all("h1")) == 1
    assert len(seen.all("caption")) == len(seen.all("table"))
    assert all(each.get("scope") in ("col", "row") for each in seen.all("th"))
    assert all(each["role"] == "img" and each["aria-label"] for each in seen.all("svg"))
    assert {each["lang"] for each in seen.all("html")} == {"en"}
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_render__the_answers_come_first():
    text = " ".join(Page(render(busy())).text)
    order = [
        "Who was behind it?",
        "What else did they do?",
        "Is it like them?",
        "What can the logs not show?",
        "Each time it was",
    ]
    assert [text.index(each) for each in order] == sorted(text.index(each) for each in order)


def test_render__says_so_where_there_is_nothing():
    text = " ".join(Page(render(QUIET)).text)
    for sentence in ("No call that the logs show.", "No session was chained from this one.", "None shares its key"):
        assert sentence in text


def test_render__says_how_much_it_does_not_show():
    text = " ".join(Page(render(busy())).text)
    assert "1 of 400 shown" in text
    assert "2 of 32 calls shown" in text


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: ascii(text)[:24])
def test_render__hostile_text_is_text(hostile):
    harmless, harmed = Page(render(busy())), Page(render(busy(hostile)))
    added = {tag for tag, _ in harmed.elements} - {tag for tag, _ in harmless.elements}
    assert added <= {"details", "summary", "small", "span"}
    for _, attributes in harmed.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert not attributes.get("href", "#").startswith("javascript:")
    assert not any(char in render(busy(hostile)) for char in "\u202e\u200b\x00")


def test_render__the_whole_of_a_long_text_is_there():
    assert "U" * 2_048 in render(busy("U" * 2_048))


def test_render__has_the_charts_and_the_chain_in_it():
    page = render(busy())
    assert 'class="scope"' in page
    assert 'class="band"' in page
    assert "account 222222222222" in page


@given(st.text(max_size=200))
def test_shown__is_the_text_and_nothing_else(text):
    markup = re.sub(
        r"<span class=.control[^>]*>U\+([0-9A-F]+)</span>", lambda found: chr(int(found.group(1), 16)), shown(text)
    )
    assert html.unescape(re.sub(r"</?bdi>", "", markup)) == text or "&" in text or "\r" in text


@given(st.text(max_size=300))
def test_plain__never_has_a_character_that_commands(text):
    assert len(plain(text, 80)) <= 80
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00-\x1f]", plain(text, 80))


def test_shortened__opens_to_the_whole():
    assert "<details" not in shortened("x" * 96)
    assert shortened("x" * 97).count("x" * 97) == 1


ENTRY = {
    "file": "a.html", "title": "<b>One</b>", "type": "T", "severity": "HIGH", "score": 60.0, "name": "n", "who": "w",
    "account_id": "1", "account_name": None, "scope_start_at": "2026-05-01T00:00:00Z", "finding_id": "f", "story": [],
    "beside": [],
}  # fmt: skip


def test_render_index__lists_reports_latest_first_with_their_severity():
    page = render_index(
        [ENTRY, {**ENTRY, "file": "b.html", "finding_id": "g", "scope_start_at": "2026-05-02T00:00:00Z"}]
    )
    assert page.index("b.html") < page.index("a.html")
    assert "&lt;b&gt;One&lt;/b&gt;" in page
    assert "No report yet" in render_index([])


def test_render_index__profiles_stand_under_their_finding_and_are_not_counted():
    profile = {
        **ENTRY,
        "file": "p.html",
        "title": "<i>Role</i>",
        "finding_id": None,
        "severity": "LOW",
        "beside": ["a"],
    }
    asked = {**profile, "file": "q.html", "beside": ["gone"]}
    page = render_index([profile, ENTRY, asked])
    assert "1 profile beside it" in page
    assert "2 in all" in page
    assert '<a href="p.html">&lt;i&gt;Role&lt;/i&gt;</a>' in page
    assert "<tr" in page.partition("q.html")[0].rpartition("</tr>")[2]


def test_render__a_document_from_before_the_sql_was_offered_is_a_page_without_it():
    before = {name: each for name, each in document().items() if name != "sql"}
    assert "SQL that gives every call" not in render(before)
    assert "SQL that gives every call" in render(document())
