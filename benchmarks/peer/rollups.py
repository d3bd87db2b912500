"""Calls by principal and day, and by API and hour, in DuckDB: parts, to be added up by whoever reads them.

One count per action, the caller's copy, management events: as the job's own `principal_activity_daily` and `api_call_volume_hourly`.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.peer.events import quoted

_CALLS = """
    SELECT event_at, event_date, errorCode,
        coalesce(
            userIdentity.sessionContext.sessionIssuer.arn, userIdentity.arn, userIdentity.principalId, userIdentity.invokedBy
        ) AS principal_id,
        eventSource || ':' || eventName AS api, sourceIPAddress AS address, split_part(userAgent, ' ', 1) AS agent
    FROM portion
    WHERE userIdentity.type <> 'AWSAccount' AND eventCategory = 'Management'
"""
_DAILY = f"""
COPY (
    SELECT event_date AS activity_date, principal_id,
        CASE WHEN grouping(api) = 0 THEN 'api' WHEN grouping(address) = 0 THEN 'address' ELSE 'agent' END AS dimension,
        coalesce(api, address, agent) AS value,
        count(*) - count(errorCode) AS success_count, count(errorCode) AS failed_count, min(event_at) AS first_at, max(event_at) AS last_at
    FROM ({_CALLS})
    GROUP BY GROUPING SETS ((event_date, principal_id, api), (event_date, principal_id, address), (event_date, principal_id, agent))
) TO '{{target}}' (FORMAT parquet, COMPRESSION zstd)
"""
_HOURLY = f"""
COPY (
    SELECT date_trunc('hour', event_at) AS hour_at, principal_id, api,
        count(*) - count(errorCode) AS success_count, count(errorCode) AS failed_count
    FROM ({_CALLS}) GROUP BY ALL
) TO '{{target}}' (FORMAT parquet, COMPRESSION zstd)
"""


def add_rollups(database: duckdb.DuckDBPyConnection, target: Path, number: int) -> None:
    """Add the calls of the table `portion` to the rollups below `target`."""
    for name, statement in (("principal_daily", _DAILY), ("api_hourly", _HOURLY)):
        (target / name).mkdir(parents=True, exist_ok=True)
        database.execute(statement.format(target=quoted(target / name / f"part-{number:05}.parquet")))
