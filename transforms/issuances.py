"""Calls that issue temporary credentials, or are refused them: one row per action, whoever got a copy of it.

Issuers are an explicit list of (source, name): "anything with credentials in its response" would let data-plane sessions
(s3express CreateSession) and, worse, attacker-shaped records in (SEMANTICS §2).
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.columns import TAGS
from expectations.tables import CREDENTIAL_ISSUANCES
from transforms.workloads import issued_to

STS, SIGN_IN, SSO = "sts.amazonaws.com", "signin.amazonaws.com", "sso.amazonaws.com"
ROLES_ANYWHERE, COGNITO = "rolesanywhere.amazonaws.com", "cognito-identity.amazonaws.com"

# Their credentials, or the console session they begin, are what the rest of the log is made with.
SESSION_CALLS: tuple[tuple[str, str], ...] = (
    (STS, "AssumeRole"),
    (STS, "AssumeRoleWithSAML"),
    (STS, "AssumeRoleWithWebIdentity"),
    (STS, "AssumeRoot"),
    (STS, "GetFederationToken"),
    (STS, "GetSessionToken"),
    (SIGN_IN, "ConsoleLogin"),
    (ROLES_ANYWHERE, "CreateSession"),
    (COGNITO, "GetCredentialsForIdentity"),
)
# One half of a pair: the credentials are issued by another call, or by none that is logged. They make no session.
LINK_CALLS: tuple[tuple[str, str], ...] = (
    (SSO, "GetRoleCredentials"),
    (SSO, "Federate"),
    (SIGN_IN, "CreateOAuth2Token"),
    (SIGN_IN, "GetSigninToken"),
    (SIGN_IN, "SwitchRole"),
    (SIGN_IN, "SwitchRoleSaml"),
    (SIGN_IN, "RenewRole"),
    (SIGN_IN, "ExitRole"),
    ("eks-auth.amazonaws.com", "AssumeRoleForPodIdentity"),
    ("ssm.amazonaws.com", "RequestManagedInstanceRoleToken"),
)
ISSUING_CALLS = SESSION_CALLS + LINK_CALLS

_REQUEST = (
    "roleArn string, roleSessionName string, sourceIdentity string, name string, targetPrincipal string, durationSeconds string, "
    "identityId string, tags array<struct<key: string, value: string>>, incomingTransitiveTags map<string, string>"
)
_GIVEN = "credentials struct<accessKeyId: string, expiration: string>, assumedRoleUser struct<assumedRoleId: string>"
_RESPONSE = (
    f"{_GIVEN}, federatedUser struct<federatedUserId: string>, subjectArn string, "
    f"credentialSet array<struct<{_GIVEN}, roleArn: string, sourceIdentity: string>>"
)
_SERVICE_EVENT = "account_id string, role_name string"

# `Jul 10, 2023, 6:30:22 PM`, `Sep 17, 2020 8:04:10 PM`; newer Javas put U+202F before AM and PM, hence the clean-up below.
_EXPIRATION_FORMATS = ("MMM d, yyyy, h:mm:ss a", "MMM d, yyyy h:mm:ss a")

# Seconds that credentials live where the request names none (SEMANTICS §4). Not of AssumeRoleWithSAML: its assertion can end the
# session before the time that was asked for, and in real records does.
_LIVES = {
    "AssumeRole": 3_600,
    "AssumeRoleWithWebIdentity": 3_600,
    "AssumeRoot": 900,
    "GetFederationToken": 43_200,
    "GetSessionToken": 43_200,
}
_LONGEST_LIFE, _LONGEST_LIFE_OF_ROOTS = 129_600, 3_600

_ROLE_IN_MESSAGE = r"on resource: (arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+)"


def only_issuing(events: DataFrame) -> DataFrame:
    """Keep successful and denied calls of the list; a failed sign-in is nobody's session, and a malformed call no try.

    A role's sign-in to the console issues nothing: what it does there it does in the session it signed in with.
    """
    is_denied_try = (F.col("outcome") == "denied") & F.col("event_name").startswith("AssumeRole")
    is_persons = (F.col("event_name") != "ConsoleLogin") | F.col("identity_type").isin("IAMUser", "Root")
    # STS issues by API calls alone, which are management events; what else is written under its names is about them.
    is_call = (F.col("event_category") == "Management") & ~F.col("event_type").eqNullSafe("AwsServiceEvent")
    is_of_sts = (F.col("event_source") != STS) | is_call
    return events.where(
        _is_one_of(ISSUING_CALLS) & is_persons & is_of_sts & ((F.col("outcome") == "success") | is_denied_try)
    )


def _is_one_of(calls: tuple[tuple[str, str], ...]) -> Column:
    named = [(F.col("event_source") == source) & (F.col("event_name") == name) for source, name in calls]
    return reduce(or_, named)


def build_credential_issuances(events: DataFrame) -> DataFrame:
    """Return one row per issuing action among `events` (CLOUDTRAIL_EVENTS; whole days, so that both copies are there).

    The caller is read from the caller's own copy, which alone has its ARN, key and creation date; that copy is told by its
    type, since a same-account call can be logged as AWSAccount too (SEMANTICS §3). What was issued is the same in every copy.
    """
    parsed = (
        only_issuing(events)
        .withColumns(
            {
                "request": F.from_json("request_parameters", _REQUEST),
                "response": F.from_json("response_elements", _RESPONSE),
                "service_event": F.from_json("service_event_details", _SERVICE_EVENT),
            }
        )
        .withColumn("given", F.coalesce("response.credentials", F.get("response.credentialSet.credentials", F.lit(0))))
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
        "caller_invoked_by", "caller_recipient_account_id", "caller_role_arn", "caller_identity_type", "is_link",
    ]  # fmt: skip
    of_any_copy = [
        "issued_principal_id", "issued_session_name", "issued_access_key_id", "issued_role_arn", "issued_role_account_id",
        "issued_permission_set", "expires_at", "session_tags", "asked_seconds", "has_request",
    ]  # fmt: skip
    actions = (
        described.groupBy("action_id")
        .agg(
            F.min(F.date_trunc("second", "event_at")).alias("issued_at"),
            F.min("event_date").alias("issued_date"),
            F.min_by(F.struct(*of_caller_copy), order).alias("of_caller"),
            *[F.max(name).alias(name) for name in of_any_copy],
            F.array_sort(F.collect_set("event_id")).alias("issuing_event_ids"),
        )
        .select("*", "of_caller.*")
        .drop("of_caller")
    )
    ends_at = F.timestamp_seconds(F.unix_timestamp("issued_at") + _life())
    with_end = actions.withColumn(
        "expires_at", F.coalesce("expires_at", F.when(F.col("outcome") == "success", ends_at))
    )
    return CREDENTIAL_ISSUANCES.conform(with_end.drop("asked_seconds", "has_request"))


def _issued() -> list[Column]:
    """What was issued, or asked for."""
    is_own_session = F.col("event_name").isin("ConsoleLogin", "GetSessionToken")  # under the user's own id
    role_id = F.coalesce(
        "response.assumedRoleUser.assumedRoleId",
        F.get("response.credentialSet.assumedRoleUser.assumedRoleId", F.lit(0)),
    )
    target = F.when(F.col("event_name") == "AssumeRoot", _target_account())
    principal_id = F.coalesce(
        role_id, "response.federatedUser.federatedUserId", target, F.when(is_own_session, F.col("principal_id"))
    )
    role_arn = F.coalesce(
        "request.roleArn",
        F.get("response.credentialSet.roleArn", F.lit(0)),
        _role_in_message(),
        F.when(~_is_one_of(LINK_CALLS), _role_in_resources()),
    )
    account_id = F.coalesce(
        target, _account_in(role_arn), "service_event.account_id", "identity_account_id", "recipient_account_id"
    )
    return [
        F.col("event_name").alias("issuing_api"),
        F.col("event_source"),
        F.col("outcome"),
        _is_one_of(LINK_CALLS).alias("is_link"),
        principal_id.alias("issued_principal_id"),
        F.coalesce("request.roleSessionName", F.substring_index(role_id, ":", -1), "request.name").alias(
            "issued_session_name"
        ),
        F.col("given.accessKeyId").alias("issued_access_key_id"),
        role_arn.alias("issued_role_arn"),
        account_id.alias("issued_role_account_id"),
        F.col("service_event.role_name").alias("issued_permission_set"),
        _expiry().alias("expires_at"),
        F.col("request.durationSeconds").alias("asked_seconds"),
        (F.coalesce("request.roleArn", "request.name", "request.targetPrincipal").isNotNull()).alias("has_request"),
        _session_tags().alias("session_tags"),
        F.coalesce(
            "request.sourceIdentity", F.get("response.credentialSet.sourceIdentity", F.lit(0)), "source_identity"
        ).alias("source_identity"),
    ]


def _session_tags() -> Column:
    """Return the tags of the session by key; null if there are none. A caller's transitive ones go on through a chain."""
    own, incoming = F.col("request.tags"), F.map_entries("request.incomingTransitiveTags")
    none = F.array().cast(TAGS)
    tags = F.concat(F.coalesce(own.cast(TAGS), none), F.coalesce(incoming.cast(TAGS), none))
    known = F.array_sort(F.array_distinct(F.filter(tags, lambda tag: tag.key.isNotNull())))
    return F.when(F.size(known) > 0, known)


