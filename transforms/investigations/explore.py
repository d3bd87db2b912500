"""What a page needs to follow when its scope is moved: sparse hours by dimension and value, and since when each is known.

All counts are of management events, one per action, in whole hours from `window_start` to `window_end`; those of APIs go back to
45 days before it. Panels of rows come first (Spark), then how the document writes them (plain Python).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.activity import dimension_values
from transforms.investigations.case import Case, Row, text_of
from transforms.investigations.novelty import LEVELS
from transforms.investigations.relations import DESCENDANT, SELF
from transforms.investigations.scope import AROUND_DAYS, BASELINE_DAYS, window_end, window_start

DIMENSIONS = ("api", "source_ip", "country", "city", "asn", "user_agent", "access_key")
MOST_VALUES = 200
MOST_BRANCHES = 600
MOST_HOURS = 12_000
"""Of all dimensions and the tree, each: what a page of 600 kB has room for."""

_VALUE = ("investigation_id", "entity_id", "dimension", "value")
_COUNTED_BY = (
    "event_source", "event_name", "source_ip", "country_code", "city", "asn", "aso", "user_agent_family", "access_key_id", "latitude",
    "longitude",
)  # fmt: skip
_BRANCH = ("investigation_id", "entity_id", "source_ip", "api", "access_key")


def build_counted(deeds: DataFrame) -> DataFrame:
    """Return the calls of each entity and hour, by everything a page counts them by: a tenth of the rows, looked at many times.

    Columns: investigation_id, scope_start_at, scope_end_at, entity_id, hour, the columns that `dimension_values` is made of, latitude,
    longitude, is_own, success_count, failed_count.
    """
    return (
        deeds.where("is_management")
        .groupBy("investigation_id", "scope_start_at", "scope_end_at", "entity_id", _hour("event_at"), *_COUNTED_BY)
        .agg(
            F.max(F.col("relation") != DESCENDANT).alias("is_own"),
            F.count_if(~F.col("is_failed")).alias("success_count"),
            F.count_if("is_failed").alias("failed_count"),
        )
    )


def build_series(counted: DataFrame, hourly: DataFrame) -> DataFrame:
    """Return each value's hours: `_VALUE`, relation, hours (`[[hour, succeeded, failed]]`), calls, latitude, longitude, source_ips.

    Args:
        counted: of `build_counted`.
        hourly: of `build_hourly`: the hours of APIs before the window.
    """
    sums = (
        F.max("is_own").alias("is_own"),
        F.sum("success_count").alias("success_count"),
        F.sum("failed_count").alias("failed_count"),
    )
    within = (
        counted.select("*", _values(*DIMENSIONS)).where(F.col("value").isNotNull()).groupBy(*_VALUE, "hour").agg(*sums)
    )
    before = (
        hourly.where(F.col("hour_at") < window_start())
        .withColumns({"is_own": F.col("relation") != DESCENDANT, "dimension": F.lit("api"), "value": F.col("api")})
        .groupBy(*_VALUE, _hour("hour_at"))
        .agg(*sums)
    )
    places = (
        counted.select("*", _values("country", "city"))
        .where(F.col("value").isNotNull())
        .groupBy(*_VALUE)
        .agg(
            F.max("latitude").alias("latitude"),
            F.max("longitude").alias("longitude"),
            F.slice(F.array_sort(F.collect_set("source_ip")), 1, 5).alias("source_ips"),
        )
    )
    return (
        within.unionByName(before)
        .unionByName(places, allowMissingColumns=True)
        .groupBy(*_VALUE)
        .agg(
            _relation(),
            _hours().alias("hours"),
            _calls().alias("calls"),
            F.round(F.max("latitude"), 1).alias("latitude"),
            F.round(F.max("longitude"), 1).alias("longitude"),
            F.coalesce(F.max("source_ips"), F.array().cast("array<string>")).alias("source_ips"),
        )
        .where(F.col("calls") > 0)  # what was only called before the window has no place in it
    )  # fmt: skip


def with_known(series: DataFrame, levels: DataFrame, history: DataFrame) -> DataFrame:
    """Add for each level `<level>_known`: when it was first seen ever, last before the window, and first within it."""
    lookups = series.select(*_VALUE).join(levels, on=["investigation_id", "entity_id"], how="inner")
    seen = lookups.join(history, on=["principal_kind", "principal_id", "dimension", "value"], how="inner").where(
        F.col("first_at") < window_end()
    )
    is_within = F.col("first_at") >= window_start()
    last_before = F.when(F.col("last_at") < window_start(), F.col("last_at")).when(~is_within, F.col("first_at"))
    known = seen.groupBy(*_VALUE).agg(
        *[
            F.array(
                F.min(_of(level, F.col("first_at"))),
                F.max(_of(level, last_before)),
                F.min(_of(level, F.when(is_within & F.col("is_daily"), F.col("first_at")))),
            ).alias(f"{level}_known")
            for level in LEVELS
        ]
    )
    return series.join(known, on=list(_VALUE), how="left")


def build_tree(counted: DataFrame) -> DataFrame:
    """Return the hours of each address, API and access key together: `_BRANCH`, relation, hours, calls."""
    branches = counted.withColumns({"access_key": F.col("access_key_id"), "api": dimension_values()["api"]})
    by_hour = branches.groupBy(*_BRANCH, "hour").agg(
        F.max("is_own").alias("is_own"),
        F.sum("success_count").alias("success_count"),
        F.sum("failed_count").alias("failed_count"),
    )
    return by_hour.groupBy(*_BRANCH).agg(_relation(), _hours().alias("hours"), _calls().alias("calls"))


def ranked(rows: DataFrame, order: list[Column], most: int, per: tuple[str, ...] = ()) -> tuple[DataFrame, DataFrame]:
    """Return the first rows of each investigation (and group), and the hours of the rest summed (`rest_count`, `hours`)."""
    group = Window.partitionBy("investigation_id", *per)
    placed = rows.withColumn("place", F.row_number().over(group.orderBy(*order)))
    rest = placed.where(F.col("place") > most).select(
        "investigation_id", *per, "place", F.explode("hours").alias("hour")
    )
    summed = (
        rest.groupBy("investigation_id", *per, F.col("hour")[0].alias("hour"))
        .agg(
            F.sum(F.col("hour")[1]).alias("success_count"),
            F.sum(F.col("hour")[2]).alias("failed_count"),
            F.collect_set("place").alias("places"),
        )
        .groupBy("investigation_id", *per)
        .agg(_hours().alias("hours"), F.size(F.array_distinct(F.flatten(F.collect_list("places")))).alias("rest_count"))
    )
    return placed.where(F.col("place") <= most).drop("place"), summed


def explore(case: Case) -> Row:
    """Return the document's `explore`: entities by number, dimensions with their values, the tree."""
    start = (case.scope_start - timedelta(days=AROUND_DAYS)).replace(hour=0)
    last = case.scope_end + timedelta(days=AROUND_DAYS) - timedelta(seconds=1)
    end = last.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    shown = [*case.rows("series"), *case.rows("tree")]
    entities = list(dict.fromkeys([case.entity_id, *(row["entity_id"] for row in shown)]))
    numbers = {entity: number for number, entity in enumerate(entities)}
    relations = {row["entity_id"]: row["relation"] for row in case.rows("entities")}
    return {
        "start_at": text_of(start),
        "hour_count": int((end - start) / timedelta(hours=1)),
        "baseline_days": BASELINE_DAYS,
        "entities": [
            {"id": each, "name": case.name(each), "relation": relations.get(each, SELF), "since": _since(case, each)}
            for each in entities
        ],
        "dimensions": _dimensions(case, numbers),
        "tree": _tree(case, numbers),
    }


