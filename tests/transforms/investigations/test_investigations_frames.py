"""Novelty and volume as Spark computes them, against the raw times of random calls."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta

from pyspark.sql import functions as F

from expectations.tables import (
    API_CALL_VOLUME_HOURLY,
    GUARDDUTY_FINDINGS,
    PRINCIPAL_ACTIVITY_DAILY,
    PRINCIPAL_BASELINES,
)
from tests.builders import ROLE_SESSION, at, frame, row
from transforms.investigations.novelty import build_history, with_novelty
from transforms.investigations.scope import with_scope
from transforms.investigations.volume import build_hourly, build_windows

SCOPE_START, SCOPE_END = at("2026-05-01 12:00"), at("2026-05-01 15:00")
WINDOW_START = SCOPE_START - timedelta(days=45)


def random_calls(seed: int) -> dict[str, list[datetime]]:
    """Calls by API over 120 days, many of them around the two boundaries of the baseline."""
    rng = random.Random(seed)
    near = [SCOPE_START, WINDOW_START]
    return {
        f"api-{number}": sorted(
            rng.choice(near) + timedelta(seconds=rng.randint(-50_000, 50_000))
            if rng.random() < 0.5
            else SCOPE_END - timedelta(days=rng.randint(0, 120), seconds=rng.randint(0, 86_400))
            for _ in range(rng.randint(1, 4))
        )
        for number in range(60)
    }


def test_with_novelty__agrees_with_the_raw_times(spark):
    calls = random_calls(seed=7)
    daily, monthly = defaultdict(list), defaultdict(list)
    for api, times in calls.items():
        for time in times:
            daily[api, time.date()].append(time)
            monthly[api, time.date().replace(day=1)].append(time)
    activity = frame(
        spark,
        PRINCIPAL_ACTIVITY_DAILY,
        *[
            row(PRINCIPAL_ACTIVITY_DAILY, value=api, activity_date=day, first_at=min(times), last_at=max(times))
            for (api, day), times in daily.items()
            if day >= WINDOW_START.date()
        ],
    )
    baselines = frame(
        spark,
        PRINCIPAL_BASELINES,
        *[
            row(PRINCIPAL_BASELINES, value=api, month_date=month, first_seen_at=min(times), last_seen_at=max(times))
            for (api, month), times in monthly.items()
        ],
    )
    key = f"'i' AS investigation_id, timestamp'{SCOPE_START:%Y-%m-%d %H:%M:%S}' AS scope_start_at, '{ROLE_SESSION}' AS entity_id"
    values = spark.createDataFrame([(api,) for api in calls], "value string").selectExpr(
        key.split(", ", maxsplit=1)[0], *key.split(", ")[1:], "true AS is_in_scope", "'api' AS dimension", "value"
    )
    levels = spark.range(1).selectExpr(
        *key.split(", "), "'session' AS level", "'role_session' AS principal_kind", f"'{ROLE_SESSION}' AS principal_id"
    )
    found = {
        each.value: each for each in with_novelty(values, levels, build_history(activity, baselines, levels)).collect()
    }
    for api, times in calls.items():
        before = [time for time in times if time < SCOPE_START]
        recent = [time for time in before if time >= WINDOW_START]
        first = found[api].session_first_at
        assert (first and at(str(first))) == (min(before) if before else None), api
        assert bool(found[api].session_is_recent) == bool(recent), api
        assert found[api].role_first_at is None


def test_build_windows__agrees_with_counting_in_python(spark):
    rng = random.Random(11)
    counts = {
        (api, SCOPE_START + timedelta(hours=rng.randint(-1200, 20))): rng.randint(1, 30)
        for api in ("a", "b")
        for _ in range(200)
    }
    volume = frame(
        spark,
        API_CALL_VOLUME_HOURLY,
        *[row(API_CALL_VOLUME_HOURLY, api=api, hour_at=hour, success_count=n) for (api, hour), n in counts.items()],
    )
    entities = spark.range(1).select(
        F.lit("i").alias("investigation_id"), F.lit(SCOPE_START).alias("scope_start_at"), F.lit(SCOPE_END).alias("scope_end_at"),
        F.lit("role_session").alias("entity_kind"), F.lit(ROLE_SESSION).alias("entity_id"), F.lit("self").alias("relation"),
    )  # fmt: skip
    found = {each.api: each for each in build_windows(build_hourly(entities, volume)).collect()}
    length = SCOPE_END - SCOPE_START
    for api in ("a", "b"):
        windows = [(SCOPE_START - length * (n + 1), SCOPE_START - length * n) for n in range(45 * 24 // 3)]
        sums = [
            sum(n for (name, hour), n in counts.items() if name == api and start <= hour < end)
            for start, end in windows
        ]
        in_scope = sum(n for (name, hour), n in counts.items() if name == api and SCOPE_START <= hour < SCOPE_END)
        if in_scope:
            assert found[api].scope_count == in_scope
            assert found[api].window_total == sum(sums)
            assert found[api].window_total_of_squares == sum(each**2 for each in sums)
            assert found[api].window_most == max(sums)
        else:
            assert api not in found


def test_with_scope__snaps_out_to_whole_hours_and_keeps_the_last_instant_inside(spark):
    spans = {
        "an instant": ("2026-05-01 02:11:26", "2026-05-01 02:11:26"),
        "on the hour": ("2026-05-01 02:00:00", "2026-05-01 03:00:00"),
        "over midnight": ("2026-04-30 23:59:59", "2026-05-01 00:00:01"),
    }
    findings = frame(
        spark,
        GUARDDUTY_FINDINGS,
        *[row(GUARDDUTY_FINDINGS, finding_id=n, first_seen_at=a, last_seen_at=b) for n, (a, b) in spans.items()],
    )
    scopes = {
        each.finding_id: (f"{each.scope_start_at:%d %H:%M}", f"{each.scope_end_at:%d %H:%M}")
        for each in with_scope(findings).collect()
    }
    assert scopes == {
        "an instant": ("01 02:00", "01 03:00"),
        "on the hour": ("01 02:00", "01 04:00"),
        "over midnight": ("30 23:00", "01 01:00"),
    }
