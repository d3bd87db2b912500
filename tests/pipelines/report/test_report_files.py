"""Files of reports: names that nobody else chooses, whole or not at all, and an index of what is there."""

from __future__ import annotations

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
