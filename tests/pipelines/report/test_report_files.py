"""Files of reports: names that nobody else chooses, whole or not at all, and an index of what is there."""

from __future__ import annotations

import json

import pytest

from pipelines.report import file_name, write_reports
from pipelines.report import files as report_files
from tests.transforms.investigations.cases import document


def investigation(finding_id="abc", investigation_id="0" * 32):
    return {"finding_id": finding_id, "investigation_id": investigation_id, "document": json.dumps(document())}


@pytest.mark.parametrize(
    "hostile", ["../../etc/passwd", "a" * 5_000, "CON:", "", "x/y", ".hidden", "a\x00b", "\u202e", "A" * 20]
)
def test_file_name__is_a_plain_name_whatever_the_finding_is_called(hostile):
    name = file_name(investigation(hostile))
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(name) <= 130


def test_file_name__keeps_ids_as_guardduty_makes_them_and_tells_others_apart():
    assert file_name(investigation("bbaae594bf08f30b")) == f"bbaae594bf08f30b-{'0' * 32}"
    assert file_name(investigation("../a")) != file_name(investigation("../b"))


def test_write_reports__writes_page_document_and_index(tmp_path):
    [page] = write_reports([investigation()], tmp_path / "new")
    assert sorted(path.name for path in page.parent.iterdir()) == [
        page.with_suffix(".html").name,
        page.with_suffix(".json").name,
        "index.html",
    ]
    assert json.loads(page.with_suffix(".json").read_text())["schema"] == "rolescope.investigation/1"
    assert f'href="{page.name}"' in (page.parent / "index.html").read_text()


def test_write_reports__lists_earlier_reports_and_leaves_out_what_is_not_one(tmp_path):
    write_reports([investigation("first")], tmp_path)
    (tmp_path / "notes.json").write_text('{"a": 1}')
    (tmp_path / "broken.json").write_text("{")
    write_reports([investigation("second")], tmp_path)
    index = (tmp_path / "index.html").read_text()
    assert "first-" in index
    assert "second-" in index
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
