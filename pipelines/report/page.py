"""Render a document into its page."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Container, Iterable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from pipelines.report.charts import days_chart, volume_chart
from pipelines.report.explore import page_data
from pipelines.report.lanes import chain_picture
from pipelines.report.stories import grouped
from pipelines.report.texts import plain, shortened, shown
from pipelines.report.worldmap import world_map
from transforms.investigations.traffic import size

_FOLDER = Path(__file__).parent
_PLAIN_ID = re.compile(r"[A-Za-z0-9-]{1,80}")
_PAGE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}")
NOTHING = "\N{EN DASH}"
SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
MOST_ROWS = 60  # of a table whose every value is also in the page's trees and lists
# What a document may lack: one of before /2, or one that was never written again.
_DEFAULTS: Mapping[str, Any] = {
    "profiles": (),
    "travel": {"legs": (), "impossible_count": 0, "leg_count": 0, "left_out": ()},
    "principals": {"rows": (), "total": 0},
    "explore": None,
    "flows": None,
    "story": {"findings": ()},
    "context": {"names": {}, "notes": (), "expected": ()},
    "revisions": (),
}


def render(document: Mapping[str, Any], pages: Container[str] = ()) -> str:
    """Return the page of an investigation: self-contained HTML that makes no request and can be read without script.

    Args:
        document: `rolescope.investigation/2` (or /1), as in the column `document` of the table investigations; `revisions`
            beside its own keys are shown.
        pages: names, without ending, of the pages that are beside this one: only to these it links.
    """
    document = {**_DEFAULTS, **document}
    script, script_hash = _script("statistics.js", "explore.js", "texts.js", "panels.js", "trees.js", "scope.js")
    return _environment().get_template("page.html").render(
        d=document,
        known_events={event["event_id"] for event in document["timeline"]["events"]},
        pages=pages,
        chain_picture=chain_picture(document),
        volume_chart=volume_chart(document["volume"], document["scope"], document["explore"]),
        days_charts=[(each, days_chart(each, document["scope"])) for each in document["volume"]["chained"] if each["days"]],
        world_map=world_map(document["behaviour"]["geolocations"]),
        page_data=page_data(document),
        script=script,
        script_hash=script_hash,
    )  # fmt: skip


def render_index(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the page that lists reports, those of one story together, the latest first; profiles under their findings.

    Args:
        entries: each with file, title, type, severity, score, name, who, scope_start_at, account_id, account_name, kind_text,
            finding_id (null for a profile), story (the ids of the other findings of its story) and beside (pages of the findings
            that a profile stands beside).
    """
    entries = sorted(entries, key=lambda each: (each["scope_start_at"], each["file"]), reverse=True)
    pages = {PurePosixPath(each["file"]).stem for each in entries}
    beside: dict[str, list[Mapping[str, Any]]] = {}
    listed = []
    for each in entries:
        findings = [page for page in each["beside"] if page in pages]
        for page in findings:
            beside.setdefault(f"{page}.html", []).append(each)
        if not findings:
            listed.append(each)
    for of_finding in beside.values():
        of_finding.sort(key=lambda each: each["title"])
    counts = [(label, sum(each["severity"] == label for each in listed)) for label in SEVERITIES]
    script, script_hash = _script("texts.js", "index.js")
    return (
        _environment()
        .get_template("index.html")
        .render(
            stories=grouped(listed),
            beside=beside,
            total=len(listed),
            counts=counts,
            script=script,
            script_hash=script_hash,
        )
    )


@cache
def _script(*names: str) -> tuple[Markup, Markup]:
    """Return our scripts as one, and the hash by which the page's policy knows it: no other script may run."""
    parts = [(_FOLDER / "scripts" / name).read_text(encoding="utf-8") for name in names]
    text = '\n(() => {\n"use strict";\n' + "\n".join(parts) + "\n})();\n"
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), Markup(f"'sha256-{digest}'")  # noqa: S704  (ours)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["css"] = Markup((_FOLDER / "page.css").read_text(encoding="utf-8"))  # noqa: S704  (ours)
    environment.globals["MOST_ROWS"] = MOST_ROWS
    environment.tests["exists"] = _exists
    environment.filters |= {
        "account": _account,
        "first_upper": lambda text: text[:1].upper() + text[1:],
        "shown": shown,
        "short": shortened,
        "plain": plain,
        "anchor": _anchor,
        "at": _at,
        "day": _day,
        "number": _number,
        "call": _call,
        "service": _service,
        "size": size,
    }
    return environment


@pass_context
def _exists(context: Context, page: str | None) -> bool:
    """Whether a page of that name is beside this one; a name that is no plain file name is nobody's."""
    return page is not None and _PAGE_NAME.fullmatch(page) is not None and page in context["pages"]


@pass_context
def _account(context: Context, account_id: str | None) -> Markup:
    """Return an account id with the name that the context file gives it."""
    if not account_id:
        return shown(NOTHING)
    name = context["d"]["context"]["names"].get(account_id)
    label = Markup(' <span class="quiet">{}</span>').format(shown(plain(name, 60))) if name else Markup("")
    return shown(plain(account_id, 40)) + label


def _anchor(event_id: str) -> str:
    """Return the fragment of an event: its id where that is a plain one, else a hash of it."""
    is_plain = _PLAIN_ID.fullmatch(event_id) is not None
    return f"e-{event_id if is_plain else hashlib.sha256(event_id.encode(errors='replace')).hexdigest()[:24]}"


def _at(text: str | None) -> str:
    """A time to the second, as people read it; the page says once that it is UTC."""
    return text.replace("T", " ").removesuffix("Z") if text else NOTHING


def _day(text: str | None) -> str:
    return text[:10] if text else NOTHING


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _call(api: str) -> str:
    return api.split(":", 1)[-1]


def _service(api: str) -> str:
    return api.split(":", 1)[0].removesuffix(".amazonaws.com") if ":" in api else ""
