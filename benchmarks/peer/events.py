"""Objects to events, in DuckDB: raw JSON values, unfolded with a fixed schema, which is three times `read_json(columns=…)`.

Of a portion of objects: what is no event goes to `rejects`, equal copies within it and in what was written before go, tokens are
blotted out, and the rest is added to zstd Parquet by day. An object that is no gzip or no JSON ends the script.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from benchmarks.peer.objects import LogObject

_IDENTITY = {
    "type": "VARCHAR",
    "principalId": "VARCHAR",
    "arn": "VARCHAR",
    "accountId": "VARCHAR",
    "accessKeyId": "VARCHAR",
    "userName": "VARCHAR",
    "invokedBy": "VARCHAR",
    "identityProvider": "VARCHAR",
    "onBehalfOf": {"userId": "VARCHAR", "identityStoreArn": "VARCHAR"},
    "sessionContext": {
        "attributes": {"creationDate": "VARCHAR", "mfaAuthenticated": "VARCHAR"},
        "sessionIssuer": {"arn": "VARCHAR", "principalId": "VARCHAR", "type": "VARCHAR"},
        "sourceIdentity": "VARCHAR",
    },
}
RECORD = {
    "eventID": "VARCHAR",
    "eventTime": "VARCHAR",
    "eventSource": "VARCHAR",
    "eventName": "VARCHAR",
    "eventType": "VARCHAR",
    "eventCategory": "VARCHAR",
    "awsRegion": "VARCHAR",
    "recipientAccountId": "VARCHAR",
    "sharedEventID": "VARCHAR",
    "sourceIPAddress": "VARCHAR",
    "userAgent": "VARCHAR",
    "errorCode": "VARCHAR",
    "errorMessage": "VARCHAR",
    "readOnly": "BOOLEAN",
    "userIdentity": _IDENTITY,
    "requestParameters": "JSON",
    "responseElements": "JSON",
    "additionalEventData": "JSON",
}

_WITHOUT_TOKENS = r"""
CREATE MACRO without_tokens(json) AS
    regexp_replace(json, '"(sessionToken|SigninToken|secretAccessKey)"\s*:\s*"[^"]*"', '"\1":"[removed]"', 'g')
"""
_READ = """
CREATE OR REPLACE TEMP TABLE portion AS
WITH objects AS (
    SELECT filename, from_json(json -> '$.Records', $schema) AS records
    FROM read_json_objects($objects, format = 'unstructured', filename = true, maximum_object_size = 268435456)
), unfolded AS (
    SELECT filename, unnest(records) AS r, unnest(range(len(records))) AS record_index FROM objects
)
SELECT
    filename AS source_uri,
    record_index,
    r.eventID AS event_id,
    coalesce(r.sharedEventID, r.eventID) AS action_id,
    TRY_CAST(r.eventTime AS TIMESTAMP) AS event_at,
    TRY_CAST(r.eventTime AS DATE) AS event_date,
    r.recipientAccountId AS recipient_account_id,
    r.* EXCLUDE (eventID, eventTime, recipientAccountId, responseElements),
    TRY_CAST(r.userIdentity.sessionContext.attributes.creationDate AS TIMESTAMP) AS session_created_at,
    CASE WHEN contains(r.responseElements, 'oken"') OR contains(r.responseElements, 'ecretAccessKey"')
        THEN without_tokens(r.responseElements::VARCHAR)
        ELSE r.responseElements::VARCHAR END AS response_elements
FROM unfolded
"""
_IS_NO_EVENT = "event_id IS NULL OR event_at IS NULL OR recipient_account_id IS NULL"
# Its text is read from the object again: there are few, and nobody carries a million texts along for them.
_REJECT = f"""
COPY (
    SELECT source_uri, record_index, 'no event id, time or account' AS reason,
        left(without_tokens((json -> '$.Records' -> record_index::INTEGER)::VARCHAR), 1000) AS excerpt
    FROM portion
    JOIN read_json_objects($objects, format = 'unstructured', filename = true, maximum_object_size = 268435456)
    ON filename = source_uri
    WHERE {_IS_NO_EVENT}
) TO '{{target}}' (FORMAT parquet)
"""
_ONCE = """
DELETE FROM portion WHERE rowid IN (
    SELECT rowid FROM portion
    QUALIFY row_number() OVER (PARTITION BY recipient_account_id, event_id ORDER BY source_uri, record_index) > 1
)
"""
_NOT_AGAIN = """
DELETE FROM portion USING read_parquet({files}, hive_partitioning = false) AS before
WHERE portion.recipient_account_id = before.recipient_account_id AND portion.event_id = before.event_id
"""
_WRITE = """
COPY portion TO '{target}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (event_date), APPEND)
"""


def prepare(database: duckdb.DuckDBPyConnection) -> None:
    """Define what the statements use."""
    database.execute(_WITHOUT_TOKENS)


def read_portion(database: duckdb.DuckDBPyConnection, objects: list[LogObject], target: Path, number: int) -> int:
    """Leave the new events of some objects in the table `portion` and below `target`; return how many were rejected."""
    paths = [each.path for each in objects]
    database.execute(_READ, {"schema": json.dumps([RECORD]), "objects": paths})
    rejected = _reject(database, target, number)
    database.execute(_ONCE)
    if before := _written(database, target / "events"):
        database.execute(_NOT_AGAIN.format(files=before))
    database.execute(_WRITE.format(target=quoted(target / "events")))
    return rejected


def quoted(path: Path) -> str:
    """Return a path as it stands between the quotes of an SQL string."""
    return str(path.absolute()).replace("'", "''")


def _reject(database: duckdb.DuckDBPyConnection, target: Path, number: int) -> int:
    objects = database.sql(f"SELECT DISTINCT source_uri FROM portion WHERE {_IS_NO_EVENT}").fetchall()
    if not objects:
        return 0
    (target / "rejects").mkdir(parents=True, exist_ok=True)
    file = quoted(target / "rejects" / f"part-{number:05}.parquet")
    database.execute(_REJECT.format(target=file), {"objects": [uri for (uri,) in objects]})
    return len(database.execute(f"DELETE FROM portion WHERE {_IS_NO_EVENT} RETURNING 1").fetchall())


def _written(database: duckdb.DuckDBPyConnection, events: Path) -> list[str]:
    """Return the files of the days that the portion has events of: a copy of an event has its time."""
    if not events.is_dir():
        return []
    days = database.sql("SELECT DISTINCT event_date FROM portion").fetchall()
    return [str(file) for (day,) in days for file in (events / f"event_date={day}").glob("*.parquet")]
