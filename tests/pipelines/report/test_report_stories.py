"""Stories: reports whose documents name each other's findings stand together in the index."""

from __future__ import annotations

import pytest

from pipelines.report.stories import grouped


def entry(finding_id, *story, file=None):
    return {"file": file or f"{finding_id}.html", "finding_id": finding_id, "story": list(story)}


@pytest.mark.parametrize(
    ("entries", "stories"),
    [
        ([entry("a"), entry("b")], ["a", "b"]),
        ([entry("a", "b"), entry("c"), entry("b")], ["ab", "c"]),
        ([entry("a"), entry("b", "a")], ["ab"]),
        ([entry("a", "b"), entry("b", "c"), entry("c")], ["abc"]),
        ([entry("a", "x"), entry("b", "x")], ["ab"]),
    ],
    ids=["alone", "names the other", "is named", "by way of a third", "by way of a report that is not there"],
)
def test_grouped__naming_is_mutual_and_transitive(entries, stories):
    assert ["".join(each["finding_id"] for each in story) for story in grouped(entries)] == stories


def test_grouped__profiles_stand_alone():
    assert len(grouped([entry(None, "a", file="p.html"), entry("a"), entry(None, "a", file="q.html")])) == 3
