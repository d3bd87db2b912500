"""The page's own copy of a document's `explore`: the same facts in fewer bytes, for the script that changes the scope.

Times become whole hours since `explore.start_at`, rounded down: scopes begin on whole hours, so `first < scope start` and
`last >= scope start - 45 days` say the same of the rounded ones. `since` stays in seconds, for it is subtracted, not compared.
Texts are cut and their control characters named here, so that the script has nothing to decide about them.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from markupsafe import Markup

from pipelines.report.charts import instant
from pipelines.report.texts import plain
from transforms.investigations.links import OPTIONS

LEVELS = ("session", "role", "root", "account")
_MOST_CHARACTERS = 300
_HOUR = timedelta(hours=1)


def page_data(document: Mapping[str, Any]) -> Markup:
    """Return what the script needs, as JSON that is safe inside a script element; `null` for a document without `explore`."""
    explore = document.get("explore")
    text = json.dumps(_packed(document, explore) if explore else None, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704


def command(document: Mapping[str, Any]) -> str:
    """Return the shell line that makes this page anew, but for its window."""
    entity = document["entity"]
    return f"rolescope investigate {OPTIONS[entity['kind']]} {shlex.quote(entity['id'])}"


def _packed(document: Mapping[str, Any], explore: Mapping[str, Any]) -> dict[str, Any]:
    start = instant(explore["start_at"])

    def hour(text: str | None) -> int | None:
        return None if text is None else math.floor((instant(text) - start) / _HOUR)

    knowns: dict[tuple[int | None, ...], int] = {}

    def known(times: list[str | None] | None) -> int:
        """Return the place of a level's three times in the list of all that occur; -1 for a level without a principal."""
        return -1 if times is None else knowns.setdefault(tuple(hour(each) for each in times), len(knowns))

    dimensions = {
        name: {
            "values": [
                [
                    _text(value["value"]), value["entity"], _flat(value["hours"]),
                    [known((value["known"] or {}).get(level)) for level in LEVELS],
                    value.get("latitude"), value.get("longitude"), [_text(each) for each in value.get("source_ips", ())],
                ]
                for value in dimension["values"]
            ],
            "total": dimension["total"],
            "rest": [dimension["rest"]["value_count"], _flat(dimension["rest"]["hours"])],
        }
        for name, dimension in explore["dimensions"].items()
    }  # fmt: skip
    words: dict[str | None, int] = {}
    rows = [
        [row["entity"], *(words.setdefault(row[part], len(words)) for part in ("source_ip", "api", "access_key")), _flat(row["hours"])]
        for row in explore["tree"]["rows"]
    ]  # fmt: skip
    rest = explore["tree"]["rest"]
    return {
        "start": int(start.timestamp()) // 3600,
        "hours": explore["hour_count"],
        "baselineDays": explore["baseline_days"],
        "scope": [hour(document["scope"]["start_at"]), hour(document["scope"]["end_at"])],
        "command": command(document),
        "file": plain(document["investigation_id"], 40),
        "entities": [_entity(each, start) for each in explore["entities"]],
        "dimensions": dimensions,
        "knowns": list(knowns),
        "words": [None if word is None else _text(word) for word in words],
        "tree": {"rows": rows, "total": explore["tree"]["total"], "rest": [rest["row_count"], _flat(rest["hours"])]},
    }


def _entity(entity: Mapping[str, Any], start: Any) -> dict[str, Any]:
    since = {
        level: None if text is None else round((instant(text) - start).total_seconds())
        for level, text in entity["since"].items()
    }
    return {"name": _text(entity["name"]), "relation": entity["relation"], "since": since}


def _flat(hours: list[list[int]]) -> list[int]:
    return [number for each in hours for number in each]


def _text(value: object) -> str:
    text = str(value)
    if len(text) <= _MOST_CHARACTERS:
        return plain(text, 16 * _MOST_CHARACTERS)
    return f"{plain(text[:_MOST_CHARACTERS], 16 * _MOST_CHARACTERS)}… ({len(text):,} characters)"
