"""Every column of the lake, once. The same name means the same thing in every table.

Suffixes give kind and unit: `_at` a UTC timestamp, `_date` a UTC date, `_id` an identifier, `_arn` an ARN, `_count` a number
of rows or calls, `is_` a truth value. Null means unknown; there is no "", "-" or "UNKNOWN".
"""

from __future__ import annotations

from dataclasses import replace

from expectations.contract import Column

PRINCIPAL_TYPES = (
    "IAMUser",
    "Root",
    "FederatedUser",
    "WebIdentityUser",
    "IdentityCenterUser",
    "AssumedRole",
    "AWSService",
    "EC2Instance",
    "LambdaFunction",
    "ECSTask",
    "EKSServiceAccount",
    "ManagedInstance",
    "ExternalPrincipal",
    "Role",
    "Unknown",
)
OUTCOMES = ("success", "denied", "throttled", "dry_run", "failed")
STATUSES = ("ingested", "rejected", "skipped")
ATTRIBUTION_STATUSES = ("resolved", "ambiguous", "unresolved")
ATTRIBUTION_REASONS = (
    "BEFORE_WINDOW",
    "NO_ACCOUNT",
    "DATA_EVENT",
    "GAP",
    "AMBIGUOUS",
    "PENDING",
    "NO_ISSUANCE",
    "CLAIM_ONLY",
)
PRINCIPAL_KINDS = ("account", "role", "role_session", "iam_user", "federated_user", "root")
DIMENSIONS = ("api", "source_ip", "country", "city", "asn", "user_agent", "access_key", "assumed_role")
LOG_STATUSES = ("OK", "NODATA", "SKIPDATA")
FLOW_ACTIONS = ("ACCEPT", "REJECT")
FLOW_DIRECTIONS = ("ingress", "egress")
INTERFACE_CHANGES = ("created", "attached", "detached", "deleted", "terminated")
SEVERITIES = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")

TAGS = "array<struct<key:string,value:string>>"
PRINCIPALS = "array<struct<type:string,id:string,name:string,account_id:string>>"
TRAIL_CHANGE = (
    "struct<event_id:string,event_at:timestamp,account_id:string,region:string,trail_name:string,event_name:string,"
    "logs_reads:boolean,logs_writes:boolean>"
)
TRAIL_CHANGES = f"array<{TRAIL_CHANGE}>"

