"""From where: the addresses of a scope, and the visits that a principal made to them one after the other."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

BEFORE_DAYS = 1
"""How long before the scope visits are looked at: the first one of the scope has to come from somewhere."""

_ONE = ("role_session", "iam_user", "federated_user", "root")
_PLACE = ("city", "country_code", "latitude", "longitude", "asn", "aso")


def build_addresses(deeds: DataFrame) -> DataFrame:
    """Return the addresses that each entity called from, in the scope and in the week after it.

    Columns: investigation_id, scope_start_at, entity_id, is_in_scope, source_ip, city, country_code, latitude, longitude, asn, aso,
    success_count, failed_count, first_at, last_at, event_ids (the first and the last).
    """
    return (
        deeds.where(F.col("source_ip").isNotNull())
        .groupBy("investigation_id", "scope_start_at", "entity_id", "is_in_scope", "source_ip")
        .agg(
            *[F.max(name).alias(name) for name in _PLACE],
            F.count_if(~F.col("is_failed")).alias("success_count"),
            F.count_if("is_failed").alias("failed_count"),
            F.min("event_at").alias("first_at"),
            F.max("event_at").alias("last_at"),
            _first_and_last(),
        )
    )


def build_visits(entities: DataFrame, window: DataFrame) -> DataFrame:
    """Return each entity's visits, from a day before the scope until its end: calls in a row from one address.

    Only of those who are one: several people behind a role, an account or an address are in several places. What services called
    for the entity is beside it, one row per host and service.

    Args:
        entities: of `build_entities`.
        window: of `build_deeds`.

    Columns: investigation_id, scope_start_at, entity_id, visit (number, in order of time; 0 of a service), source_ip or source_host,
    invoked_by, city, country_code, latitude, longitude, asn, aso, call_count, first_at, last_at, event_ids (the first and the last).
    """
    ones = entities.where(F.col("entity_kind").isin(*_ONE)).select("investigation_id", "entity_id")
    is_in_time = (
        F.col("event_at") >= F.col("scope_start_at") - F.expr(f"INTERVAL {BEFORE_DAYS} DAYS")
    ) & (F.col("event_at") < F.col("scope_end_at"))  # fmt: skip
    made = (
        window.join(ones, on=["investigation_id", "entity_id"], how="left_semi")
        .where("is_management")
        .where(is_in_time & F.coalesce("source_ip", "source_host").isNotNull())
    )
    # What a service does for the principal comes from the service's own host, between two calls of the principal: no visit.
    is_service = F.col("source_ip").isNull() | F.col("invoked_by").isNotNull()
    in_order = Window.partitionBy("investigation_id", "entity_id", "is_service").orderBy("event_at", "event_id")
    is_another = ~F.col("is_service") & ~F.col("source_ip").eqNullSafe(F.lag("source_ip").over(in_order))
    numbered = (
        made.withColumn("is_service", is_service)
        .withColumn("is_another", is_another.cast("int"))
        .withColumn(
            "visit", F.sum("is_another").over(in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow))
        )
    )
    return numbered.groupBy(
        "investigation_id", "scope_start_at", "entity_id", "visit", "source_ip", "source_host", "invoked_by"
    ).agg(
        *[F.max(name).alias(name) for name in _PLACE],
        F.count("*").alias("call_count"),
        F.min("event_at").alias("first_at"),
        F.max("event_at").alias("last_at"),
        _first_and_last(),
    )


def _first_and_last() -> Column:
    order = F.struct("event_at", "event_id")
    return F.array_distinct(F.array(F.min_by("event_id", order), F.max_by("event_id", order))).alias("event_ids")
