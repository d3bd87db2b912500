"""Bronze: what the logs say, once each, with the object it came from."""

from __future__ import annotations

from dataclasses import replace

from expectations.columns import columns
from expectations.contract import Table

CLOUDTRAIL_EVENTS = Table(
    name="cloudtrail_events",
    comment="One row per event and receiving account, with what CloudTrail's addenda correct laid over it.",
    # With the day: whether an id was there on any other day could only be known by looking through the whole history.
    key=("event_date", "recipient_account_id", "event_id"),
    partitioned_by="event_date",
    columns=columns(
        """event_id action_id shared_event_id event_at event_date recipient_account_id region event_source event_name event_type
        event_category read_only outcome error_code error_message source_ip source_host user_agent user_agent_family
        vpc_endpoint_id identity_type principal_id identity_arn identity_account_id access_key_id role_session_id session_name
        role_id role_arn session_created_at mfa_authenticated source_identity invoked_by country_code city latitude longitude
        asn aso request_parameters response_elements additional_event_data addendum_event_id source_uri
        identity_user_name identity_provider on_behalf_of sign_in_session_arn in_scope_of ec2_role_delivery
        credential_from_console assumed_root service_event_details resources request_id event_version addendum
        source_etag record_index body_sha256 session_issuer_arn""",
        required="""event_id action_id event_at event_date recipient_account_id event_source event_name event_category outcome
        source_uri source_etag record_index body_sha256""",
    ),
    rules={
        "date_is_the_day_of_the_event": "event_date = CAST(event_at AS DATE)",
        # Not RLIKE: DataFusion, through which delta-rs writes, has another name for it.
        "account_is_twelve_digits": "length(recipient_account_id) = 12 "
        "AND translate(recipient_account_id, '0123456789', '') = ''",
        "an_address_or_a_host": "source_ip IS NULL OR source_host IS NULL",
    },
    bookkeeping=("source_uri", "source_etag", "record_index"),
    z_order=("principal_id", "source_ip"),
)

CLOUDTRAIL_ADDENDA = Table(
    name="cloudtrail_addenda",
    comment="One row per record of an event that has an addendum: the original as it was delivered, and each addendum to it.",
    key=(*CLOUDTRAIL_EVENTS.key, "addendum_event_id"),
    partitioned_by=CLOUDTRAIL_EVENTS.partitioned_by,
    columns=tuple(
        replace(column, comment="Event id of the addendum; null for the original")
        if column.name == "addendum_event_id"
        else column
        for column in CLOUDTRAIL_EVENTS.columns
    ),
    rules=CLOUDTRAIL_EVENTS.rules,
    bookkeeping=CLOUDTRAIL_EVENTS.bookkeeping,
)

GUARDDUTY_FINDINGS = Table(
    name="guardduty_findings",
    comment="One row per version of a finding.",
    key=("finding_id", "updated_at"),
    partitioned_by="updated_date",
    columns=columns(
        """finding_id type title severity severity_label account_id region created_at updated_at updated_date first_seen_at
        last_seen_at count access_key_id principal_id user_name user_type action_type api remote_ip document
        source_uri source_etag record_index body_sha256""",
        required="finding_id type severity account_id updated_at updated_date first_seen_at last_seen_at document source_uri",
        severity="double",
    ),
    rules={
        "date_is_the_day_of_the_version": "updated_date = CAST(updated_at AS DATE)",
        "last_seen_is_not_before_first": "last_seen_at >= first_seen_at",
    },
    bookkeeping=("source_uri", "source_etag", "record_index"),
)

VPC_FLOWS = Table(
    name="vpc_flows",
    comment="One row per flow record, as it was delivered; windows without data or with lost data are rows too.",
    key=(
        "account_id",
        "interface_id",
        "start_at",
        "source_ip",
        "source_port",
        "destination_ip",
        "destination_port",
        "protocol",
        "action",
    ),
    partitioned_by="flow_date",
    columns=columns(
        """flow_date account_id region interface_id instance_id source_ip destination_ip source_port destination_port protocol
        packets bytes start_at end_at action flow_direction source_uri log_status vpc_id subnet_id tcp_flags packet_source_ip
        packet_destination_ip source_aws_service destination_aws_service traffic_path source_etag record_index""",
        required="flow_date start_at source_uri source_etag record_index",
    ),
    rules={
        "date_is_the_day_of_the_start": "flow_date = CAST(start_at AS DATE)",
        "end_is_not_before_start": "end_at >= start_at",
        "ports_are_ports": "(source_port IS NULL OR source_port BETWEEN 0 AND 65535) "
        "AND (destination_port IS NULL OR destination_port BETWEEN 0 AND 65535)",
        "no_flow_without_data": "log_status IS NULL OR log_status = 'OK' OR (source_ip IS NULL AND bytes IS NULL)",
    },
    bookkeeping=("source_uri", "source_etag", "record_index"),
)

LOG_DIGESTS = Table(
    name="log_digests",
    comment="One row per digest of delivered log files, and version of it.",
    # With the day, as for events; it follows from the content.
    key=("digest_date", "object_key", "content_sha256"),
    partitioned_by="digest_date",
    columns=columns(
        """digest_date account_id region trail_name home_region digest_started_at digest_ended_at is_backfill object_key
        content_sha256 previous_object_key previous_sha256 log_file_count source_uri source_etag record_index body_sha256""",
        required="""digest_date account_id region digest_started_at digest_ended_at is_backfill object_key content_sha256
        log_file_count source_uri source_etag record_index body_sha256""",
    ),
    rules={
        "date_is_the_day_of_the_end": "digest_date = CAST(digest_ended_at AS DATE)",
        "end_is_not_before_start": "digest_ended_at >= digest_started_at",
    },
    bookkeeping=("source_uri", "source_etag", "record_index"),
)

REJECTED_RECORDS = Table(
    name="rejected_records",
    comment="One row per record or object that could not be read.",
    key=("uri", "etag", "record_index"),
    columns=columns(
        "uri etag record_index reason sha256 excerpt",
        required="uri etag record_index reason",
    ),
    rules={"excerpt_is_at_most_1_kb": "excerpt IS NULL OR octet_length(excerpt) <= 1024"},
)

INGEST_FILES = Table(
    name="ingest_files",
    comment="One row per object version seen.",
    key=("uri", "etag"),
    columns=columns(
        """uri etag source account_id region publish_date status record_count rejected_count min_event_at max_event_at batch_id
        ingested_at reason""",
        required="uri etag source status record_count rejected_count batch_id ingested_at",
    ),
    rules={"rejected_is_part_of_all": "rejected_count <= greatest(record_count, 1)"},
    bookkeeping=("batch_id", "ingested_at"),
)

INGEST_FAILURES = Table(
    name="ingest_failures",
    comment="One row per part of a source that could not be read so far: each night tries it again, and the row goes when it is read.",
    key=("source", "prefix"),
    columns=columns(
        "source prefix account_id region unread_from_date unread_to_date reason batch_id failed_at",
        required="source prefix unread_from_date unread_to_date reason batch_id failed_at",
    ),
    rules={"end_is_not_before_start": "unread_to_date >= unread_from_date"},
    bookkeeping=("batch_id", "failed_at"),
)
