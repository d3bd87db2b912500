"""How a table of the lake begins: the same table through Spark, anywhere, and through delta-rs, in a folder of this machine.

delta-rs makes a table in ten milliseconds, Spark in a second, and a new lake has seventeen of them. (`DeltaTable` is delta-rs's here,
which runs in this process. The class of that name in delta-spark is used nowhere: it fails on Spark Connect.)
"""

from __future__ import annotations

from functools import cache

from deltalake import DeltaTable, Field, Schema
from deltalake.schema import ArrayType, PrimitiveType, StructType

from expectations.contract import Column, Table
from expectations.tables import LAKE_VERSION, contract_of

_DELTA_NAMES = {"bigint": "long", "int": "integer"}  # where Delta's name of a type is not Spark's


STAMP = "rolescope.lake"
"""Property that says which version made a table, and by which contracts: of the ledger's it is asked (see migration)."""


def create_in_folder(table: Table, path: str) -> None:
    """Make the table in a folder, unless it is there."""
    DeltaTable.create(
        path,
        Schema([delta_field(column) for column in table.columns]),
        mode="ignore",
        partition_by=[table.partitioned_by] if table.partitioned_by else None,
        description=table.comment,
        configuration=properties_of(table),  # from which it finds the protocol that they need
        raise_if_key_not_exists=False,  # it does not count the constraints among the properties it knows
    )


def creating_sql(table: Table, identifier: str) -> str:
    """Return the statement that makes the table, unless it is there."""
    columns = ", ".join(column.ddl for column in table.columns)
    partitioning = f"PARTITIONED BY (`{table.partitioned_by}`)" if table.partitioned_by else ""
    properties = properties_of(table) | {"delta.minReaderVersion": "1", "delta.minWriterVersion": "4"}
    listed = ", ".join(f"{sql_literal(key)} = {sql_literal(value)}" for key, value in properties.items())
    return (
        f"CREATE TABLE IF NOT EXISTS {identifier} ({columns}) USING delta {partitioning} "
        f"COMMENT {sql_literal(table.comment)} TBLPROPERTIES ({listed})"
    )


def sql_literal(text: str) -> str:
    """Return the text as a literal of Spark SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def properties_of(table: Table) -> dict[str, str]:
    """Return what is set on the table."""
    properties = {
        STAMP: stamp(),
        "delta.enableChangeDataFeed": "true",
        # Only times can skip files, and what a day's files are put in order by; statistics of every other column would take half the
        # time of a write.
        "delta.dataSkippingStatsColumns": ",".join(
            c.name for c in table.columns if c.type == "timestamp" or c.name in table.z_order
        ),
    }
    return properties | {f"delta.constraints.{name}": rule for name, rule in table.constraints.items()}


@cache
def stamp() -> str:
    """Return the value of STAMP for what this version makes."""
    return f"{LAKE_VERSION} {contract_of()}"


def delta_field(column: Column) -> Field:
    """Return the column as delta-rs wants it."""
    return Field(
        column.name, _delta_type(column.type), nullable=not column.required, metadata={"comment": column.comment}
    )


def _delta_type(spark_type: str) -> PrimitiveType | ArrayType | StructType:
    """Return Delta's type for a contract's: a primitive, an array, or a struct of primitives."""
    if spark_type.startswith("array<"):
        return ArrayType(_delta_type(spark_type[len("array<") : -1]), contains_null=True)
    if spark_type.startswith("struct<"):
        fields = (field.split(":") for field in spark_type[len("struct<") : -1].split(","))
        return StructType([Field(name, _delta_type(kind)) for name, kind in fields])
    return PrimitiveType(_DELTA_NAMES.get(spark_type, spark_type))