def _caller() -> list[Column]:
    """Who called: the immediate assumer in our terms, and the identity tuple that leads to the caller's own session."""
    kind = F.col("identity_type")
    workload = issued_to(kind, F.col("invoked_by"), F.col("request.roleSessionName"), F.col("request.tags"))
    is_workload = workload.type.isNotNull()
    # What a certificate or an identity pool vouches for is nobody of ours: it has only the name it was given there.
    is_of_pool = F.col("event_source") == COGNITO
    outside = F.when(
        F.col("event_source") == ROLES_ANYWHERE,
        F.coalesce("response.subjectArn", F.get("response.credentialSet.sourceIdentity", F.lit(0))),
    ).when(is_of_pool, F.concat(F.lit(f"{COGNITO}:"), "request.identityId"))
    is_person_of_sso = (F.col("event_source") == SSO) & F.col("on_behalf_of").isNotNull()
    federated = F.concat("identity_provider", F.lit(":"), "identity_user_name")
    known = ("IAMUser", "Root", "AssumedRole", "WebIdentityUser", "AWSService", "FederatedUser", "IdentityCenterUser")
    assumed_by_type = (
        F.when(is_workload, workload.type)
        .when(outside.isNotNull() & ~is_of_pool, "ExternalPrincipal")
        .when(is_person_of_sso, "IdentityCenterUser")
        .when(kind == "SAMLUser", "FederatedUser")
        .when(kind == "AWSAccount", "ExternalPrincipal")
        .when(kind.isin(*known), kind)
        .otherwise("Unknown")
    )
    assumed_by_id = (
        F.when(is_workload, workload.id)
        .when(outside.isNotNull(), outside)
        .when(is_person_of_sso | (kind == "IdentityCenterUser"), F.col("on_behalf_of"))
        .when(kind == "SAMLUser", federated)
        .when(kind.isin("IAMUser", "Root"), F.col("identity_arn"))
        .when(kind == "AWSService", F.col("invoked_by"))
        .otherwise(F.col("principal_id"))
    )
    assumed_by_name = (
        F.when(is_workload, workload.name)
        .when(outside.isNotNull(), F.substring_index(outside, "/", -1))
        .when(kind == "AWSService", F.col("invoked_by"))
        .when(kind == "AssumedRole", F.col("session_name"))
        .when(kind == "IAMUser", F.coalesce("identity_user_name", F.substring_index("identity_arn", "/", -1)))
        .when(kind == "Root", F.lit("root"))
        .otherwise(F.col("identity_user_name"))
    )
    has_no_account = kind.isin("SAMLUser", "WebIdentityUser", "AWSService", "IdentityCenterUser")
    assumed_by_account_id = (
        F.when(is_workload | outside.isNotNull(), F.col("recipient_account_id"))
        .when(has_no_account | is_person_of_sso, F.lit(None))
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


def _target_account() -> Column:
    """The member account whose root AssumeRoot is for: its number, or an ARN with it."""
    return F.nullif(
        F.regexp_extract(F.coalesce("request.targetPrincipal", F.lit("")), r"(?:^|:)([0-9]{12})(?:$|:)", 1), F.lit("")
    )


def _account_in(arn: Column) -> Column:
    return F.nullif(F.regexp_extract(F.coalesce(arn, F.lit("")), r"^arn:[^:]*:[^:]*:[^:]*:([0-9]{12}):", 1), F.lit(""))


def _life() -> Column:
    """How many seconds the credentials of an action live, by its request or, if that names none, by STS's own default.

    Null wherever that is not certain: STS does as the request says, but a service, and the console where it switches role, get other
    lives for their credentials than they ask for; of another account's caller it is not known whether it is one of these. A request
    that is not there at all was left out of the record; GetSessionToken alone needs none.
    """
    kind, api = F.col("caller_identity_type"), F.col("issuing_api")
    asked = F.col("asked_seconds").try_cast("bigint")
    default = F.coalesce(*[F.when(api == name, F.lit(seconds)) for name, seconds in _LIVES.items()])
    is_silent = F.col("asked_seconds").isNull() & (F.col("has_request") | (api == "GetSessionToken"))
    life = F.when(asked.between(1, _LONGEST_LIFE), asked).when(is_silent & (kind != "AWSAccount"), default)
    is_of_root = (kind == "Root") & api.isin("GetFederationToken", "GetSessionToken")
    is_certain = (
        default.isNotNull()
        & kind.isin("IAMUser", "Root", "AssumedRole", "WebIdentityUser", "AWSAccount")
        & F.col("caller_invoked_by").isNull()
    )
    return F.when(is_certain, F.when(is_of_root, F.least(life, F.lit(_LONGEST_LIFE_OF_ROOTS))).otherwise(life))


def _expiry() -> Column:
    """When the response says that the credentials expire, UTC; null where it does not, or not in a spelling that was ever seen."""
    told = F.regexp_replace(F.col("given.expiration"), "[\u00a0\u202f]", " ")
    spelled = [F.try_to_timestamp(told, F.lit(form)) for form in _EXPIRATION_FORMATS]
    return F.coalesce(*spelled, told.try_cast("timestamp"))
