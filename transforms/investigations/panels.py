"""Pack the evidence of an investigation into one row: panels of JSON rows, each cut to its limit and counted in full."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.investigations.subjects import JSON

EVIDENCE = "array<struct<panel:string,position:int,total:bigint,row:string>>"


def panel(  # noqa: PLR0913
    name: str, rows: DataFrame, columns: list[str], order: list[Column], *, limit: int, per: tuple[str, ...] = ()
) -> DataFrame:
    """Return rows of a panel as JSON, the first `limit` of each investigation in the given order.

    Args:
        name: what the panel is called in the document's making.
        rows: evidence with `investigation_id`.
        columns: what of it goes into the row.
        order: which rows come first; it must decide between any two, or the document would not be reproducible.
        limit: how many rows an investigation gets, of each group of `per`.
        per: further columns that make a group.
    """
    group = Window.partitionBy("investigation_id", *per)
    return (
        rows.withColumns({"position": F.row_number().over(group.orderBy(*order)), "total": F.count("*").over(group)})
        .where(F.col("position") <= limit)
        .select(
            "investigation_id",
            F.lit(name).alias("panel"),
            "position",
            "total",
            F.to_json(F.expr(f"struct({', '.join(columns)})"), JSON).alias("row"),
        )
    )  # fmt: skip


def names(text: str) -> list[str]:
    """Return the names of columns written in a row."""
    return text.split()


def gather(subjects: DataFrame, panels: list[DataFrame]) -> DataFrame:
    """Return the subjects with `evidence`: the rows of all their panels, in order."""
    packed = (
        reduce(DataFrame.unionByName, panels)
        .groupBy("investigation_id")
        .agg(
            F.array_sort(F.collect_list(F.struct("panel", "position", "total", "row"))).cast(EVIDENCE).alias("evidence")
        )
    )
    return subjects.join(packed, on="investigation_id", how="left")
