"""Silver: what happened between the events: credentials issued, used, and chained from session to session; and what is missing."""

from __future__ import annotations

from expectations.columns import columns
from expectations.contract import Table

CREDENTIAL_ISSUANCES = Table(
    name="credential_issuances",
    comment="One row per call that issued temporary credentials, or was refused them; the copies of several accounts are one.",
    key=("action_id",),
    partitioned_by="issued_date",
    columns=columns(
        """action_id issued_at issued_date issuing_api event_source outcome issued_principal_id issued_session_name
        issued_access_key_id issued_role_arn issued_role_account_id expires_at source_identity session_tags
        assumed_by_type assumed_by_id assumed_by_name assumed_by_account_id
        caller_principal_id caller_session_created_at caller_access_key_id caller_invoked_by caller_recipient_account_id
        caller_role_arn caller_identity_type issuing_event_ids is_link issued_permission_set""",
        required="action_id issued_at issued_date issuing_api event_source outcome assumed_by_type issuing_event_ids is_link",
    ),
    rules={"date_is_the_day_of_the_call": "issued_date = CAST(issued_at AS DATE)"},
)

SESSION_USAGE = Table(
    name="session_usage",
    comment=(
        "Which credential session made which events: one row per day and identity tuple. The join between events and sessions."
    ),
    key=(
        "event_date",
        "principal_id",
        "session_created_at",
        "access_key_id",
        "invoked_by",
        "recipient_account_id",
    ),
    partitioned_by="event_date",
    columns=columns(
        """event_date identity_type principal_id session_created_at access_key_id invoked_by recipient_account_id
        credential_session_id first_event_at last_event_at event_count failed_count
        identity_arn identity_account_id role_arn source_identity mfa_authenticated credential_from_console
        assumed_root on_behalf_of sign_in_session_arn in_scope_of session_issuer_arn""",
        required="event_date recipient_account_id first_event_at last_event_at event_count failed_count",
    ),
    rules={
        "last_is_not_before_first": "last_event_at >= first_event_at",
        "failed_is_part_of_all": "failed_count BETWEEN 0 AND event_count",
    },
)

CREDENTIAL_SESSIONS = Table(
    name="credential_sessions",
    comment="One row per set of temporary credentials, issued or only seen in use.",
    key=("credential_session_id",),
    partitioned_by="started_date",
    columns=columns(
        """credential_session_id role_session_id principal_type principal_id role_id role_arn role_name session_name account_id
        started_at started_date expires_at first_event_at last_event_at event_count failed_count access_key_ids issuing_api
        issuing_event_ids assumed_by_type assumed_by_id assumed_by_name assumed_by_account_id parent_session_id root_type
        root_id root_name root_account_id chain_depth chain is_chained is_cross_account attribution_method
        attribution_confidence attribution_status attribution_reason candidates source_identity mfa_authenticated
        used_after_expiry binding_confidence parent_started_at top_session_id
        on_behalf_of sign_in_session_arn external_caller_id forward_access_count has_role_loop
        has_misleading_name doubts session_tags""",
        required="""credential_session_id principal_type event_count failed_count forward_access_count root_type chain_depth is_chained
        attribution_confidence attribution_status top_session_id has_role_loop has_misleading_name doubts""",
    ),
    rules={
        "date_is_the_day_of_the_start": "started_date <=> CAST(started_at AS DATE)",
        "confidence_is_a_share": "attribution_confidence BETWEEN 0 AND 1",
        "resolved_means_a_root": "attribution_status <> 'resolved' OR (root_id IS NOT NULL AND attribution_confidence >= 0.8)",
        "unresolved_says_why": "attribution_status = 'resolved' OR attribution_reason IS NOT NULL",
        "not_its_own_parent": "parent_session_id IS NULL OR parent_session_id <> credential_session_id",
    },
)

CHAIN_EDGES = Table(
    name="chain_edges",
    comment="One row per credential session and what issued it.",
    key=("child_session_id",),
    partitioned_by="child_started_date",
    columns=columns(
        """child_session_id child_role_arn child_account_id child_started_at child_started_date parent_type parent_session_id
        parent_id parent_role_arn parent_account_id is_chain is_cross_account method confidence evidence_event_ids""",
        required="child_session_id parent_type is_chain method confidence evidence_event_ids",
    ),
    rules={
        "confidence_is_a_share": "confidence BETWEEN 0 AND 1",
        "a_chain_has_a_role_session_as_parent": "NOT is_chain OR parent_type = 'AssumedRole'",
    },
)

LOG_COVERAGE = Table(
    name="log_coverage",
    comment="Which hours of an account and region the logs cover.",
    key=("coverage_date", "account_id", "region"),
    partitioned_by="coverage_date",
    columns=columns(
        """coverage_date account_id region event_hours gap_hours file_count stopped_by stopped_hours unlinked_hours silent_hours
        hourly_reads hourly_writes trail_changes open_stops""",
        required="""coverage_date account_id event_hours gap_hours file_count stopped_hours unlinked_hours silent_hours
        hourly_reads hourly_writes trail_changes open_stops""",
    ),
    rules={
        "hours_with_events_are_of_a_day": "array_min(event_hours) >= 0 AND array_max(event_hours) <= 23",
        "gaps_are_hours_of_a_day": "array_min(gap_hours) >= 0 AND array_max(gap_hours) <= 23",
        "what_stopped_it_is_named": "(stopped_by IS NULL) = (cardinality(stopped_hours) = 0)",
    },
)

INTERFACE_CHANGES = Table(
    name="interface_changes",
    comment="One row per network interface that a call made, attached, detached or deleted, and per instance that one terminated.",
    key=("event_date", "account_id", "event_id", "interface_id", "attachment_id", "instance_id"),
    partitioned_by="event_date",
    columns=columns(
        "event_date event_at account_id region event_id change interface_id instance_id attachment_id private_ip",
        required="event_date event_at account_id event_id change",
    ),
    rules={
        "date_is_the_day_of_the_event": "event_date = CAST(event_at AS DATE)",
        "an_attachment_has_both_ends": "change != 'attached' OR (interface_id IS NOT NULL AND instance_id IS NOT NULL)",
    },
)
