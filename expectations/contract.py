"""The form of a contract: one `Table` per Delta table, from which its DDL, suite, UI schema and documentation are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class ContractError(Exception):
    """A frame has not the shape that its table promises. Ours to mend: no input can cause it."""


@dataclass(frozen=True)
class Column:
    """A column: its Spark SQL type as text (no session is needed to read a contract), and what it means."""

    name: str
    type: str
    comment: str
    required: bool = False
    values: tuple[str, ...] = ()

    @property
    def ddl(self) -> str:
        """The column as `CREATE TABLE` wants it."""
        comment = self.comment.replace("\\", "\\\\").replace("'", "\\'")
        return f"`{self.name}` {self.type}{' NOT NULL' if self.required else ''} COMMENT '{comment}'"


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    `key` identifies a row (a null is a value here: console usage has no access key). `rules` are SQL conditions that hold
    for each row; they are Delta CHECK constraints, and expectations of the suite. `bookkeeping` names the columns that
    may differ between two runs over the same records; everything else may not (DESIGN §1). `z_order` names what rows are
    asked for by: upkeep puts what is alike in it near each other, once a day is closed.
    """

    name: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitioned_by: str | None = None
    rules: Mapping[str, str] = field(default_factory=dict)
    bookkeeping: tuple[str, ...] = ()
    z_order: tuple[str, ...] = ()

    @property
    def column_names(self) -> list[str]:
        """Names, in the order of the table."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """Return the column called `name`."""
        return next(column for column in self.columns if column.name == name)

    @property
    def schema_ddl(self) -> str:
        """`name type, …`: what Spark reads as a schema."""
        return ", ".join(f"`{column.name}` {column.type}" for column in self.columns)

    @property
    def constraints(self) -> dict[str, str]:
        """The row rules, with one for every column whose values are listed."""
        listed = {
            f"{column.name}_is_known": f"{column.name} IN ({', '.join(repr(value) for value in column.values)})"
            for column in self.columns
            if column.values
        }
        # Delta takes an unknown for a violation; SQL, and Great Expectations as we use it, do not.
        return {name: f"coalesce({rule.strip()}, true)" for name, rule in {**listed, **self.rules}.items()}

    def differences(self, frame: DataFrame) -> list[str]:
        """Name every difference between the frame's columns and the table's, in no more than a line each."""
        found = {name: _simple(dtype) for name, dtype in frame.dtypes}
        missing = [f"{c.name}: missing" for c in self.columns if c.name not in found]
        other = [
            f"{c.name}: is {found[c.name]}, should be {c.type}"
            for c in self.columns
            if c.name in found and found[c.name] != c.type
        ]
        extra = [f"{name}: not in the contract" for name in found if name not in self.column_names]
        return missing + other + extra

    def conform(self, frame: DataFrame) -> DataFrame:
        """Return the frame with its columns in the table's order.

        It refuses what does not fit and names every difference; it never casts and never fills, since that would turn a
        mistake of ours into nulls.

        Raises:
            ContractError: columns are missing, too many, or of another type.
        """
        differences = self.differences(frame)
        if differences:
            raise ContractError(f"{self.name}: " + "; ".join(differences))
        return frame if frame.columns == self.column_names else self.columns_of(frame)

    def columns_of(self, frame: DataFrame) -> DataFrame:
        """Return the frame's columns that the table has, in the table's order.

        As expressions: a classic session makes four calls of the JVM for each name that it selects, and one for an expression.
        """
        return frame.selectExpr(*[f"`{name}`" for name in self.column_names])


def _simple(dtype: str) -> str:
    return dtype.replace(" ", "")