def _dimensions(case: Case, numbers: dict[str, int]) -> dict[str, Row]:
    rows = {name: [row for row in case.rows("series") if row["dimension"] == name] for name in DIMENSIONS}
    most = _most({name: [row["hours"] for row in of_name] for name, of_name in rows.items()}, MOST_VALUES)
    rests = {row["dimension"]: row for row in case.rows("series_rest")}
    found = {}
    for name, of_name in rows.items():
        rest: Row = rests.get(name, {"rest_count": 0, "hours": []})
        cut = of_name[most:]
        found[name] = {
            "values": [_value(row, numbers, case) for row in of_name[:most]],
            "total": len(of_name) + rest["rest_count"],
            "rest": {
                "value_count": len(cut) + rest["rest_count"],
                "hours": _summed([rest["hours"], *(row["hours"] for row in cut)]),
            },
        }
    return found


def _tree(case: Case, numbers: dict[str, int]) -> Row:
    rows = case.rows("tree")
    most = _most({"tree": [row["hours"] for row in rows]}, MOST_BRANCHES)
    rest: Row = next(iter(case.rows("tree_rest")), {"rest_count": 0, "hours": []})
    cut = rows[most:]
    return {
        "rows": [
            {
                "entity": numbers[row["entity_id"]],
                "source_ip": row["source_ip"],
                "api": row["api"],
                "access_key": row["access_key"],
                "hours": row["hours"],
            }
            for row in rows[:most]
        ],
        "total": len(rows) + rest["rest_count"],
        "rest": {
            "row_count": len(cut) + rest["rest_count"],
            "hours": _summed([rest["hours"], *(row["hours"] for row in cut)]),
        },
    }


