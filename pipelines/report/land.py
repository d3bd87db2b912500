"""The outline of the continents as one SVG path, traced from the land mask of the package global-land-mask (NOAA's GLOBE).

Nothing of anybody else's is in this repository: the mask comes with the package, and the path is made once and kept in the
user's cache folder. Where either is missing the map has its graticule only.
"""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
from collections import defaultdict
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

# Units of the path: half degrees, x from 180° W, y from 90° N.
CELLS_PER_DEGREE = 2
_PACKAGE, _MASK = "global-land-mask", "global_land_mask/globe_combined_mask_compressed.npz"
_LEAST_CELLS = 6  # smaller islands are dust on a map of the world
_TOLERANCE = 0.55  # of a cell, how far the outline may stray
_A_PATH = re.compile(r"[MmLlz0-9 \-]*")

Point = tuple[float, float]


@cache
def land_path() -> str:
    """Return the outline as the `d` of an SVG path in half degrees; empty where the mask is not installed."""
    try:
        package = distribution(_PACKAGE)
    except PackageNotFoundError:
        return ""
    kept = _cache_folder() / f"land-{package.version}.svgpath"
    with suppress(OSError, ValueError):
        path = kept.read_text(encoding="ascii")
        if path and _A_PATH.fullmatch(path):
            return path
    path = traced(_land(Path(str(package.locate_file(_MASK)))))
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=kept.parent)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(path)
        Path(name).replace(kept)
    return path


def traced(land: Any) -> str:
    """Return the outline of the true cells of a grid as one path, to be filled by the even-odd rule."""
    rings = [ring for ring in _rings(land) if _area(ring) >= _LEAST_CELLS]
    return "".join(_drawn(_simplified(ring)) for ring in rings)


def _land(mask: Path) -> Any:
    """Return every 60th cell of the mask's 43,200 by 21,600, read as a stream: the whole of it is a gigabyte."""
    rows = []
    with zipfile.ZipFile(mask) as archive, archive.open("mask.npy") as stream:
        np.lib.format.read_magic(stream)
        (height, width), _, _ = np.lib.format.read_array_header_1_0(stream)
        step = width // (360 * CELLS_PER_DEGREE)
        for row in range(height):
            cells = stream.read(width)
            if row % step == step // 2:
                rows.append(np.frombuffer(cells, dtype=bool)[step // 2 :: step])
    is_sea = np.array(rows)
    return ~is_sea


def _rings(land: Any) -> list[list[Point]]:
    """Return the borders between true and false cells as closed rings of the middles of their edges."""
    padded = np.pad(land, 1)
    onward: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for y, x in np.argwhere(padded).tolist():
        for (dy, dx), start, end in (
            ((-1, 0), (x - 1, y - 1), (x, y - 1)), ((0, 1), (x, y - 1), (x, y)),
            ((1, 0), (x, y), (x - 1, y)), ((0, -1), (x - 1, y), (x - 1, y - 1)),
        ):  # fmt: skip
            if not padded[y + dy, x + dx]:
                onward[start].append(end)
    rings = []
    while onward:
        start = next(iter(onward))
        corners, here = [start], start
        while True:
            ends = onward[here]
            there = ends.pop()
            if not ends:
                del onward[here]
            if there == start:
                break
            corners.append(there)
            here = there
        rings.append(
            [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(corners, [*corners[1:], start], strict=True)]
        )
    return rings


def _area(ring: list[Point]) -> float:
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))) / 2


def _simplified(ring: list[Point]) -> list[Point]:
    """Ramer, Douglas and Peucker's simplification of a closed ring, from its first point and the one farthest from it."""
    first = ring[0]
    far = max(range(len(ring)), key=lambda index: abs(ring[index][0] - first[0]) + abs(ring[index][1] - first[1]))
    kept = {0, far}
    spans = [(0, far), (far, len(ring))]
    closed = [*ring, first]
    while spans:
        start, end = spans.pop()
        (ax, ay), (bx, by) = closed[start], closed[end]
        length = max(np.hypot(bx - ax, by - ay), 1e-9)
        strays = [
            (abs((bx - ax) * (ay - closed[index][1]) - (ax - closed[index][0]) * (by - ay)) / length, index)
            for index in range(start + 1, end)
        ]
        stray, index = max(strays, default=(0.0, 0))
        if stray > _TOLERANCE:
            kept.add(index)
            spans += [(start, index), (index, end)]
    return [ring[index] for index in sorted(kept)]


def _drawn(ring: list[Point]) -> str:
    points = [(round(x), round(y)) for x, y in ring]
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points)]
    drawn = "".join(f"{x}{'' if y < 0 else ' '}{y}" if not place or x < 0 else f" {x}{'' if y < 0 else ' '}{y}"
                    for place, (x, y) in enumerate(step for step in steps if step != (0, 0)))  # fmt: skip
    return f"M{points[0][0]} {points[0][1]}l{drawn}z" if drawn else ""


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rolescope"
