"""Sessions from `AssumeRole*` responses, in DuckDB: issuances and usage of each portion, then all sessions anew with their roots.

A session is an issuance: its principal and second, and the key where several share both. Usage is bound to it by access key, else by
echo (principal and creation second); the closure to the root is a recursive query from the roots down.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.peer.events import quoted

_ISSUANCES = """
COPY (
    SELECT
        action_id,
        arg_min(
            {
                issued_at: date_trunc('second', event_at),
                principal_id: response_elements ->> '$.assumedRoleUser.assumedRoleId',
                access_key_id: response_elements ->> '$.credentials.accessKeyId',
                role_arn: requestParameters ->> '$.roleArn',
                session_name: requestParameters ->> '$.roleSessionName',
                caller_type: userIdentity.type,
                caller_id: userIdentity.principalId,
                caller_arn: userIdentity.arn,
                caller_account_id: userIdentity.accountId,
                caller_name: userIdentity.userName,
                caller_provider: userIdentity.identityProvider,
                caller_key_id: userIdentity.accessKeyId,
                caller_created_at: session_created_at,
                caller_service: userIdentity.invokedBy
            },
            CASE WHEN userIdentity.type = 'AWSAccount' THEN 1 ELSE 0 END
        ) AS issuance
    FROM portion
    WHERE eventSource = 'sts.amazonaws.com' AND eventName LIKE 'AssumeRole%' AND errorCode IS NULL
        AND response_elements ->> '$.credentials.accessKeyId' IS NOT NULL
    GROUP BY action_id
) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
"""
_USAGE = """
COPY (
    SELECT
        userIdentity.principalId AS principal_id,
        session_created_at AS created_at,
        userIdentity.accessKeyId AS access_key_id,
        any_value(userIdentity.sessionContext.sessionIssuer.arn) AS role_arn,
        max(userIdentity.onBehalfOf.identityStoreArn || '/' || userIdentity.onBehalfOf.userId) AS on_behalf_of,
        count(*) AS event_count,
        count(errorCode) AS failed_count,
        min(event_at) AS first_event_at,
        max(event_at) AS last_event_at
    FROM portion
    WHERE userIdentity.type = 'AssumedRole'
    GROUP BY ALL
) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
"""
# A service's issuance may lack who the role became: the role's id is then known from another of its sessions.
_SESSIONS = """
CREATE OR REPLACE TEMP TABLE usage AS
SELECT principal_id, created_at, access_key_id, any_value(role_arn) AS role_arn, max(on_behalf_of) AS on_behalf_of,
    sum(event_count) AS event_count, sum(failed_count) AS failed_count,
    min(first_event_at) AS first_event_at, max(last_event_at) AS last_event_at
FROM read_parquet('{target}/usage/*.parquet') GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE issuances AS
WITH told AS (
    SELECT action_id, unnest(arg_min(issuance, CASE WHEN issuance.caller_type = 'AWSAccount' THEN 1 ELSE 0 END))
    FROM read_parquet('{target}/issuances/*.parquet') GROUP BY action_id
), roles AS (
    SELECT role_arn, any_value(split_part(principal_id, ':', 1)) AS role_id
    FROM (SELECT role_arn, principal_id FROM usage UNION ALL SELECT role_arn, principal_id FROM told WHERE principal_id IS NOT NULL)
    GROUP BY role_arn
), named AS (
    SELECT told.* REPLACE (coalesce(principal_id, role_id || ':' || session_name, role_arn || ':' || session_name) AS principal_id)
    FROM told LEFT JOIN roles USING (role_arn)
)
SELECT *, count(*) OVER (PARTITION BY principal_id, issued_at) > 1 AS has_twin,
    principal_id || '@' || epoch(issued_at)::BIGINT || CASE WHEN has_twin THEN '#' || access_key_id ELSE '' END AS session_id
FROM named;

CREATE OR REPLACE TEMP TABLE aliases AS
WITH by_key AS (
    SELECT principal_id, access_key_id, arg_max(session_id, issued_at) AS session_id FROM issuances GROUP BY ALL
), by_echo AS (
    SELECT principal_id, issued_at AS created_at, min(session_id) AS session_id FROM issuances GROUP BY ALL
)
SELECT usage.*, coalesce(by_key.session_id, by_echo.session_id) AS issued_session_id,
    coalesce(issued_session_id, principal_id || '@' || coalesce(epoch(created_at)::BIGINT::VARCHAR, access_key_id)) AS session_id
