"""Render a document into its page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.report.charts import days_chart, volume_chart
from pipelines.report.lanes import chain_picture
from pipelines.report.texts import plain, shortened, shown, visible

_FOLDER = Path(__file__).parent
_PLAIN_ID = re.compile(r"[A-Za-z0-9-]{1,80}")
NOTHING = "\N{EN DASH}"


def render(document: Mapping[str, Any]) -> str:
    """Return the page of an investigation: self-contained HTML that makes no request and needs no script.

    Args:
        document: `rolescope.investigation/1`, as in the column `document` of the table investigations.
    """
    known = {event["event_id"] for event in document["timeline"]["events"]}
    return _environment().get_template("page.html").render(
        d=document,
        known_events=known,
        chain_picture=chain_picture(document),
        volume_chart=volume_chart(document["volume"], document["scope"]),
        days_charts=[(each, days_chart(each, document["scope"])) for each in document["volume"]["chained"] if each["days"]],
    )  # fmt: skip


def render_index(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the page that lists reports; an entry has file, title, type, severity, score, name, scope_start_at, account_id."""
    order = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"]
    listed = sorted(entries, key=lambda each: (each["scope_start_at"], each["file"]), reverse=True)
    counts = [(label, sum(each["severity"] == label for each in listed)) for label in order]
    return _environment().get_template("index.html").render(entries=listed, counts=counts)


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
    environment.filters |= {
        "shown": shown,
        "short": shortened,
        "plain": plain,
        "anchor": _anchor,
        "at": _at,
        "day": _day,
        "number": _number,
        "call": _call,
        "service": _service,
    }
    return environment


def _visible(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


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
