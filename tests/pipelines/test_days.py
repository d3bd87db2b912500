"""Days as conditions: what is pruned by them, by Delta and by Spark."""

from __future__ import annotations

from datetime import date

from pipelines.days import days_condition, times_condition

MAY = [date(2026, 5, day) for day in range(1, 6)]


def test_days_condition__names_days_and_null() -> None:
    assert (
        days_condition("day", [MAY[1], MAY[0], None])
        == "`day` IN (DATE'2026-05-01', DATE'2026-05-02') OR `day` IS NULL"
    )
    assert days_condition("day", []) == "false"


def test_times_condition__joins_days_that_follow_each_other() -> None:
    condition = times_condition("at", [MAY[0], MAY[1], MAY[4]])
    assert condition.count(">=") == 2
    assert "`at` >= TIMESTAMP'2026-05-01' AND `at` < TIMESTAMP'2026-05-03'" in condition
