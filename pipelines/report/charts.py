"""Charts, drawn here as SVG: coordinates are computed, colours are the page's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup

from pipelines.report.texts import plain

WIDTH, HEIGHT = 1080, 232
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 22, 26
_HOUR = timedelta(hours=1)


def volume_chart(
    volume: Mapping[str, Any], scope: Mapping[str, Any], explore: Mapping[str, Any] | None = None
) -> Markup:
    """Return calls by the hour around the scope, over the band of what the hours of the day usually have.

    With `explore` it says which of its hours stands where, so that the scope can be dragged.
    """
    start, end = instant(volume["start_at"]), instant(volume["end_at"])
    total = max(1, round((end - start) / _HOUR))
    band = {each["hour"]: each for each in volume["baseline"]}
    tallest = max(
        [
            1,
            *(success + failed for _, success, failed in volume["hours"]),
            *(each["p95"] for each in volume["baseline"]),
        ]
    )
    top = _nice(tallest)
    step = (WIDTH - _LEFT - _RIGHT) / total

    def x_of(at: datetime) -> float:
        return _LEFT + (at - start) / _HOUR * step

    def y_of(calls: float) -> float:
        return HEIGHT - _BOTTOM - calls / top * (HEIGHT - _TOP - _BOTTOM)

    hours = [start + _HOUR * index for index in range(total + 1)]
    upper = " ".join(f"{x_of(at):.1f},{y_of(band[at.hour]['p95']):.1f}" for at in hours if band)
    lower = " ".join(f"{x_of(at):.1f},{y_of(0):.1f}" for at in reversed(hours) if band)
    mean = " ".join(f"{x_of(at):.1f},{y_of(band[at.hour]['mean']):.1f}" for at in hours if band)
    scope_from, scope_to = x_of(instant(scope["start_at"])), x_of(instant(scope["end_at"]))
    parts = [
        *_grid(top, y_of),
        *_days(start, end, x_of),
        Markup('<polygon class="band" points="{} {}"/><polyline class="mean" points="{}"/>').format(upper, lower, mean),
        Markup('<rect class="scope" x="{}" y="{}" width="{}" height="{}"/>').format(
            _n(scope_from - 1.5), _TOP - 8, _n(max(4.0, scope_to - scope_from + 3)), HEIGHT - _TOP - _BOTTOM + 8
        ),
        Markup('<text class="scope-label" x="{}" y="{}" text-anchor="middle">scope</text>').format(
            _n((scope_from + scope_to) / 2), _TOP - 11
        ),
        *[bar for at, success, failed in volume["hours"] for bar in _bars(x_of(instant(at)), step, success, failed, y_of)],
    ]  # fmt: skip
    label = (
        f"Calls by the hour from {volume['start_at'][:10]} to {volume['end_at'][:10]}, successful and failed, with the scope "
        "marked and the usual range of the hour of the day behind them"
    )
    chart = _svg(label, WIDTH, HEIGHT, parts)
    if explore is None:
        return chart
    first = round((start - instant(explore["start_at"])) / _HOUR)
    data = Markup('<svg id="volume-chart" data-first="{}" data-left="{}" data-step="{}" ').format(
        first, _LEFT, f"{step:.4f}"
    )
    return data + Markup(chart.removeprefix("<svg "))  # noqa: S704  (ours)


def days_chart(chained: Mapping[str, Any], scope: Mapping[str, Any]) -> Markup:
    """Return a chained session's calls by day, from 45 days before the scope until a week after it."""
    height, bottom = 84, 18
    start = instant(chained["start_at"]).replace(hour=0, minute=0, second=0)
    last = instant(scope["end_at"]) + timedelta(days=7)
    total = max(1, (last - start).days + 1)
    step = (WIDTH - _LEFT - _RIGHT) / total
    top = _nice(max([1, *(success + failed for _, success, failed in chained["days"])]))

    def x_of(at: datetime) -> float:
        return _LEFT + (at - start) / timedelta(days=1) * step

    def y_of(calls: float) -> float:
        return height - bottom - calls / top * (height - bottom - 14)

    scope_day = instant(scope["start_at"]).replace(hour=0, minute=0, second=0)
    parts = [
        Markup('<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            _LEFT, height - bottom, WIDTH - _RIGHT, height - bottom
        ),
        Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(_LEFT - 6, 18, f"{top:,}"),
        Markup('<rect class="scope" x="{}" y="8" width="{}" height="{}"/>').format(
            _n(x_of(scope_day)), _n(step), height - bottom - 8
        ),
        *_days(start, last, x_of, every=7, at=height - 4),
        *[
            bar
            for day, success, failed in chained["days"]
            for bar in _bars(x_of(instant(f"{day}T00:00:00Z")) + step * 0.15, step * 0.7, success, failed, y_of)
        ],
    ]  # fmt: skip
    return _svg(f"Calls of {plain(chained['name'], 80)} by day, with the day of the scope marked", WIDTH, height, parts)


def instant(text: str) -> datetime:
    """Return the instant that a document writes as text."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _bars(x: float, width: float, success: int, failed: int, y_of: Any) -> list[Markup]:
    base, middle, top = y_of(0), y_of(success), y_of(success + failed)
    bars = []
    for kind, upper, lower in (("success", middle, base), ("failed", top, middle)):
        if lower - upper > 0:
            drawn = max(lower - upper, 1.5)
            bars.append(
                Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                    kind, _n(x), _n(lower - drawn), _n(max(1.6, width - 0.4)), _n(drawn)
                )
            )
    return bars


def _grid(top: int, y_of: Any) -> list[Markup]:
    lines = []
    for calls in sorted({0, top // 2, top}):
        y = _n(y_of(calls))
        lines.append(Markup('<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(_LEFT, y, WIDTH - _RIGHT, y))
        lines.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
                _LEFT - 6, _n(y_of(calls) + 4), f"{calls:,}"
            )
        )
    return lines


def _days(start: datetime, end: datetime, x_of: Any, every: int = 2, at: int = HEIGHT - 8) -> list[Markup]:
    first = (start + timedelta(hours=23, minutes=59)).replace(hour=0, minute=0, second=0)
    count = max(0, (end - first).days + 1)
    days = [first + timedelta(days=index) for index in range(0, count, every)]
    return [
        Markup('<text class="tick" x="{}" y="{}">{}</text>').format(_n(x_of(day)), at, day.strftime("%m-%d"))
        for day in days
        if x_of(day) < WIDTH - 34
    ]


def _svg(label: str, width: int, height: float, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" style="min-width:680px">{}</svg>'
    ).format(width, _n(height), label, Markup("").join(parts))


def _nice(value: float) -> int:
    """Return the next number that reads well on an axis, at most a few times greater: 2, 4, 6, 8, 10, 20 and so on."""
    power = 10 ** math.floor(math.log10(value)) if value >= 1 else 1
    return int(next(power * factor for factor in (1, 2, 4, 6, 8, 10) if power * factor >= value)) if value > 1 else 2


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
