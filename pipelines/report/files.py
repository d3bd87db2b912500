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

_STATE = ".consumed.json"


def write_reports(investigations: Iterable[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write `<name>.html` and `<name>.json` of each investigation, then `index.html` of all in the folder.

    Args:
        investigations: rows of the table investigations, the last part of whose `report_uri` names the page; only one at a
            time is in memory.
        folder: made if it is not there.

    Returns:
        The pages written. Each file is there whole or not at all, also after a kill.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for row in investigations:
        document = json.loads(row["document"])
        page = folder / PurePosixPath(urlparse(row["report_uri"]).path).name
        _write(page.with_suffix(".json"), json.dumps(document, indent=1, ensure_ascii=False))
        _write(page, render(document))
        written.append(page)
    write_index(folder)
    return written


def write_index(folder: Path) -> Path:
    """Write the index of the reports in the folder, from their documents; what is not a document of ours is left out."""
    entries = [entry for path in sorted(folder.glob("[!.]*.json")) if (entry := _entry(path)) is not None]
    _write(folder / "index.html", render_index(entries))
    return folder / "index.html"


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


def _entry(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {
            "file": f"{path.stem}.html",
            "title": document["finding"]["title"] or document["finding"]["type"],
            "type": document["finding"]["type"],
            "severity": document["severity"]["label"],
            "score": document["severity"]["score"],
            "name": document["entity"]["name"],
            "who": document["answers"]["who"][0]["text"],
            "account_id": document["finding"]["account_id"],
            "scope_start_at": document["scope"]["start_at"],
            "complete_to_at": document["logs"]["complete_to_at"],
        }
    except (ValueError, KeyError, TypeError, IndexError, OSError):
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
