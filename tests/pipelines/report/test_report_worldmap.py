"""The map: an outline traced from a mask that a package brings, and places on it in two shapes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pipelines.report import land
from pipelines.report.worldmap import world_map


def place(value, latitude, longitude, *, is_new=False):
    return {"value": value, "latitude": latitude, "longitude": longitude, "is_new": is_new}


def points(path):
    """Return the corners of a path of the outline, one list a ring."""
    rings = []
    for ring in re.findall(r"M(-?\d+) (-?\d+)l([^z]*)z", path):
        numbers = [int(each) for each in re.findall(r"-?\d+", ring[2])]
        x, y = int(ring[0]), int(ring[1])
        corners = [(x, y)]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + dx, y + dy
            corners.append((x, y))
        rings.append(corners)
    return rings


def test_traced__is_a_ring_around_land_and_one_around_a_lake():
    grid = np.zeros((30, 40), dtype=bool)
    grid[5:25, 10:30] = True
    grid[10:18, 15:22] = False
    island, lake = sorted(
        points(land.traced(grid)), key=lambda ring: -len({x for x, _ in ring}) - max(x for x, _ in ring)
    )
    assert (min(x for x, _ in island), max(x for x, _ in island)) == (10, 30)
    assert (min(y for _, y in lake), max(y for _, y in lake)) == (10, 18)


def test_traced__leaves_out_dust():
    grid = np.zeros((9, 9), dtype=bool)
    grid[4, 4] = True
    assert land.traced(grid) == ""


def test_land_path__is_small_has_the_continents_and_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = land.land_path.__wrapped__()
    assert 5_000 < len(path) <= 30_000
    assert [each.read_text() for each in (tmp_path / "rolescope").iterdir()] == [path]
    assert land.land_path.__wrapped__() == path


@pytest.mark.parametrize("kept", ["", '"/><script>alert(1)</script>'])
def test_land_path__trusts_no_kept_file_that_is_no_path(tmp_path, monkeypatch, kept):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(land, "_land", lambda _: np.ones((20, 20), dtype=bool))
    (tmp_path / "rolescope").mkdir()
    (tmp_path / "rolescope" / f"land-{land.distribution('global-land-mask').version}.svgpath").write_text(kept)
    assert land.land_path.__wrapped__().startswith("M")
    assert "script" not in land.land_path.__wrapped__()


def test_land_path__without_the_package_is_empty(monkeypatch):
    monkeypatch.setattr(land, "_PACKAGE", "no-such-package-is-installed")
    assert land.land_path.__wrapped__() == ""


def test_world_map__tells_known_from_new_by_shape_and_leaves_out_what_is_nowhere():
    drawn = world_map(
        [place("Berlin, DE", 52.5, 13.4), place("<Osaka>", 34.7, 135.5, is_new=True), place("AS1", None, None)]
    )
    assert drawn.count("<circle") == 1
    assert 'cx="386.8" cy="75"' in drawn
    assert drawn.count('<path class="place fresh"') == 1
    assert "&lt;Osaka&gt;, new" in drawn
    assert "1 known and 1 new places" in drawn
