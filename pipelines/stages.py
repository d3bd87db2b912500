"""Which tables a stage fills, and which it is made from: as the assets say it, for those who work on the lake as a whole."""

from __future__ import annotations

from typing import NamedTuple

from expectations.contract import Table
from expectations.tables import TABLES


class Stage(NamedTuple):
    """A stage: tables filled by it, each of whose commits says what was consumed, and tables that it consumes."""

    tables: tuple[Table, ...]
    upstream: tuple[Table, ...]


def stages() -> list[Stage]:
    """Return the stages that are made from other tables, in the order of a night."""
    from pipelines.definitions import ASSETS  # noqa: PLC0415  (imports Dagster: seconds; and it imports whoever asks)

    by_name = {table.name: table for table in TABLES}
    found = []
    for asset in ASSETS:
        tables = {spec.key.path[-1] for spec in asset.specs}
        upstream = {dep.asset_key.path[-1] for spec in asset.specs for dep in spec.deps} - tables
        named = Stage(*(tuple(by_name[name] for name in by_name if name in names) for names in (tables, upstream)))
        if named.tables and named.upstream:
            found.append(named)
    return found
