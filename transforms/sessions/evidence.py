"""What tells of a session's assumer besides its issuing call: Identity Center, the workload AWS names, and mere claims.

Each `Evidence` has the method and confidence of SEMANTICS §9. What AWS itself says is an assumer; what the caller could choose
(a session name, a source identity) is a claim: it is listed as a candidate and never resolves anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.columns import PRINCIPALS
from transforms import workloads
from transforms.sessions.doubts import doubted
from transforms.sessions.identity import LINK_SECONDS
from transforms.sessions.neighbours import OWNER_COPY, OWNER_COPY_CONFIDENCE

_SSO_ROLE = r"^AWSReservedSSO_(.+)_[0-9a-f]{16}$"
_SSO_CALLS = ("GetRoleCredentials", "Federate")
_PARTS = ("type", "id", "name", "account_id")


@dataclass(frozen=True)
class Evidence:
    """Who may be behind a session, from its own records: type, id, name, account; null type where it says nothing."""

    method: str
    confidence: float
    type: Column
    id: Column
    name: Column
    account_id: Column

    @property
    def principal(self) -> Column:
        """The four as one column; null where there is none."""
        told = _principal(self.type, self.id, self.name, self.account_id)
        return F.when(self.type.isNotNull() & self.id.isNotNull(), told)


def with_assumer(bound: DataFrame) -> DataFrame:
    """Say who assumed each session: by its issuing call, refined by what AWS says in its own records, or by those alone.

    Args:
        bound: what `bind` gives, with the session's names, `is_own` (a user's own credentials, which nobody else assumed),
            and `people` and `link_event_ids` of `linked_people`.

    Sets assumed_by_type, _id, _name and _account_id, attribution_method, binding_confidence, is_ambiguous and candidates.
    """
    is_bound = F.col("method").isNotNull()
    is_unbound = ~is_bound & ~F.col("is_own") & ~F.col("is_ambiguous")
    is_copy = F.col("external_caller_id").isNotNull()
    # Identity Center signs in as a SAML subject; on whose behalf, only the calls made with the session say.
    is_signed_in = ~F.col("is_own") & (~is_bound | (F.col("bound_issuing_api") == "AssumeRoleWithSAML"))
    people = F.coalesce(F.size("people"), F.lit(0))
    own_confidence = F.when(is_bound, F.col("binding_confidence"))
    told = [
        (
            F.col("is_own"),
            _themselves(),
            F.coalesce("method", F.lit("SELF_ROOT")),
            F.coalesce(own_confidence, F.lit(0.90)),
        ),
        (is_signed_in, _person(), F.coalesce("method", F.lit("SSO_LINK")), F.coalesce(own_confidence, F.lit(0.98))),
        (is_bound & is_copy, _caller(), F.lit(OWNER_COPY), F.least(own_confidence, F.lit(OWNER_COPY_CONFIDENCE))),
        (is_bound, F.coalesce(_workload_of_service(), _caller()), F.col("method"), own_confidence),
        # Of several issuing calls with different callers the session's own records say which one it was.
        (~is_bound, _issuer(), F.lit("SELF_ROOT"), F.lit(0.90)),
        *[(is_unbound, each.principal, F.lit(each.method), F.lit(each.confidence)) for each in _workloads()],
        (is_unbound & (people == 1), F.get("people", F.lit(0)), F.lit("SSO_LINK"), F.lit(0.80)),
    ]
    # A session that was issued has an assumer, even one that the issuing call does not name.
    assumer = F.coalesce(
        *[
            F.when(
                condition & principal.isNotNull() & (principal.id.isNotNull() | is_bound | F.col("is_own")),
                F.struct(principal.alias("by"), method.alias("method"), confidence.alias("confidence")),
            )
            for condition, principal, method, confidence in told
        ]
    )
    found = bound.withColumn("assumer", assumer)
    # By its name: the expression itself is long, and each place that has it is analysed anew.
    is_known = F.col("assumer").isNotNull()
    is_contested = is_unbound & ~is_known & (people > 1)
    is_ambiguous = (F.col("is_ambiguous") & ~is_known) | is_contested
    is_linked = (F.col("assumer.method") == "SSO_LINK") & F.col("on_behalf_of").isNull()
    return found.withColumns(
        {
            **{f"assumed_by_{part}": F.col(f"assumer.by.{part}") for part in _PARTS},
            "attribution_method": F.col("assumer.method"),
            "binding_confidence": F.col("assumer.confidence"),
            "is_ambiguous": is_ambiguous,
            "candidates": F.when(is_contested, F.col("people")).when(is_ambiguous, F.col("candidates")),
            "bound_issuing_event_ids": F.when(F.coalesce(is_linked, is_contested), F.col("link_event_ids")).otherwise(
                F.col("bound_issuing_event_ids")
            ),
        }
    ).drop("assumer", "people", "link_event_ids")


def _principal(type_: Column, id_: Column, name: Column, account_id: Column) -> Column:
    values = zip(_PARTS, (type_, id_, name, account_id), strict=True)
    return F.struct(*[value.cast("string").alias(part) for part, value in values])


def _themselves() -> Column:
    """The user whose own credentials these are."""
    arn = F.coalesce("identity_arn", "own_assumed_by_id")
    name = F.when(F.col("principal_type") == "Root", "root").otherwise(F.substring_index(arn, "/", -1))
    return _principal(F.col("principal_type"), arn, name, F.col("account_id"))


def _person() -> Column:
    """The Identity Center user on whose behalf any of the session's calls was made; null if none says so."""
    subject = F.when(F.col("assumed_by_type") == "FederatedUser", F.col("assumed_by_name"))
    name = F.coalesce(subject, F.when(F.col("role_name").rlike(_SSO_ROLE), F.col("session_name")))
    known = F.col("on_behalf_of").isNotNull()
    return F.when(known, _principal(F.lit("IdentityCenterUser"), F.col("on_behalf_of"), name, F.lit(None)))


