"""The results as pictures: how far every figure is from its limit, and how time grows with events. SVG, drawn here.

python -m benchmarks.picture RESULTS.json [MORE.json …]

Of several files the second picture has all points, of the same number of events the last file's.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

_WIDTH, _ROW, _LEFT, _TOP = 980, 30, 560, 64
_SPAN = 380  # pixels of the axis
_FACTORS = (0.1, 0.25, 0.5, 1, 2, 4, 10)
_GOOD, _BAD, _INK, _FAINT = "#2b7a4b", "#b3402e", "#1d2733", "#c9d1d9"
_SERIES = ("#2a5d9f", "#b3402e", "#7a7f87")


class Series(NamedTuple):
    """A line of the second picture: its name and points (events, seconds)."""

    name: str
    points: tuple[tuple[float, float], ...]


def draw_limits(lines: Sequence[dict[str, Any]]) -> str:
    """Return a picture of every line that has a limit: a bar from the limit to the right is better than it, to the left worse.

    The axis is logarithmic: a factor to the limit, cut at ten.
    """
    limited = [line for line in lines if line["holds"] is not None and line["ratio"]]
    height = _TOP + _ROW * len(limited) + 20
    parts = [_text(16, 24, "Each figure beside its limit (1: on it; right of it: better)", size=15)]
    for factor in _FACTORS:
        x = _place(factor)
        parts.append(_rule(x, _TOP - 14, x, height - 20, _INK if factor == 1 else _FAINT))
        parts.append(_text(x, _TOP - 20, f"{factor:g}x", anchor="middle"))
    for number, line in enumerate(limited):
        y = _TOP + _ROW * number
        at, limit = _place(_distance(line)), _place(1)
        color = _GOOD if line["holds"] else _BAD
        parts.append(
            f'<rect x="{min(at, limit):.1f}" y="{y}" width="{max(1.5, abs(at - limit)):.1f}" height="18" fill="{color}"/>'
        )
        parts.append(_text(16, y + 13, f"{line['name']}: {line['ratio']:.2f} ({line['limit']})"))
    return _picture(height, parts)


def draw_growth(series: Sequence[Series]) -> str:
    """Return a picture of seconds by events, both from zero."""
    height, bottom, left = 420, 360, 90
    most_events = max((x for each in series for x, _ in each.points), default=0) or 1
    most_seconds = max((y for each in series for _, y in each.points), default=0) or 1
    parts = [
        _text(16, 24, "Seconds by events", size=15),
        _rule(left, bottom, 760, bottom, _INK),
        _rule(left, 60, left, bottom, _INK),
    ]
    for share in (0.25, 0.5, 0.75, 1):
        y = bottom - share * 300
        parts.append(
            _rule(left, y, 760, y, _FAINT) + _text(left - 8, y + 4, f"{share * most_seconds:,.0f} s", anchor="end")
        )
    for events in sorted({x for each in series for x, _ in each.points}):
        parts.append(_text(left + events / most_events * 640, bottom + 20, f"{events / 1e6:g} M", anchor="middle"))
    for number, each in enumerate(series):
        color = _SERIES[number % len(_SERIES)]
        points = [(left + x / most_events * 640, bottom - y / most_seconds * 300) for x, y in each.points]
        parts.append(
            f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in points]
        parts.append(f'<rect x="780" y="{70 + 24 * number}" width="12" height="12" fill="{color}"/>')
        parts.append(_text(798, 81 + 24 * number, each.name))
    return _picture(height, parts)


def growth_of(lines: Sequence[dict[str, Any]]) -> list[Series]:
    """Return the seconds of ours, the script's and the limit's, by events, from the lines of cold builds and of ingest."""
    cold = {_events(line): line for line in lines if line["name"].startswith("cold, ")}
    bare = {_events(line): line for line in lines if line["name"].startswith("ingest, large objects, ")}
    return [
        Series("rolescope, all tables", _points({events: line["seconds"] for events, line in cold.items()})),
        Series("DuckDB script, all", _points({events: line["peer_seconds"] for events, line in cold.items()})),
        Series(
            "gunzip and JSON parse", _points({events: line["facts"]["limit_seconds"] for events, line in bare.items()})
        ),
    ]


def _points(seconds: dict[float, float]) -> tuple[tuple[float, float], ...]:
    return tuple(sorted(seconds.items()))


def draw(results: Path, *more: Path) -> list[Path]:
    """Draw the pictures of a results file beside it, the second of more files too, and return where they are."""
    lines, *others = (json.loads(file.read_text(encoding="utf-8"))["lines"] for file in (results, *more))
    made = {"limits": draw_limits(lines), "growth": draw_growth(growth_of([*lines, *chain(*others)]))}
    targets = []
    for name, picture in made.items():
        target = results.with_name(f"{results.stem}-{name}.svg")
        target.write_text(picture, encoding="utf-8")
        targets.append(target)
    return targets


def _events(line: dict[str, Any]) -> float:
    return float(line["name"].rpartition(", ")[2])


def _distance(line: dict[str, Any]) -> float:
    ratio: float = line["ratio"]
    return float(line["at_most"] / ratio if line["at_most"] is not None else ratio / line["at_least"])


def _place(factor: float) -> float:
    least, most = math.log(_FACTORS[0]), math.log(_FACTORS[-1])
    share = (math.log(max(factor, 1e-9)) - least) / (most - least)
    return _LEFT + _SPAN * min(1.0, max(0.0, share))


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{_INK}">{escape(text)}</text>'
    )


def _rule(x1: float, y1: float, x2: float, y2: float, color: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def _picture(height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" font-family="sans-serif">'
    return (
        "\n".join([head, f'<rect x="0" width="{_WIDTH}" height="{height:.0f}" fill="#fff"/>', *parts, "</svg>"]) + "\n"
    )


def main() -> int:
    """Draw the pictures of a results file."""
    for target in draw(*map(Path, sys.argv[1:])):
        sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