_TEXT = {
    # events
    "event_id": "CloudTrail's id of the event; `sha256:` of the record where an old one has none",
    "action_id": "One per action: the shared event id of a management event's copies in several accounts, else the event id",
    "shared_event_id": "CloudTrail's sharedEventID: the same in every account that got a copy",
    "recipient_account_id": "Account whose trail delivered the event",
    "region": "AWS region",
    "event_source": "Service that was called, as a host name: iam.amazonaws.com",
    "event_name": "API or event name",
    "event_type": "AwsApiCall, AwsServiceEvent, AwsConsoleSignIn, AwsConsoleAction, …",
    "event_category": "Management, Data, NetworkActivity or Insight; Management where an old record does not say",
    "event_version": "Version of the record's format",
    "request_id": "Request id that the service gave the call",
    "outcome": "success, denied, throttled, dry_run (would have succeeded) or failed",
    "error_code": "AWS error code",
    "error_message": "AWS error message, without secrets",
    "source_ip": "IPv4 or IPv6 address of the caller",
    "source_host": "What stood in place of the address: a service's host name, `AWS Internal`",
    "user_agent": "User agent as sent: chosen by the caller, never evidence of who it was",
    "user_agent_family": "Product and major version of the user agent: aws-cli/2, Boto3/1, Chrome/126",
    "vpc_endpoint_id": "VPC endpoint the call came through",
    "identity_type": "userIdentity.type; null for a service's own event",
    "identity_arn": "userIdentity.arn (an assumed-role ARN lacks the role's path)",
    "identity_account_id": "userIdentity.accountId: the caller's account",
    "identity_user_name": "userIdentity.userName",
    "identity_provider": "userIdentity.identityProvider of a federated caller",
    "on_behalf_of": "Identity Center user behind the call: `<identityStoreArn>/<userId>`",
    "sign_in_session_arn": "sessionContext.signInSessionArn",
    "session_issuer_arn": "User whose credentials a federated user has: sessionContext.sessionIssuer.arn of type IAMUser or Root",
    "in_scope_of": "sessionContext.inScopeOf as JSON: the workload that the credentials were issued to",
    "issued_permission_set": "Identity Center permission set that credentials were fetched for",
    "external_caller_id": "Principal id of the caller, where only the role owner's copy of the issuing call is here",
    "ec2_role_delivery": "Version of the instance metadata service that gave out the credentials: 1.0, 2.0",
    "role_session_id": "`<role id>:<session name>`, as Amazon Detective identifies a role session",
    "session_name": "Role session name: chosen by the caller",
    "role_id": "Unique id of the role, AROA…",
    "role_arn": "ARN of the role, with its path",
    "role_name": "Name of the role, without its path",
    "source_identity": "sts:SourceIdentity: set by the first caller and kept through a chain",
    "invoked_by": "Service that made the call on the principal's behalf",
    "country_code": "ISO 3166-1 alpha-2 country of the source address",
    "city": "City of the source address",
    "aso": "Organization that announces the source address",
    "request_parameters": "Request parameters as JSON, without secrets",
    "response_elements": "Response elements as JSON, without secrets",
    "additional_event_data": "Additional event data as JSON, without secrets",
    "service_event_details": "Details of a service's own event as JSON, without secrets",
    "resources": "Resources of the event as JSON",
    "addendum_event_id": "Event id of the addendum that corrected this event (of several the last), or that stands for a missing one",
    "addendum": "Addendum field as JSON, of the record or of the addendum that was laid over it",
    "source_uri": "Object the record was read from; the smallest of several equal copies",
    "source_etag": "ETag of that object",
    "body_sha256": "SHA-256 of the record with sorted keys: equal copies share it",
    # files
    "uri": "Address of the object",
    "etag": "Version of the object; of a local file its size and modification time",
    "source": "cloudtrail, cloudtrail-digest, guardduty, vpcflowlogs, or what else was found: cloudtrail-insight, …",
    "status": "ingested, rejected (unreadable) or skipped (not for us)",
    "batch_id": "Run that read it",
    "prefix": "Address of the part of the source, with a slash at its end",
    "reason": "Why, in words",
    "sha256": "SHA-256 of the record as it stood",
    "excerpt": "First part of the record, at most 1 kB, without secrets",
    # digests
    "trail_name": "Name of the trail",
    "home_region": "Region in which the trail was made, and can be changed",
    "object_key": "Key of the object in its bucket, from `AWSLogs/` on",
    "content_sha256": "SHA-256 of the object's uncompressed bytes: what the next digest names",
    "previous_object_key": "Key of the digest before, as this one names it; null if it says that it is the first",
    "previous_sha256": "SHA-256 of the digest before, as this one names it",
    # findings
    "finding_id": "GuardDuty finding id",
    "type": "Kind",
    "title": "Title that GuardDuty gave",
    "severity_label": "Low, Medium, High or Critical",
    "account_id": "AWS account",
    "access_key_id": "Access key id (not a secret)",
    "principal_id": "AWS unique id: AIDA…, AROA…:session, an account id for root",
    "user_name": "User name; for a role session the role's name",
    "user_type": "Type of the principal, as CloudTrail names it",
    "action_type": "AWS_API_CALL, NETWORK_CONNECTION, …",
    "remote_ip": "Remote address of the action",
    "document": "Whole document as JSON",
    # sessions
    "credential_session_id": "Hash of principal, start and, where several issuances share both, the access key",
    "principal_type": "IAMUser, Root, AssumedRole, FederatedUser: whose credentials these are",
    "issuing_api": "API that issued the credentials; null if never seen",
    "assumed_by_type": "Type of the immediate assumer",
    "assumed_by_id": "Immediate assumer: role session id, ARN, host name, federated user",
    "assumed_by_name": "Name of the immediate assumer",
    "assumed_by_account_id": "Account of the immediate assumer; null for a federated user",
    "parent_session_id": "Credential session that the issuing call was made with",
    "root_type": "Type of the principal at the start of the chain",
    "root_id": "Principal at the start of the chain",
    "root_name": "Its name",
    "root_account_id": "Its account; null for a federated user",
    "top_session_id": "First credential session of the chain, as far as it is known; its own id at the start",
    "attribution_method": "How the credentials were bound to their issuing (SEMANTICS §9)",
    "attribution_status": "Of the root: resolved, ambiguous or unresolved",
    "attribution_reason": "Why there is no resolved root",
    "child_session_id": "Credential session that was issued",
    "child_role_arn": "Role of the issued session",
    "child_account_id": "Account of the issued session",
    "parent_type": "Type of what issued it",
    "parent_id": "What issued it: role session id, ARN, host name, federated user",
    "parent_role_arn": "Role of the issuing session",
    "parent_account_id": "Account of what issued it",
    "method": "How this edge is known",
    "caller_principal_id": "Principal id of the issuing call",
    "caller_access_key_id": "Access key of the issuing call",
    "caller_invoked_by": "Service through which the issuing call was made",
    "caller_recipient_account_id": "Account whose trail holds the caller's copy",
    "caller_identity_type": "userIdentity.type of the issuing call",
    "caller_role_arn": "Role of the caller, where it is a role session",
    "issued_principal_id": "Principal id of the issued credentials, where the response names it",
    "issued_access_key_id": "Access key id that was issued",
    "issued_session_name": "Session name that was asked for",
    "issued_role_arn": "Role that was asked for",
    "issued_role_account_id": "Account of the issued credentials",
    # rollups
    "principal_kind": "account, role, role_session, iam_user, federated_user or root (the attributed origin, across roles)",
    "dimension": "What is counted: api, source_ip, country, city, asn, user_agent, access_key, assumed_role",
    "value": "Value of the dimension",
    "api": "Service and call: iam.amazonaws.com:AttachRolePolicy",
    # flows
    "interface_id": "Network interface, eni-…",
    "instance_id": "EC2 instance, i-…",
    "destination_ip": "Address the packets went to",
    "action": "Whether security groups and network ACLs let the packets pass: ACCEPT or REJECT",
    "flow_direction": "As the interface sees it: ingress or egress; null in formats before version 5",
    "log_status": "OK; NODATA: no traffic in the window; SKIPDATA: records of the window were lost",
    "vpc_id": "VPC of the interface",
    "subnet_id": "Subnet of the interface",
    "packet_source_ip": "Source address in the packets themselves, where a gateway or a pod stands behind `source_ip`",
    "packet_destination_ip": "Destination address in the packets themselves",
    "source_aws_service": "AWS service whose range the packets came from: S3, AMAZON, …",
    "destination_aws_service": "AWS service whose range the packets went to",
    "change": "created, attached (to the instance), detached, deleted; or terminated (the instance)",
    "attachment_id": "Attachment of the interface, eni-attach-…",
    "private_ip": "Primary private address of the interface",
    "stopped_by": "Event id of what stopped the logging; of several, the first",
    # investigations
    "investigation_id": "Hash of entity, scope, finding and the finding's version",
    "entity_kind": "What was investigated: role_session, role, iam_user, …",
    "entity_id": "Its identifier",
    "entity": "Whose behaviour the indicator is about",
    "who": "Who was behind it, in words",
    "what_else": "What else they did, in words",
    "consistency": "Whether it is like them, in words",
    "gaps": "What the logs cannot show, in words",
    "severity": "INFORMATIONAL, LOW, MEDIUM, HIGH or CRITICAL",
    "report_uri": "Where the report is",
    "mitre_tactic": "MITRE ATT&CK tactic",
    "mitre_technique": "MITRE ATT&CK technique",
}
_TIMES = {
    "event_at": "When it happened",
    "session_created_at": "sessionContext creationDate: when the credentials were made",
    "min_event_at": "Earliest event of the object",
    "max_event_at": "Latest event of the object",
    "ingested_at": "When it was read",
    "failed_at": "When that was found, the last time",
    "digest_started_at": "Start of the time whose delivered log files the digest lists",
    "digest_ended_at": "End of that time",
    "created_at": "When the finding was created",
    "updated_at": "When this version of the finding was made",
    "first_seen_at": "First time it was seen",
    "last_seen_at": "Last time it was seen",
    "first_event_at": "First event",
    "last_event_at": "Last event",
    "started_at": "Start: when issued, else the creation date that its events carry",
    "expires_at": "When the credentials expire: as the response says, else start and life, where that is certain",
    "child_started_at": "Start of the issued session",
    "parent_started_at": "Start of the parent session",
    "first_observed_at": "First time the role session was issued or used",
    "last_observed_at": "Last time the role session was issued or used",
    "first_at": "First time",
    "last_at": "Last time",
    "hour_at": "Start of the hour",
    "issued_at": "Time of the issuing call",
    "caller_session_created_at": "Creation date of the credentials that made the issuing call",
    "finding_updated_at": "Version of the finding",
    "scope_start_at": "Start of the scope time, on a whole hour",
    "scope_end_at": "End of the scope time, on a whole hour, not included",
    "logs_complete_to_at": "Up to when the logs of the accounts concerned are in the lake",
    "start_at": "Start of the flow record's window",
    "end_at": "End of the flow record's window",
}
_DATES = {
    "event_date": "Day of the event",
    "publish_date": "Day in the object's path: when it was published",
    "unread_from_date": "First publish day that is still to be read",
    "unread_to_date": "Last publish day that is still to be read",
    "updated_date": "Day of the finding's version",
    "started_date": "Day of the start",
    "child_started_date": "Day of the issued session's start",
    "activity_date": "Day of the activity",
    "hour_date": "Day of the hour",
    "month_date": "First day of the month",
    "issued_date": "Day of the issuing call",
    "coverage_date": "Day the hours belong to",
    "digest_date": "Day of the digest's end",
    "flow_date": "Day of the flow record's start",
}
_NUMBERS = {
    "record_index": ("bigint", "Position of the record in its object, from 0; -1 for the object as a whole"),
    "record_count": ("bigint", "Records in the object"),
    "rejected_count": ("bigint", "Records of it that could not be read"),
    "count": ("bigint", "How often GuardDuty saw it"),
    "event_count": ("bigint", "Events made with these credentials, forward-access calls included, one per action"),
    "forward_access_count": ("bigint", "Events of these that a service made on the principal's behalf"),
    "failed_count": ("bigint", "Calls that failed: neither success nor dry run"),
    "success_count": ("bigint", "Calls that succeeded, or would have (dry run)"),
    "denied_count": ("bigint", "Tries that were denied"),
    "call_count": ("bigint", "Calls, successful and failed"),
    "credential_session_count": ("bigint", "Credential sessions under this role session"),
    "file_count": ("bigint", "Objects delivered: published below that day's path"),
    "log_file_count": ("bigint", "Log files that the digest lists"),
    "asn": ("bigint", "Autonomous system number of the source address"),
    "packets": ("bigint", "Packets"),
    "bytes": ("bigint", "Bytes"),
    "chain_depth": ("int", "Role sessions from the root to this one, included; 0 for a user's own session"),
    "active_days": ("int", "Days of the month with a call"),
    "source_port": ("int", "Port the packets came from"),
    "destination_port": ("int", "Port the packets went to"),
    "protocol": ("int", "IANA protocol number"),
    "tcp_flags": ("int", "TCP flags of the window's packets, joined by OR"),
    "traffic_path": ("int", "Path that egress traffic takes, as AWS numbers them: 8 is the internet gateway"),
    "latitude": ("double", "Latitude of the source address, degrees, WGS 84"),
    "longitude": ("double", "Longitude of the source address, degrees, WGS 84"),
    "attribution_confidence": ("double", "Least confidence along the chain, 0 to 1; below 0.80 nothing is resolved"),
    "binding_confidence": ("double", "Confidence that these credentials were issued by that call, 0 to 1"),
    "confidence": ("double", "Confidence in this edge, 0 to 1"),
    "score": ("double", "Points of all indicators"),
}
_TRUTHS = {
    "read_only": "Whether the call only reads, as CloudTrail says",
    "mfa_authenticated": "Whether the session was made with MFA",
    "credential_from_console": "sessionCredentialFromConsole: the console's own per-request credentials",
    "assumed_root": "sessionContext.assumedRoot: a session of AssumeRoot, not the root user's own",
    "is_link": "Whether the call is one half of a pair: the credentials come from another call, or from none that is logged",
    "has_role_loop": "Whether a role comes twice in the chain",
    "has_misleading_name": "Whether the session is named like a workload, but was assumed by something else",
    "is_chained": "Whether the immediate assumer is a role session",
    "is_chain": "Whether the parent is a role session",
    "is_cross_account": "Whether assumer and session are in different accounts",
    "used_after_expiry": "Whether an event is more than five minutes later than the expiry",
    "is_backfill": "Whether it lists log files that a digest before left out; such a one is no link of the chain",
    "is_asked": "Whether somebody asked for this profile",
    "is_new_for_account": "Whether it is new for the whole account, not only for the principal",
}
_LISTS = {
    "access_key_ids": ("array<string>", "Access keys issued or seen in use"),
    "issuing_event_ids": ("array<string>", "Event ids of every copy of the issuing call"),
    "beside_finding_ids": ("array<string>", "Findings beside whose report this profile stands, over the same scope"),
    "evidence_event_ids": ("array<string>", "Event ids that show it"),
    "chain": ("array<string>", "Role ARNs from the root side to this session, included"),
    "session_tags": (
        TAGS,
        "Session tags, by key: those that the issuing call sets, and those that came with its caller",
    ),
    "candidates": (PRINCIPALS, "Possible assumers of an ambiguous session, or what an unresolved one claims"),
    "doubts": ("array<string>", "What does not fit together in its records, in words; each lowers the confidence"),
    "assumed_by": (PRINCIPALS, "Immediate assumers"),
    "roots": (PRINCIPALS, "Principals at the start of its chains"),
    "assumed_roles": ("array<string>", "ARNs of the roles that were assumed from it"),
    "event_hours": ("array<int>", "Hours (0-23, UTC) with events"),
    "gap_hours": ("array<int>", "Hours (0-23, UTC) that the logs do not cover: those of the next three columns"),
    "stopped_hours": ("array<int>", "Hours (0-23, UTC) in which logging was stopped"),
    "unlinked_hours": ("array<int>", "Hours (0-23, UTC) in which the chain of digests is broken"),
    "silent_hours": (
        "array<int>",
        "Hours (0-23, UTC) without event and digest, where nine in ten of the 14 days before had events",
    ),
    "hourly_reads": ("array<timestamp>", "Last read-only management event of every hour that has one, UTC"),
    "hourly_writes": ("array<timestamp>", "Last other management event of every hour that has one, UTC"),
    "trail_changes": (TRAIL_CHANGES, "Successful calls of the day after which a trail logs less, or more; by event id"),
    "open_stops": (TRAIL_CHANGES, "Those of them that still stopped logging here when the day ended"),
}

