"""Whether an account's logs had a gap at an instant."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.tables import LOG_COVERAGE
from tests.builders import ACCOUNT, Row, frame, row
from transforms.coverage import find_account_gaps

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OTHER = "222222222222"


def gaps(spark: SparkSession, *rows: Row) -> set[tuple[str, str, str]]:
    found = find_account_gaps(frame(spark, LOG_COVERAGE, *rows)).collect()
    assert len(found) == len(set(found))
    return {
        (each.account_id, *[f"{when.astimezone(UTC):%d %H:%M}" for when in (each.gap_started_at, each.gap_ended_at)])
        for each in found
    }


def covered(day: int, *gap_hours: int, **fields: Any) -> Row:
    return row(LOG_COVERAGE, coverage_date=f"2026-05-{day:02}", gap_hours=list(gap_hours), **fields)


def test_find_account_gaps__hours_in_a_row_are_one_over_days_and_regions(spark: SparkSession) -> None:
    found = gaps(
        spark,
        covered(1, 3, 10, 22, 23),
        covered(1, 10, 11, region="us-west-2"),
        covered(2, 0, 5),
        covered(3),
        covered(1, 4, account_id=OTHER),
    )
    assert found == {
        (ACCOUNT, "01 03:00", "01 04:00"),
        (ACCOUNT, "01 10:00", "01 12:00"),
        (ACCOUNT, "01 22:00", "02 01:00"),
        (ACCOUNT, "02 05:00", "02 06:00"),
        (OTHER, "01 04:00", "01 05:00"),
    }


def test_find_account_gaps__without_gaps_there_are_none(spark: SparkSession) -> None:
    assert gaps(spark, covered(1)) == gaps(spark) == set()


HOURS = st.dictionaries(
    st.tuples(st.integers(1, 3), st.sampled_from([ACCOUNT, OTHER]), st.sampled_from(["us-east-1", "us-west-2"])),
    st.sets(st.integers(0, 23), max_size=6),
)


def test_find_account_gaps__an_instant_is_in_one_if_its_hour_is_a_gap_in_some_region(
    spark: SparkSession,
) -> None:
    @settings(max_examples=8)
    @given(HOURS)
    def holds(of_rows: dict[tuple[int, str, str], set[int]]) -> None:
        rows = [
            covered(day, *sorted(hours), account_id=account, region=region)
            for (day, account, region), hours in of_rows.items()
        ]
        spans = find_account_gaps(frame(spark, LOG_COVERAGE, *rows)).collect()
        inside = {
            (account, day, hour)
            for account in (ACCOUNT, OTHER)
            for day in (1, 2, 3)
            for hour in range(24)
            for span in spans
            if span.account_id == account
            and f"{span.gap_started_at.astimezone(UTC):%d %H}"
            <= f"{day:02} {hour:02}"
            < f"{span.gap_ended_at.astimezone(UTC):%d %H}"
        }
        assert inside == {(account, day, hour) for (day, account, _), hours in of_rows.items() for hour in hours}

    holds()
