"""The map of the world: where the calls of the scope came from, known places as rings, new ones as filled diamonds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from pipelines.report.land import CELLS_PER_DEGREE, land_path
from pipelines.report.texts import plain

# From 84° N to 58° S: nobody calls from farther. The units are the outline's.
_TOP, _BOTTOM = 84, -58
WIDTH, HEIGHT = 360 * CELLS_PER_DEGREE, (_TOP - _BOTTOM) * CELLS_PER_DEGREE
_LEFT_EDGE, _TOP_EDGE = 0, (90 - _TOP) * CELLS_PER_DEGREE


def world_map(places: Iterable[Mapping[str, Any]]) -> Markup:
    """Return the map of places: rows with value, latitude, longitude (degrees) and is_new; those without a place are left out."""
    located = [place for place in places if place["latitude"] is not None and place["longitude"] is not None]
    lines = [f"M0 {_y(latitude)}H{WIDTH}" for latitude in (60, 30, 0, -30)]
    lines += [f"M{_x(longitude)} {_TOP_EDGE}v{HEIGHT}" for longitude in range(-120, 180, 60)]
    parts = [
        Markup('<path class="graticule" d="{}"/><path class="land" d="{}" fill-rule="evenodd"/>').format(
            "".join(lines), land_path()
        ),
        Markup('<g class="places">{}</g>').format(
            Markup("").join(_place(each) for each in sorted(located, key=lambda each: each["is_new"]))
        ),
    ]
    new = sum(each["is_new"] for each in located)
    label = f"Map of the world with {len(located) - new} known and {new} new places; the table after it names them"
    return Markup('<svg class="world" viewBox="{} {} {} {}" role="img" aria-label="{}">{}</svg>').format(
        _LEFT_EDGE, _TOP_EDGE, WIDTH, HEIGHT, label, Markup("").join(parts)
    )


def _place(place: Mapping[str, Any]) -> Markup:
    x, y = _x(place["longitude"]), _y(place["latitude"])
    title = plain(f"{place['value']}, {'new' if place['is_new'] else 'known'}", 120)
    if place["is_new"]:
        shape = Markup('<path class="place fresh" d="M{} {}l6 6-6 6-6-6z"><title>{}</title></path>')
        return shape.format(_n(x), _n(y - 6), title)
    return Markup('<circle class="place known" cx="{}" cy="{}" r="4.5"><title>{}</title></circle>').format(
        _n(x), _n(y), title
    )


def _x(longitude: float) -> float:
    return (longitude + 180) * CELLS_PER_DEGREE


def _y(latitude: float) -> float:
    return (90 - latitude) * CELLS_PER_DEGREE


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
