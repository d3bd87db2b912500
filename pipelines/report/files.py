"""Write reports into a folder: page and document of each investigation, and an index of all that are there."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from pipelines.report.page import render, render_index
from pipelines.report.revisions import revised

_STATE = ".consumed.json"


def write_reports(investigations: Iterable[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write `<name>.html` and `<name>.json` of each investigation, then `index.html` of all in the folder.

    A document that was there before is compared with the new one; what changed is kept as `revisions` in the JSON file and
    shown on the page. Pages that were there before and name a new one are written again, so that they link to it.

    Args:
        investigations: rows of the table investigations, the last part of whose `report_uri` names the page; only one at a
            time is in memory.
        folder: made if it is not there.

    Returns:
        The pages written for the investigations. Each file is there whole or not at all, also after a kill.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for row in investigations:
        document = json.loads(row["document"])
        page = page_of(row["report_uri"], folder)
        data = page.with_suffix(".json")
        if revisions := revised(data.read_bytes() if data.exists() else None, document):
            document["revisions"] = revisions
        _write(data, json.dumps(document, separators=(",", ":"), ensure_ascii=False))
        written.append(page)
    _write_pages(folder, {page.stem for page in written})
    return written


def page_of(report_uri: str, folder: Path) -> Path:
    """Return the page of a report in a folder: a lake that was copied, or is used with another folder, names the one it was made with."""
    return folder / PurePosixPath(urlparse(report_uri).path).name


def remove_reports(names: Iterable[str], folder: Path) -> None:
    """Remove the reports of investigations that are no more: a new version of a finding has another scope, and other profiles.

    Args:
        names: names of the pages, without ending.
        folder: of the reports; that something is not there is no error.
    """
    for name in names:
        for ending in (".html", ".json"):
            (folder / f"{name}{ending}").unlink(missing_ok=True)


def consumed_version(folder: Path, table_id: str) -> int:
    """Return the version of the table investigations that the folder's reports were made from; -1 if it has none of this lake."""
    try:
        told = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        return int(told["investigations"]) if told["table"] == table_id else -1
    except (OSError, ValueError, KeyError, TypeError):
        return -1


def remember_version(folder: Path, table_id: str, version: int) -> None:
    """Say which version the reports of the folder were made from, once they are all written."""
    _write(folder / _STATE, json.dumps({"table": table_id, "investigations": version}))


def _write_pages(folder: Path, new: set[str]) -> None:
    """Write the pages of new documents and of those that name one of them, and the index; the documents are all there."""
    paths = _data_files(folder)
    beside = {path.stem for path in paths}
    entries = []
    for path in paths:
        document = _document(path)
        entry = _entry(path, document)
        if path.stem in new or (entry is not None and new.intersection(_named(document))):
            _write(path.with_suffix(".html"), render(document or {}, beside))
        if entry is not None:
            entries.append(entry)
    _write(folder / "index.html", render_index(entries))


def _data_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.json"))


def _named(document: Mapping[str, Any] | None) -> Iterable[str]:
    """Return the names of the pages that a document would link to if they were there."""
    for row in [*(document or {}).get("profiles", ()), *(document or {}).get("story", {}).get("findings", ())]:
        if row["page"]:
            yield str(row["page"])


def _document(path: Path) -> dict[str, Any] | None:
    """Return what a JSON file holds; none if it is not there, not JSON or not an object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return None
    return found if isinstance(found, dict) else None


def _entry(path: Path, document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    try:
        if document is None:
            return None
        finding, entity = document["finding"], document["entity"]
        account_id = finding["account_id"] if finding else entity["account_id"]
        kind = entity["kind_text"]
        return {
            "file": f"{path.stem}.html",
            "title": (finding["title"] or finding["type"])
            if finding
            else f"{kind[:1].upper()}{kind[1:]} {entity['name']}",
            "type": finding["type"] if finding else "profile",
            "finding_id": finding["finding_id"] if finding else None,
            "beside": [row["page"] for row in document.get("profiles", ()) if row["kind"] == "finding"],
            "story": [row["finding_id"] for row in document.get("story", {}).get("findings", ())],
            "severity": document["severity"]["label"],
            "score": document["severity"]["score"],
            "name": entity["name"],
            "who": document["answers"]["who"][0]["text"],
            "account_id": account_id or "",
            "account_name": document.get("context", {}).get("names", {}).get(account_id),
            "scope_start_at": document["scope"]["start_at"],
        }
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def _write(path: Path, text: str) -> None:
    """Write beside it, then rename: a reader sees the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