def _value(row: Row, numbers: dict[str, int], case: Case) -> Row:
    entity = next((each for each in case.rows("entities") if each["entity_id"] == row["entity_id"]), {})
    principals = {
        "session": row["entity_id"],
        "role": entity.get("role_arn"),
        "root": entity.get("root_id"),
        "account": entity.get("account_id"),
    }
    found: dict[str, Any] = {
        "value": row["value"],
        "entity": numbers[row["entity_id"]],
        "hours": row["hours"],
        "known": {
            level: (row[f"{level}_known"] or [None, None, None]) if principals[level] else None for level in LEVELS
        },
    }
    if row["dimension"] in ("city", "country"):
        found |= {name: row[name] for name in ("latitude", "longitude", "source_ips")}
    return found


def _since(case: Case, entity_id: str) -> Row:
    seen = {row["level"]: row["since_at"] for row in case.rows("standing") if row["entity_id"] == entity_id}
    return {level: seen.get(level) for level in LEVELS}


def _most(series: dict[str, list[list[Any]]], most: int) -> int:
    """Return how many of each there is room for: as many as asked, or so many that all their hours together fit."""
    while most > 10 and sum(len(hours) for of_name in series.values() for hours in of_name[:most]) > MOST_HOURS:
        most = most * 3 // 4
    return most


def _summed(series: Iterable[list[list[int]]]) -> list[list[int]]:
    sums: dict[int, list[int]] = {}
    for hour, success, failed in (each for hours in series for each in hours):
        of_hour = sums.setdefault(hour, [0, 0])
        of_hour[0] += success
        of_hour[1] += failed
    return [[hour, *counts] for hour, counts in sorted(sums.items())]


def _hour(at: str) -> Column:
    return F.floor((F.unix_timestamp(at) - F.unix_timestamp(window_start())) / 3600).cast("int").alias("hour")


def _values(*dimensions: str) -> Column:
    of_event = dimension_values()
    return F.inline(
        F.array(*[F.struct(F.lit(name).alias("dimension"), of_event[name].alias("value")) for name in dimensions])
    )


def _hours() -> Column:
    of_hour = F.array(F.col("hour").cast("long"), F.col("success_count"), F.col("failed_count"))
    return F.array_sort(F.collect_list(F.when(F.col("hour").isNotNull(), of_hour)))


def _calls() -> Column:
    return F.sum(F.when(F.col("hour") >= 0, F.col("success_count") + F.col("failed_count")).otherwise(0))


def _relation() -> Column:
    return F.when(F.max("is_own"), SELF).otherwise(DESCENDANT).alias("relation")


def _of(level: str, column: Column) -> Column:
    return F.when(F.col("level") == level, column)
