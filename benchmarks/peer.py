"""The peer: what somebody would write with DuckDB over the same objects, as fast as we know how.

Same duties as ingest: parse, de-duplicate on account and event id, remove session tokens, zstd Parquet by day. The raw objects
are read as JSON values and unfolded with a fixed schema: that is DuckDB's fast form, three times `read_json(columns=…)`.

    python -m benchmarks.peer CLOUDTRAIL_FOLDER TARGET_FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb

_IDENTITY = {
    "type": "VARCHAR",
    "principalId": "VARCHAR",
    "arn": "VARCHAR",
    "accountId": "VARCHAR",
    "accessKeyId": "VARCHAR",
    "userName": "VARCHAR",
    "invokedBy": "VARCHAR",
    "sessionContext": {
        "attributes": {"creationDate": "VARCHAR", "mfaAuthenticated": "VARCHAR"},
        "sessionIssuer": {"arn": "VARCHAR", "principalId": "VARCHAR", "type": "VARCHAR"},
        "sourceIdentity": "VARCHAR",
    },
}
_RECORD = {
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

_SCRIPT = """
CREATE TEMP TABLE events AS
WITH objects AS (
    SELECT filename, unnest(from_json(json -> '$.Records', $schema)) AS r
    FROM read_json_objects($objects, format = 'unstructured', filename = true, maximum_object_size = 268435456)
)
SELECT
    filename AS source_uri,
    r.eventID AS event_id,
    coalesce(r.sharedEventID, r.eventID) AS action_id,
    CAST(r.eventTime AS TIMESTAMP) AS event_at,
    CAST(r.eventTime AS DATE) AS event_date,
    r.recipientAccountId AS recipient_account_id,
    r.* EXCLUDE (eventID, eventTime, recipientAccountId, responseElements),
    regexp_replace(CAST(r.responseElements AS VARCHAR), '"sessionToken":"[^"]*"', '"sessionToken":"[removed]"') AS response_elements
FROM objects
QUALIFY row_number() OVER (PARTITION BY r.recipientAccountId, r.eventID ORDER BY filename) = 1;
"""
_WRITE = "COPY events TO '{target}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (event_date), OVERWRITE)"


def main(logs: str, target: str) -> None:
    """Run the script and print what it took, as JSON."""
    begun = time.monotonic()
    database = duckdb.connect()
    database.execute("SET threads = 2; SET preserve_insertion_order = false")
    objects = f"{Path(logs).absolute()}/**/*_CloudTrail_*.json.gz"  # two `**` in one path are refused
    database.execute(_SCRIPT, {"schema": json.dumps([_RECORD]), "objects": objects})
    database.execute(_WRITE.format(target=str(Path(target).absolute()).replace("'", "''")))
    found = database.execute("SELECT count(*) FROM events").fetchone()
    sys.stdout.write(json.dumps({"events": found[0] if found else 0, "seconds": time.monotonic() - begun}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
