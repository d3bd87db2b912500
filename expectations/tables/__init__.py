"""The tables of the lake, one module per layer. `TABLES` has them in the order in which a night fills them."""

from __future__ import annotations

from hashlib import sha256

from expectations.contract import Table
from expectations.tables import bronze
from expectations.tables.bronze import (
    CLOUDTRAIL_ADDENDA,
    CLOUDTRAIL_EVENTS,
    GUARDDUTY_FINDINGS,
    INGEST_FAILURES,
    INGEST_FILES,
    LOG_DIGESTS,
    REJECTED_RECORDS,
    VPC_FLOWS,
)
from expectations.tables.gold import (
    API_CALL_VOLUME_HOURLY,
    INVESTIGATION_INDICATORS,
    INVESTIGATIONS,
    PRINCIPAL_ACTIVITY_DAILY,
    PRINCIPAL_BASELINES,
    ROLE_ASSUMPTIONS,
    ROLE_SESSIONS,
)
from expectations.tables.silver import (
    CHAIN_EDGES,
    CREDENTIAL_ISSUANCES,
    CREDENTIAL_SESSIONS,
    INTERFACE_CHANGES,
    LOG_COVERAGE,
    SESSION_USAGE,
)

TABLES: tuple[Table, ...] = (
    CLOUDTRAIL_EVENTS,
    CLOUDTRAIL_ADDENDA,
    LOG_DIGESTS,
    GUARDDUTY_FINDINGS,
    VPC_FLOWS,
    REJECTED_RECORDS,
    INGEST_FILES,
    INGEST_FAILURES,
    LOG_COVERAGE,
    INTERFACE_CHANGES,
    CREDENTIAL_ISSUANCES,
    SESSION_USAGE,
    CREDENTIAL_SESSIONS,
    CHAIN_EDGES,
    ROLE_SESSIONS,
    ROLE_ASSUMPTIONS,
    PRINCIPAL_ACTIVITY_DAILY,
    API_CALL_VOLUME_HOURLY,
    PRINCIPAL_BASELINES,
    INVESTIGATIONS,
    INVESTIGATION_INDICATORS,
)

BRONZE: tuple[Table, ...] = tuple(
    table for table in TABLES if table.name in {each.name for each in vars(bronze).values() if isinstance(each, Table)}
)
"""What only the log objects tell; everything else is made from it."""

LAKE_VERSION = 1
"""Raised when the same objects give other rows than before: what is derived in a lake of a lower one is made anew."""


def contract_of(tables: tuple[Table, ...] = TABLES) -> str:
    """Return a fingerprint of all that a lake has to agree with: another one if a column, a type or a rule is another."""
    told = [
        (
            table.name,
            table.partitioned_by,
            sorted((c.name, c.type) for c in table.columns),
            sorted(table.constraints.items()),
        )
        for table in sorted(tables, key=lambda table: table.name)
    ]
    return sha256(repr(told).encode()).hexdigest()[:16]


__all__ = [
    "API_CALL_VOLUME_HOURLY",
    "BRONZE",
    "CHAIN_EDGES",
    "CLOUDTRAIL_ADDENDA",
    "CLOUDTRAIL_EVENTS",
    "CREDENTIAL_ISSUANCES",
    "CREDENTIAL_SESSIONS",
    "GUARDDUTY_FINDINGS",
    "INGEST_FAILURES",
    "INGEST_FILES",
    "INTERFACE_CHANGES",
    "INVESTIGATIONS",
    "INVESTIGATION_INDICATORS",
    "LAKE_VERSION",
    "LOG_COVERAGE",
    "LOG_DIGESTS",
    "PRINCIPAL_ACTIVITY_DAILY",
    "PRINCIPAL_BASELINES",
    "REJECTED_RECORDS",
    "ROLE_ASSUMPTIONS",
    "ROLE_SESSIONS",
    "SESSION_USAGE",
    "TABLES",
    "VPC_FLOWS",
    "contract_of",
]