FROM usage LEFT JOIN by_key USING (principal_id, access_key_id) LEFT JOIN by_echo USING (principal_id, created_at);

CREATE OR REPLACE TEMP TABLE sessions AS
WITH used AS (
    SELECT session_id, any_value(principal_id) AS principal_id, min(created_at) AS created_at, any_value(role_arn) AS role_arn,
        max(on_behalf_of) AS on_behalf_of, sum(event_count)::BIGINT AS event_count, sum(failed_count)::BIGINT AS failed_count,
        min(first_event_at) AS first_event_at, max(last_event_at) AS last_event_at, list(access_key_id) AS access_key_ids
    FROM aliases GROUP BY session_id
), callers AS (
    SELECT principal_id, created_at, access_key_id, min(session_id) AS parent_session_id FROM aliases GROUP BY ALL
)
SELECT
    coalesce(issuances.session_id, used.session_id) AS session_id,
    coalesce(issuances.principal_id, used.principal_id) AS principal_id,
    coalesce(issuances.issued_at, used.created_at) AS started_at,
    coalesce(issuances.role_arn, used.role_arn) AS role_arn,
    coalesce(event_count, 0) AS event_count, coalesce(failed_count, 0) AS failed_count, first_event_at, last_event_at,
    list_distinct(list_append(coalesce(access_key_ids, []), issuances.access_key_id)) AS access_key_ids,
    CASE WHEN caller_type = 'AssumedRole' THEN parent_session_id END AS parent_session_id,
    CASE
        WHEN on_behalf_of IS NOT NULL THEN 'IdentityCenterUser'
        WHEN caller_type = 'SAMLUser' THEN 'FederatedUser'
        WHEN caller_type = 'AWSAccount' THEN 'ExternalPrincipal'
        WHEN caller_type = 'AWSService' AND session_name LIKE 'i-%' THEN 'EC2Instance'
        WHEN caller_type = 'AWSService' AND caller_service = 'lambda.amazonaws.com' THEN 'LambdaFunction'
        WHEN caller_type = 'AssumedRole' OR caller_type IS NULL THEN 'Unknown'
        ELSE caller_type
    END AS root_type,
    CASE
        WHEN on_behalf_of IS NOT NULL THEN on_behalf_of
        WHEN caller_type = 'SAMLUser' THEN caller_provider || ':' || caller_name
        WHEN caller_type IN ('IAMUser', 'Root') THEN caller_arn
        WHEN caller_type = 'AWSService' AND (session_name LIKE 'i-%' OR caller_service = 'lambda.amazonaws.com') THEN session_name
        WHEN caller_type = 'AWSService' THEN caller_service
        WHEN caller_type IN ('WebIdentityUser', 'AWSAccount') THEN caller_id
    END AS root_id
FROM issuances FULL JOIN used ON issuances.session_id = used.session_id
LEFT JOIN callers ON caller_id = callers.principal_id AND caller_created_at = callers.created_at AND caller_key_id = callers.access_key_id;

COPY (
    WITH RECURSIVE closure AS (
        SELECT session_id, root_type, root_id, [role_arn] AS chain FROM sessions WHERE parent_session_id IS NULL
        UNION ALL
        SELECT child.session_id, closure.root_type, closure.root_id, list_append(closure.chain, child.role_arn)
        FROM sessions AS child JOIN closure ON child.parent_session_id = closure.session_id
    )
    SELECT sessions.* EXCLUDE (root_type, root_id), closure.root_type, closure.root_id, closure.chain, len(closure.chain) AS chain_depth
    FROM sessions LEFT JOIN closure USING (session_id)
) TO '{target}/sessions.parquet' (FORMAT parquet, COMPRESSION zstd);
"""


def add_portion(database: duckdb.DuckDBPyConnection, target: Path, number: int) -> None:
    """Add what the table `portion` has of issuances and of usage to those below `target`."""
    for name, statement in (("issuances", _ISSUANCES), ("usage", _USAGE)):
        (target / name).mkdir(parents=True, exist_ok=True)
        database.execute(statement.replace("{target}", quoted(target / name / f"part-{number:05}.parquet")))


def build_sessions(database: duckdb.DuckDBPyConnection, target: Path) -> int:
    """Make all sessions from all issuances and usage, with their roots and chains; return how many there are."""
    database.execute(_SESSIONS.replace("{target}", quoted(target)))
    [(found,)] = database.sql("SELECT count(*) FROM sessions").fetchall()
    return int(found)
