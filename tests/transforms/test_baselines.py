"""Months of activity are sums of its days."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from expectations.tables import PRINCIPAL_ACTIVITY_DAILY
from tests.builders import Row, frame, row
from transforms.baselines import build_principal_baselines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEY = ("principal_kind", "principal_id", "dimension", "value")


def random_days(chance: random.Random) -> list[Row]:
    """Return at most one row a day and key, as the table has it, with something done in each."""
    days: dict[tuple[str, ...], Row] = {}
    for _ in range(400):
        day = f"2026-0{chance.choice('345')}-{chance.choice([1, 2, 15, 30]):02}"
        key = (
            chance.choice(["role", "root"]),
            chance.choice("ab"),
            chance.choice(["api", "city"]),
            chance.choice("xyz"),
        )
        first, last = sorted(f"{day} {chance.randrange(24):02}:{chance.randrange(60):02}" for _ in range(2))
        counts = {"success_count": chance.randrange(1, 9), "failed_count": chance.randrange(9)}
        days[day, *key] = row(
            PRINCIPAL_ACTIVITY_DAILY, first_at=first, last_at=last, **dict(zip(KEY, key, strict=True)), **counts
        )
    return list(days.values())


def test_build_principal_baselines__a_month_is_the_sum_of_its_days(spark: SparkSession) -> None:
    days = random_days(random.Random(2))
    months: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for each in days:
        months[each["activity_date"].replace(day=1), *[each[name] for name in KEY]].append(each)
    found = build_principal_baselines(frame(spark, PRINCIPAL_ACTIVITY_DAILY, *days).repartition(5)).collect()
    assert {
        (each.month_date, *[each[name] for name in KEY]): (
            each.active_days, each.call_count, each.failed_count, each.first_seen_at.timestamp(), each.last_seen_at.timestamp(),
        )
        for each in found
    } == {
        key: (
            len(of_month),
            sum(each["success_count"] + each["failed_count"] for each in of_month),
            sum(each["failed_count"] for each in of_month),
            min(each["first_at"] for each in of_month).timestamp(),
            max(each["last_at"] for each in of_month).timestamp(),
        )
        for key, of_month in months.items()
    }  # fmt: skip
    assert len(found) == len(months) > 50