COLUMNS: dict[str, Column] = {
    **{name: Column(name, "string", comment) for name, comment in _TEXT.items()},
    **{name: Column(name, "timestamp", f"{comment}, UTC") for name, comment in _TIMES.items()},
    **{name: Column(name, "date", f"{comment}, UTC") for name, comment in _DATES.items()},
    **{name: Column(name, type_, comment) for name, (type_, comment) in (_NUMBERS | _LISTS).items()},
    **{name: Column(name, "boolean", comment) for name, comment in _TRUTHS.items()},
}

_VALUES = {
    "outcome": OUTCOMES,
    "attribution_status": ATTRIBUTION_STATUSES,
    "attribution_reason": ATTRIBUTION_REASONS,
    "assumed_by_type": PRINCIPAL_TYPES,
    "root_type": PRINCIPAL_TYPES,
    "parent_type": PRINCIPAL_TYPES,
    "principal_kind": PRINCIPAL_KINDS,
    "dimension": DIMENSIONS,
    "status": STATUSES,
    "log_status": LOG_STATUSES,
    "action": FLOW_ACTIONS,
    "flow_direction": FLOW_DIRECTIONS,
    "change": INTERFACE_CHANGES,
}


def columns(names: str, *, required: str = "", **types: str) -> tuple[Column, ...]:
    """Return the columns of a table, by name, in order.

    Args:
        names: column names, separated by white space.
        required: those of them that are never null.
        types: another type for one of them, where a name has to serve twice (`severity` of a finding is a number).

    Raises:
        KeyError: a name has no definition.
    """
    never_null = set(required.split())
    unknown = never_null - set(names.split())
    if unknown:
        raise KeyError(f"required, but not a column: {sorted(unknown)}")
    return tuple(
        replace(
            COLUMNS[name],
            type=types.get(name, COLUMNS[name].type),
            required=name in never_null,
            values=_VALUES.get(name, ()),
        )
        for name in names.split()
    )
