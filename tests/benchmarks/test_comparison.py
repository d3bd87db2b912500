"""What the comparison says of what it measured: limits, ratios, results and pictures; no measurement."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import benchmarks
from benchmarks import compare
from benchmarks.lines import Line, keep, status_of
from benchmarks.nights import Nights, lines_of
from benchmarks.picture import draw, draw_growth, draw_limits, growth_of

HOME = Path(benchmarks.__file__).parent
RESULTS = sorted((HOME / "results").glob("*.json"))


def line(ratio: float | None = 1.0, **overrides) -> Line:
    return Line(**{"name": "x", "what": "x", "ratio": ratio, "load": 0.0, **overrides})


@pytest.mark.parametrize(
    ("measured", "holds"),
    [
        (line(1.2, at_most=1.2), True),
        (line(1.21, at_most=1.2), False),
        (line(0.5, at_least=0.5), True),
        (line(0.49, at_least=0.5), False),
        (line(None, at_least=0.5), False),
        (line(3.0), None),
    ],
)
def test_line__holds_on_its_limit_and_not_past_it(measured, holds):
    assert measured.holds is holds
    assert status_of([measured]) == int(holds is False)


def test_line__distance_is_above_one_where_it_is_better_than_the_limit():
    assert line(0.6, at_most=1.2).distance == 2
    assert line(0.25, at_least=0.5).distance == 0.5
    assert line(3.0).distance is None


def test_lines_of__a_night_is_compared_without_the_start_that_no_history_changes():
    nights = {
        30: Nights([20.0, 22.0, 30.0], [1 << 30], [1.0]),
        365: Nights([24.0, 22.0, 23.0], [1 << 30], [5.0]),
    }
    again, rebuild, increment, memory = lines_of(1_000_000, nights, start_seconds=12.0, rebuild_seconds=330.0)
    assert again.ratio == pytest.approx(11 / 10)
    assert rebuild.ratio == pytest.approx(30)
    assert increment.ratio == pytest.approx(11 / 5)
    assert memory.ratio == 1
    assert [each.holds for each in (again, rebuild, increment, memory)] == [True, True, False, True]


def test_keep__results_say_on_which_machine_with_which_versions(tmp_path):
    keep([line(2.0, at_most=1.0, facts={"events": 7})], tmp_path / "results.json", {"growth": "1"})
    told = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert {"cores", "memory_gib", "processor", "java", "pyspark", "duckdb", "commit"} <= told["machine"].keys()
    assert told["parameters"] == {"growth": "1"}
    [kept] = told["lines"]
    assert (kept["ratio"], kept["limit"], kept["holds"], kept["facts"]) == (2.0, "at most 1", False, {"events": 7})


def bars_of(picture: str) -> list[tuple[float, str]]:
    tree = ET.fromstring(picture)
    return [(float(each.get("x")), each.get("fill")) for each in tree.iter("{http://www.w3.org/2000/svg}rect")][1:]


def test_draw_limits__a_bar_goes_right_of_the_limit_if_better_left_if_worse_and_names_are_escaped():
    lines = [line(0.5, at_most=1.0, name="<good>"), line(0.5, at_least=1.0, name="bad"), line(4.0, name="informs")]
    picture = draw_limits([each.as_document() for each in lines])
    (good, green), (bad, red) = bars_of(picture)
    assert good > bad
    assert green != red
    assert "&lt;good&gt;" in picture
    assert "informs" not in picture


def test_draw_growth__one_line_a_series_through_all_its_points():
    cold = [line(name=f"cold, {events}", seconds=events / 1000, peer_seconds=events / 2000) for events in (1000, 3000)]
    bare = [line(name=f"ingest, large objects, {events}", facts={"limit_seconds": 1.0}) for events in (1000, 3000)]
    series = growth_of([each.as_document() for each in (*cold, *bare)])
    assert [each.points for each in series] == [
        ((1000, 1.0), (3000, 3.0)),
        ((1000, 0.5), (3000, 1.5)),
        ((1000, 1.0), (3000, 1.0)),
    ]
    lines = ET.fromstring(draw_growth(series)).iter("{http://www.w3.org/2000/svg}polyline")
    assert [len(each.get("points").split()) for each in lines] == [2, 2, 2]


def test_draw__growth_is_that_of_all_files_and_of_one_size_the_last_ones(tmp_path):
    files = []
    for name, seconds in (("a", {1000: 1.0, 3000: 3.0}), ("b", {3000: 4.0, 9000: 9.0})):
        files.append(tmp_path / f"{name}.json")
        keep([line(name=f"cold, {n}", seconds=s, peer_seconds=1.0) for n, s in seconds.items()], files[-1], {})
    _limits, growth = draw(*files)
    texts = [each.text for each in ET.parse(growth).iter("{http://www.w3.org/2000/svg}text")]
    assert {"0.001 M", "0.003 M", "0.009 M", "9 s"} <= set(texts)
    lines = [json.loads(file.read_text(encoding="utf-8"))["lines"] for file in files]
    assert growth_of([*lines[0], *lines[1]])[0].points == ((1000, 1.0), (3000, 4.0), (9000, 9.0))


def test_draw__a_run_of_a_part_alone_is_drawn_too(tmp_path):
    keep([line(1.0, at_most=2.0, name="fixed")], tmp_path / "some.json", {})
    assert all(ET.parse(target) for target in draw(tmp_path / "some.json"))


def test_compare__an_unknown_part_is_refused_with_the_parts_there_are(monkeypatch):
    monkeypatch.setattr("sys.argv", ["compare", "--only", "warm"])
    with pytest.raises(SystemExit, match=r"--only has warm: the parts are fixed, cold"):
        compare.main()


def test_results__there_are_some():
    assert RESULTS


@pytest.mark.parametrize("results", RESULTS, ids=lambda path: path.stem)
def test_results__what_is_not_reached_stands_in_the_readme_with_the_reason(results):
    missed = [
        each["name"] for each in json.loads(results.read_text(encoding="utf-8"))["lines"] if each["holds"] is False
    ]
    explained = set(re.findall(r"^### (.+)$", (HOME / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {re.sub(r",? \d+$", "", name) for name in missed} <= explained
