"""Files of reports: names that nobody else chooses, whole or not at all, and an index of what is there."""

from __future__ import annotations

import hashlib
import json

import pytest

from pipelines.report import files as report_files
from pipelines.report import write_reports
from tests.transforms.investigations.cases import document


def investigation(name="abc"):
    return {"report_uri": f"file:///somewhere/{name}.html", "document": json.dumps(document())}


def test_write_reports__writes_page_document_and_index(tmp_path):
    [page] = write_reports([investigation()], tmp_path / "new")
    assert sorted(path.name for path in page.parent.iterdir()) == [
        page.with_suffix(".html").name,
        page.with_suffix(".json").name,
        "index.html",
    ]
    assert json.loads(page.with_suffix(".json").read_text())["schema"] == "rolescope.investigation/2"
    assert f'href="{page.name}"' in (page.parent / "index.html").read_text()


def test_write_reports__lists_earlier_reports_and_leaves_out_what_is_not_one(tmp_path):
    write_reports([investigation("first")], tmp_path)
    (tmp_path / "notes.json").write_text('{"a": 1}')
    (tmp_path / "broken.json").write_text("{")
    write_reports([investigation("second")], tmp_path)
    index = (tmp_path / "index.html").read_text()
    assert "first.html" in index
    assert "second.html" in index
    assert "notes" not in index
    assert "broken" not in index


def test_write_reports__a_failure_leaves_the_old_page_and_no_debris(tmp_path, monkeypatch):
    [page] = write_reports([investigation()], tmp_path)
    before = page.read_bytes()

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(report_files.os, "fdopen", fail)
    with pytest.raises(OSError, match="disk full"):
        write_reports([investigation()], tmp_path)
    assert page.read_bytes() == before
    assert not list(tmp_path.glob(".*.partial"))


def test_write_reports__the_same_document_makes_the_same_bytes(tmp_path):
    [one], [two] = write_reports([investigation()], tmp_path / "a"), write_reports([investigation()], tmp_path / "b")
    assert one.read_bytes() == two.read_bytes()


def test_consumed_version__is_that_of_the_same_table_only(tmp_path):
    assert report_files.consumed_version(tmp_path, "table-1") == -1
    report_files.remember_version(tmp_path, "table-1", 7)
    assert report_files.consumed_version(tmp_path, "table-1") == 7
    assert report_files.consumed_version(tmp_path, "table-2") == -1, "the lake was made anew: all its reports are new"


def written(folder, name="abc", **changed):
    """Write a document with something changed, and return what its file says then."""
    found = {**document(), **changed}
    [page] = write_reports([{"report_uri": f"file:///somewhere/{name}.html", "document": json.dumps(found)}], folder)
    return json.loads(page.with_suffix(".json").read_text())


def test_write_reports__says_what_a_report_that_is_written_again_says_differently(tmp_path):
    first = written(tmp_path)
    digest = hashlib.sha256((tmp_path / "abc.json").read_bytes()).hexdigest()
    answers = {**first["answers"], "who": [{"text": "Bob was behind it.", "evidence": []}]}
    again = written(tmp_path, answers=answers, severity={**first["severity"], "label": "HIGH", "score": 70.0})
    [revision] = again["revisions"]
    assert revision["document_before"] == digest
    assert revision["changes"][0].startswith("who: was alice (IAM user)")
    assert revision["changes"][0].endswith("; now Bob was behind it.")
    assert any(each.startswith("severity: was ") and each.endswith("now HIGH (70)") for each in revision["changes"])
    page = (tmp_path / "abc.html").read_text()
    assert "This report was written again: 2 changes the last time" in page
    assert "now Bob was behind it." in page


def test_write_reports__names_indicators_that_came_and_went(tmp_path):
    row = {
        "type": "NEW_ASO", "severity": "LOW", "entity": "e", "value": "AS1", "is_new_for_account": None, "mitre_tactic": None,
        "mitre_technique": None, "evidence_event_ids": [], "reason": "new",
    }  # fmt: skip
    many = [{**row, "value": f"AS{number}"} for number in range(12)]
    written(tmp_path, indicators=[{**row, "value": "AS99"}])
    [revision] = written(tmp_path, indicators=many)["revisions"]
    assert revision["changes"][0] == "new indicator: new aso, AS0 (LOW)"
    assert revision["changes"][8:] == ["new indicator: 4 more", "no longer an indicator: new aso, AS99 (LOW)"]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("2026-05-03T00:00:00Z", "2026-05-04T00:00:00Z", 0),
        ("2026-05-01T11:00:00Z", "2026-05-01T12:00:00Z", 0),
        ("2026-05-01T12:00:00Z", "2026-05-01T13:00:00Z", 1),
        (None, "2026-05-01T14:00:00Z", 1),
    ],
)
def test_write_reports__further_logs_alone_are_a_change_only_when_they_pass_the_scopes_end(
    tmp_path, before, after, changes
):
    written(tmp_path, logs={"complete_to_at": before, "accounts": []})
    again = written(tmp_path, logs={"complete_to_at": after, "accounts": []})
    assert len(again.get("revisions", [])) == changes


def test_write_reports__keeps_earlier_revisions_and_adds_none_for_the_same_document(tmp_path):
    first = written(tmp_path)
    written(tmp_path, severity={**first["severity"], "score": 70.0})
    assert len(written(tmp_path, severity={**first["severity"], "score": 70.0})["revisions"]) == 1
    assert len(written(tmp_path)["revisions"]) == 2


def test_write_reports__over_a_file_that_is_no_document_starts_anew(tmp_path):
    for text in ("{", "[]", '{"schema": "another/1"}', '{"schema": "rolescope.investigation/0"}'):
        (tmp_path / "abc.json").write_text(text)
        assert "revisions" not in written(tmp_path)


def test_write_reports__an_earlier_page_links_to_a_profile_once_it_is_there(tmp_path):
    profile = {
        "kind": "role", "kind_text": "role", "id": "r", "name": "admin", "account_id": None, "page": "later",
        "command": "rolescope investigate --role r", "why": "the assumed role",
    }  # fmt: skip
    written(tmp_path, profiles=[profile, {**profile, "page": "../../etc/passwd"}])
    assert 'href="later.html"' not in (tmp_path / "abc.html").read_text()
    written(tmp_path, "later", finding=None)
    page = (tmp_path / "abc.html").read_text()
    assert 'href="later.html"' in page
    assert "passwd.html" not in page


def test_remove_reports__takes_page_and_document_and_nothing_else(tmp_path):
    for name in ("gone.html", "gone.json", "kept.html", "index.html"):
        (tmp_path / name).write_text("x")
    report_files.remove_reports(["gone", "never-there"], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "kept.html"]
