"""Gold: what analysts ask for: role sessions, who assumes what, activity, baselines, investigations."""

from __future__ import annotations

from expectations.columns import SEVERITIES, columns
from expectations.contract import Table

_SEVERITIES = ", ".join(f"'{severity}'" for severity in SEVERITIES)

ROLE_SESSIONS = Table(
    name="role_sessions",
    comment="One row per roleId:sessionName, as Detective shows it.",
    key=("role_session_id",),
    columns=columns(
        """role_session_id role_id role_arn role_name session_name account_id first_observed_at last_observed_at
        credential_session_count event_count failed_count assumed_by roots assumed_roles""",
        required="role_session_id credential_session_count event_count failed_count assumed_by roots assumed_roles",
    ),
    rules={"last_is_not_before_first": "last_observed_at >= first_observed_at"},
)

ROLE_ASSUMPTIONS = Table(
    name="role_assumptions",
    comment="Who assumes which role.",
    key=("role_arn", "assumed_by_type", "assumed_by_id"),
    columns=columns(
        """role_arn assumed_by_type assumed_by_id assumed_by_name assumed_by_account_id first_at last_at success_count
        denied_count is_cross_account""",
        required="role_arn assumed_by_type first_at last_at success_count denied_count",
    ),
    rules={
        "last_is_not_before_first": "last_at >= first_at",
        "something_happened": "success_count + denied_count > 0",
    },
)

PRINCIPAL_ACTIVITY_DAILY = Table(
    name="principal_activity_daily",
    comment="Calls of a principal in a day, by one dimension's value.",
    key=("activity_date", "principal_kind", "principal_id", "dimension", "value"),
    partitioned_by="activity_date",
    columns=columns(
        "activity_date principal_kind principal_id dimension value success_count failed_count first_at last_at",
        required="activity_date principal_kind principal_id dimension value success_count failed_count first_at last_at",
    ),
    rules={
        "times_are_of_the_day": "CAST(first_at AS DATE) = activity_date AND CAST(last_at AS DATE) = activity_date",
        "last_is_not_before_first": "last_at >= first_at",
        "something_happened": "success_count + failed_count > 0",
    },
)

API_CALL_VOLUME_HOURLY = Table(
    name="api_call_volume_hourly",
    comment="Calls of a principal in an hour, by API.",
    key=("hour_at", "principal_kind", "principal_id", "api"),
    partitioned_by="hour_date",
    columns=columns(
        "hour_at hour_date principal_kind principal_id api success_count failed_count",
        required="hour_at hour_date principal_kind principal_id api success_count failed_count",
    ),
    rules={
        "hour_is_whole": "hour_at = date_trunc('HOUR', hour_at) AND hour_date = CAST(hour_at AS DATE)",
        "something_happened": "success_count + failed_count > 0",
    },
)

PRINCIPAL_BASELINES = Table(
    name="principal_baselines",
    comment="What a principal did in a month, by one dimension's value; whole history is the sum of the months.",
    key=("month_date", "principal_kind", "principal_id", "dimension", "value"),
    partitioned_by="month_date",
    columns=columns(
        """month_date principal_kind principal_id dimension value first_seen_at last_seen_at active_days call_count
        failed_count""",
        required="""month_date principal_kind principal_id dimension value first_seen_at last_seen_at active_days call_count
        failed_count""",
    ),
    rules={
        "month_begins_on_its_first": "date_part('day', month_date) = 1",
        "last_is_not_before_first": "last_seen_at >= first_seen_at",
        "failed_is_part_of_all": "failed_count BETWEEN 0 AND call_count",
        "days_are_of_a_month": "active_days BETWEEN 1 AND 31",
    },
)

INVESTIGATIONS = Table(
    name="investigations",
    comment="One row per investigation: an entity or finding, and a scope.",
    key=("investigation_id",),
    columns=columns(
        """investigation_id entity_kind entity_id finding_id finding_updated_at scope_start_at scope_end_at logs_complete_to_at
        who what_else consistency gaps severity score document report_uri is_asked beside_finding_ids""",
        required="investigation_id entity_kind scope_start_at scope_end_at who what_else consistency gaps severity score document",
    ),
    rules={
        "scope_is_whole_hours": (
            "scope_start_at = date_trunc('HOUR', scope_start_at) AND scope_end_at = date_trunc('HOUR', scope_end_at)"
        ),
        "scope_is_at_least_an_hour": "scope_end_at >= scope_start_at + INTERVAL 1 HOUR",
        "severity_is_known": f"severity IN ({_SEVERITIES})",
    },
    bookkeeping=("report_uri",),
)

INVESTIGATION_INDICATORS = Table(
    name="investigation_indicators",
    comment="One row per indicator of an investigation.",
    key=("investigation_id", "type", "entity", "value"),
    columns=columns(
        """investigation_id finding_id type severity entity value is_new_for_account mitre_tactic mitre_technique
        evidence_event_ids reason""",
        required="investigation_id type severity entity value reason",
    ),
    rules={"severity_is_known": f"severity IN ({_SEVERITIES})"},
)
