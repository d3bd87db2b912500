"""Calls that issue temporary credentials, or are refused them: one row per action, whoever got a copy of it.

Issuers are an explicit list of (source, name): "anything with credentials in its response" would let data-plane sessions
(s3express CreateSession) and, worse, attacker-shaped records in (SEMANTICS §2).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.tables import CREDENTIAL_ISSUANCES

STS, SIGN_IN = "sts.amazonaws.com", "signin.amazonaws.com"

ISSUING_CALLS: tuple[tuple[str, str], ...] = (
    (STS, "AssumeRole"),
    (STS, "AssumeRoleWithSAML"),
    (STS, "AssumeRoleWithWebIdentity"),
    (STS, "GetFederationToken"),
    (STS, "GetSessionToken"),
    (SIGN_IN, "ConsoleLogin"),
)

_REQUEST = "roleArn string, roleSessionName string, durationSeconds string, sourceIdentity string, name string"
_RESPONSE = (
    "credentials struct<accessKeyId: string, expiration: string>, assumedRoleUser struct<assumedRoleId: string>, "
    "federatedUser struct<federatedUserId: string>, ConsoleLogin string"
)

# `Jul 10, 2023, 6:30:22 PM`, `Sep 17, 2020 8:04:10 PM`; newer Javas put U+202F before AM and PM, hence the clean-up below.
_EXPIRATION_FORMATS = ("MMM d, yyyy, h:mm:ss a", "MMM d, yyyy h:mm:ss a")

_INSTANCE_NAME = r"^i-[0-9a-f]{8}([0-9a-f]{9})?$"
_ROLE_IN_MESSAGE = r"on resource: (arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+)"


def only_issuing(events: DataFrame) -> DataFrame:
    """Keep successful and denied calls of the list; a failed sign-in is nobody's session, and a malformed call no try.

    A role's sign-in to the console issues nothing: what it does there it does in the session it signed in with.
    """
    named = [(F.col("event_source") == source) & (F.col("event_name") == name) for source, name in ISSUING_CALLS]
    any_of_them = named[0]
    for one in named[1:]:
        any_of_them |= one
    is_denied_try = (F.col("outcome") == "denied") & F.col("event_name").startswith("AssumeRole")
    is_persons = (F.col("event_name") != "ConsoleLogin") | F.col("identity_type").isin("IAMUser", "Root")
    return events.where(any_of_them & is_persons & ((F.col("outcome") == "success") | is_denied_try))


def build_credential_issuances(events: DataFrame) -> DataFrame:
    """Return one row per issuing action among `events` (CLOUDTRAIL_EVENTS; whole days, so that both copies are there).

    The caller is read from the caller's own copy, which alone has its ARN, key and creation date; that copy is told by its
    type, since a same-account call can be logged as AWSAccount too (SEMANTICS §3). What was issued is the same in every copy.
    """
    parsed = only_issuing(events).withColumns(
        {
            "request": F.from_json("request_parameters", _REQUEST),
            "response": F.from_json("response_elements", _RESPONSE),
        }
    )
    described = parsed.select("action_id", "event_id", "event_at", "event_date", *_issued(), *_caller())
    is_at_home = F.col("caller_recipient_account_id").eqNullSafe(F.col("assumed_by_account_id"))
    copy_rank = (
        F.when(F.col("caller_identity_type") == "AWSAccount", 3)
        .when(F.col("caller_identity_type") == "AWSService", 2)
        .when(~is_at_home, 1)
        .otherwise(0)
    )
    order = F.struct(copy_rank, "caller_recipient_account_id", "event_id")
    of_caller_copy = [
        "issuing_api", "event_source", "outcome", "source_identity", "assumed_by_type", "assumed_by_id", "assumed_by_name",
        "assumed_by_account_id", "caller_principal_id", "caller_session_created_at", "caller_access_key_id",
        "caller_invoked_by", "caller_recipient_account_id", "caller_role_arn", "caller_identity_type",
    ]  # fmt: skip
    of_any_copy = [
        "issued_principal_id", "issued_session_name", "issued_access_key_id", "issued_role_arn", "issued_role_account_id",
        "expires_at",
    ]  # fmt: skip
    actions = described.groupBy("action_id").agg(
        F.min(F.date_trunc("second", "event_at")).alias("issued_at"),
        F.min("event_date").alias("issued_date"),
        *[F.min_by(name, order).alias(name) for name in of_caller_copy],
        *[F.max(name).alias(name) for name in of_any_copy],
        F.array_sort(F.collect_set("event_id")).alias("issuing_event_ids"),
    )
    return CREDENTIAL_ISSUANCES.conform(actions)


def _issued() -> list[Column]:
    """What was issued, or asked for."""
    is_own_session = F.col("event_name").isin(
        "ConsoleLogin", "GetSessionToken"
    )  # the user's own, under the user's own id
    principal_id = F.coalesce(
        F.col("response.assumedRoleUser.assumedRoleId"),
        F.col("response.federatedUser.federatedUserId"),
        F.when(is_own_session, F.col("principal_id")),
    )
    role_arn = F.coalesce(F.col("request.roleArn"), _role_in_message(), _role_in_resources())
    name_in_id = F.substring_index(F.col("response.assumedRoleUser.assumedRoleId"), ":", -1)
    return [
        F.col("event_name").alias("issuing_api"),
        F.col("event_source"),
        F.col("outcome"),
        principal_id.alias("issued_principal_id"),
        F.coalesce(F.col("request.roleSessionName"), name_in_id, F.col("request.name")).alias("issued_session_name"),
        F.col("response.credentials.accessKeyId").alias("issued_access_key_id"),
        role_arn.alias("issued_role_arn"),
        F.coalesce(_account_in(role_arn), F.col("identity_account_id"), F.col("recipient_account_id")).alias(
            "issued_role_account_id"
        ),
        _expiry().alias("expires_at"),
        F.coalesce(F.col("request.sourceIdentity"), F.col("source_identity")).alias("source_identity"),
    ]


def _caller() -> list[Column]:
    """Who called: the immediate assumer in our terms, and the identity tuple that leads to the caller's own session."""
    kind = F.col("identity_type")
    is_instance = (
        (kind == "AWSService")
        & (F.col("invoked_by") == "ec2.amazonaws.com")
        & F.col("request.roleSessionName").rlike(_INSTANCE_NAME)
    )
    federated = F.concat("identity_provider", F.lit(":"), "identity_user_name")
    assumed_by_type = (
        F.when(is_instance, "EC2Instance")
        .when(kind == "SAMLUser", "FederatedUser")
        .when(kind == "AWSAccount", "ExternalPrincipal")
        .when(kind.isin("IAMUser", "Root", "AssumedRole", "WebIdentityUser", "AWSService", "FederatedUser"), kind)
        .otherwise("Unknown")
    )
    assumed_by_id = (
        F.when(is_instance, F.col("request.roleSessionName"))
        .when(kind == "SAMLUser", federated)
        .when(kind.isin("IAMUser", "Root"), F.col("identity_arn"))
        .when(kind == "AWSService", F.col("invoked_by"))
        .otherwise(F.col("principal_id"))
    )
    assumed_by_name = (
        F.when(is_instance, F.col("request.roleSessionName"))
        .when(kind == "AWSService", F.col("invoked_by"))
        .when(kind == "AssumedRole", F.col("session_name"))
        .when(kind == "IAMUser", F.coalesce("identity_user_name", F.substring_index("identity_arn", "/", -1)))
        .when(kind == "Root", F.coalesce("identity_user_name", F.lit("root")))
        .otherwise(F.col("identity_user_name"))
    )
    assumed_by_account_id = (
        F.when(is_instance, F.col("recipient_account_id"))
        .when(kind.isin("SAMLUser", "WebIdentityUser", "AWSService"), F.lit(None))
        .otherwise(F.col("identity_account_id"))
    )
    return [
        assumed_by_type.alias("assumed_by_type"),
        assumed_by_id.alias("assumed_by_id"),
        assumed_by_name.alias("assumed_by_name"),
        assumed_by_account_id.alias("assumed_by_account_id"),
        F.col("principal_id").alias("caller_principal_id"),
        F.col("session_created_at").alias("caller_session_created_at"),
        F.col("access_key_id").alias("caller_access_key_id"),
        F.col("invoked_by").alias("caller_invoked_by"),
        F.col("recipient_account_id").alias("caller_recipient_account_id"),
        F.when(kind == "AssumedRole", F.col("role_arn")).alias("caller_role_arn"),
        kind.alias("caller_identity_type"),
    ]


def _role_in_message() -> Column:
    """The role of a denied call: its request parameters are null, the message names it (SEMANTICS §6)."""
    return F.nullif(F.regexp_extract(F.coalesce("error_message", F.lit("")), _ROLE_IN_MESSAGE, 1), F.lit(""))


def _role_in_resources() -> Column:
    arns = F.from_json("resources", "array<struct<ARN: string>>")
    return F.get(F.filter(arns.getField("ARN"), lambda arn: arn.contains(":role/")), F.lit(0))


def _account_in(arn: Column) -> Column:
    return F.nullif(F.regexp_extract(F.coalesce(arn, F.lit("")), r"^arn:[^:]*:[^:]*:[^:]*:([0-9]{12}):", 1), F.lit(""))


def _expiry() -> Column:
    """When the credentials expire, UTC; null where it is not said, or not in a spelling that was ever seen."""
    told = F.regexp_replace(F.col("response.credentials.expiration"), "[\u00a0\u202f]", " ")
    spelled = [F.try_to_timestamp(told, F.lit(form)) for form in _EXPIRATION_FORMATS]
    return F.coalesce(*spelled, told.try_cast("timestamp"))