def _issuer() -> Column:
    """The user whose credentials a federated user has, as every record of the session says; null if none does."""
    arn = F.when(F.col("principal_type") == "FederatedUser", F.col("session_issuer_arn"))
    is_root = arn.endswith(":root")
    name = F.when(is_root, "root").otherwise(F.substring_index(arn, "/", -1))
    type_ = F.when(is_root, "Root").otherwise("IAMUser")
    return F.when(arn.isNotNull(), _principal(type_, arn, name, F.col("account_id")))


def _caller() -> Column:
    """Whoever made the issuing call."""
    return _principal(*[F.col(f"assumed_by_{part}") for part in _PARTS])


def _workload_of_service() -> Column:
    """The workload that AWS names, where a service made the issuing call; null elsewhere: nobody else speaks for one."""
    workload = workloads.in_scope(F.col("in_scope_of"))
    is_service = F.col("assumed_by_type").isin("AWSService", *workloads.OF_SERVICES)
    told = _principal(*workload, F.coalesce("assumed_by_account_id", "account_id"))
    return F.when(is_service & workload.type.isNotNull(), told)


def _workloads() -> list[Evidence]:
    """What names a workload where no issuing call was found, best first."""
    account = F.col("account_id")
    scope = workloads.in_scope(F.col("in_scope_of"))
    reserved = workloads.reserved(F.col("role_id"), F.col("session_name"))
    return [Evidence("WORKLOAD", 0.95, *scope, account), Evidence("WORKLOAD", 0.90, *reserved, account)]


def claims() -> list[Evidence]:
    """Return what a session only claims, best first: the caller chose it, and nobody has checked it."""
    nothing = F.lit(None)
    name = workloads.named(F.col("session_name"))
    source = F.col("source_identity")
    is_persons = F.col("session_name").contains("@")
    unknown = F.lit("Unknown")
    return [
        Evidence("CLAIM", 0.60, F.when(source.isNotNull(), unknown), source, source, nothing),
        Evidence("WORKLOAD", 0.40, *name, F.col("account_id")),
        Evidence("CLAIM", 0.30, F.when(is_persons, unknown), F.col("session_name"), F.col("session_name"), nothing),
    ]


def linked_people(sessions: DataFrame, issuances: DataFrame) -> DataFrame:
    """Return who fetched credentials for the permission set of a session, in its account, within seconds of its start.

    Args:
        sessions: credential_session_id, role_name, account_id, started_at of the sessions in question.
        issuances: CREDENTIAL_ISSUANCES, links among them.

    Returns:
        credential_session_id, `people` (PRINCIPALS: one is the assumer, several are candidates) and `link_event_ids`.
    """
    seconds = F.array(*[F.lit(offset) for offset in range(-LINK_SECONDS, LINK_SECONDS + 1)])
    fetched = issuances.where(
        F.col("issuing_api").isin(*_SSO_CALLS) & F.col("is_link") & (F.col("outcome") == "success")
    ).select(
        F.col("issued_role_account_id").alias("account_id"),
        F.col("issued_permission_set").alias("permission_set"),
        F.explode(seconds).alias("offset"),
        "issued_at",
        F.struct(*[F.col(f"assumed_by_{part}").alias(part) for part in _PARTS]).alias("person"),
        "issuing_event_ids",
    )
    near = fetched.where(F.col("person.id").isNotNull()).withColumn(
        "started_at", F.timestamp_seconds(F.unix_timestamp("issued_at") + F.col("offset"))
    )
    permission_set = F.nullif(F.regexp_extract(F.coalesce("role_name", F.lit("")), _SSO_ROLE, 1), F.lit(""))
    by_person = (
        sessions.withColumn("permission_set", permission_set)
        .join(near, on=["account_id", "permission_set", "started_at"], how="inner")
        .groupBy("credential_session_id", "person.type", "person.id", "person.account_id")
        .agg(
            F.max("person.name").alias("name"),  # records of one person do not all give the name
            F.flatten(F.collect_list("issuing_event_ids")).alias("event_ids"),
        )
    )
    return by_person.groupBy("credential_session_id").agg(
        F.array_sort(F.collect_set(F.struct(*_PARTS))).cast(PRINCIPALS).alias("people"),
        F.array_sort(F.array_distinct(F.flatten(F.collect_list("event_ids")))).alias("link_event_ids"),
    )


def with_claims(sessions: DataFrame) -> DataFrame:
    """Name what sessions without any assumer claim to be: as candidates, with the method and confidence of a claim."""
    said = claims()
    is_unbound = F.col("attribution_method").isNull() & ~F.col("is_ambiguous")
    claim = F.coalesce(*[each.principal for each in said])
    method = F.coalesce(*[F.when(each.principal.isNotNull(), F.lit(each.method)) for each in said])
    confidence = F.coalesce(*[F.when(each.principal.isNotNull(), F.lit(each.confidence)) for each in said])
    listed = F.when(is_unbound & claim.isNotNull(), F.array(claim).cast(PRINCIPALS))
    return sessions.withColumns(
        {
            "candidates": F.coalesce(listed, "candidates"),
            "attribution_method": F.when(is_unbound, method).otherwise(F.col("attribution_method")),
            "binding_confidence": F.when(is_unbound, doubted(confidence)).otherwise(F.col("binding_confidence")),
        }
    )
