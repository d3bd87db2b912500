"""The sessions that an investigation is about: its own, those they came from, and those chained from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.investigations.profiles import PLACES
from transforms.investigations.relations import DESCENDANT, SAME, SELF, relate
from transforms.investigations.scope import baseline_start, horizon
from transforms.investigations.subjects import entity_of_session, entity_of_usage
from transforms.usage import TUPLE

if TYPE_CHECKING:
    import pandas as pd

MOST_SESSIONS = 500

_PERSON = ("iam_user", "root")
_KEY = ("investigation_id", "scope_start_at", "scope_end_at", "entity_kind", "entity_id", "finding_id")
_RELATION = "investigation_id string, credential_session_id string, relation string, hops int"


def build_family(subjects: DataFrame, usage: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return the CREDENTIAL_SESSIONS of each investigation with `relation`, `hops`, `entity_id` and `family_size`.

    Relation is self, ancestor, descendant or other (the same start of chain, another branch). Of a family larger than
    MOST_SESSIONS the own sessions and those that began nearest the scope are kept, and `family_size` says how many there are.
    """
    own = _own(subjects, usage, sessions).withColumn("is_own", F.lit(True))
    tops = (
        own.join(sessions.select("credential_session_id", "top_session_id"), on="credential_session_id", how="inner")
        .select("investigation_id", "top_session_id")
        .distinct()
        .join(subjects.select("investigation_id", "scope_start_at", "scope_end_at"), on="investigation_id", how="inner")
    )
    begun = F.coalesce("started_at", "first_event_at")
    of_chain = (
        tops.join(sessions, on="top_session_id", how="inner")
        .where((begun >= baseline_start()) & (begun < horizon()))
        .select("investigation_id", "credential_session_id")
    )
    people = subjects.where(_is_person()).select(*_KEY)
    in_time = (F.col("started_at") >= F.col("scope_start_at")) & (F.col("started_at") < horizon())
    of_person = people.join(
        sessions, on=(F.col("root_id") == F.col("entity_id")) & in_time & F.col("role_arn").isNotNull(), how="inner"
    ).select("investigation_id", "credential_session_id")
    family = (
        own.select("investigation_id", "credential_session_id").unionByName(of_chain).unionByName(of_person).distinct()
    )
    described = (
        family.join(own, on=["investigation_id", "credential_session_id"], how="left")
        .join(
            subjects.select(*[F.col(name).alias(f"subject_{name}") for name in _KEY]),
            on=F.col("investigation_id") == F.col("subject_investigation_id"),
            how="inner",
        )
        .join(sessions, on="credential_session_id", how="inner")
        .withColumn("is_own", F.coalesce("is_own", F.lit(False)))
    )  # fmt: skip
    kept = _nearest(described)
    relations = kept.select(
        "investigation_id",
        "credential_session_id",
        "parent_session_id",
        "is_own",
        F.when(
            F.col("subject_finding_id").isNotNull() | (F.col("subject_entity_kind") != "root"),
            F.col("subject_entity_kind"),
        ).alias("subject_entity_kind"),
    )
    related = relations.groupBy("investigation_id").applyInPandas(_related, _RELATION)
    _, entity = entity_of_session()
    named = F.coalesce(entity, "principal_id", "credential_session_id")  # a cut response names nobody
    is_self = F.col("relation") == SELF
    return (
        kept.join(related, on=["investigation_id", "credential_session_id"], how="inner")
        .withColumn("entity_id", F.when(is_self, F.col("subject_entity_id")).otherwise(named))
        .withColumn("scope_start_at", F.col("subject_scope_start_at"))
        .drop("is_own", *[f"subject_{name}" for name in _KEY])
    )


def build_tuples(subjects: DataFrame, family: DataFrame, usage: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return which identity tuples the investigated and the chained sessions used, by day: the join to their events.

    Columns: investigation_id, relation, entity_id, credential_session_id, event_date and the tuple. A user's own calls have no
    session where they were made with a long-term key. Calls under the same identifier with other credentials are of the
    relation `same`: the page shows them where the scope is moved there. A profile is of all that its entity did.
    """
    members = family.where(F.col("relation").isin(SELF, DESCENDANT)).select(
        "investigation_id", "relation", "entity_id", "credential_session_id"
    )
    own_sessions = members.where(F.col("relation") == SELF).select("investigation_id", "credential_session_id")
    is_asked = F.col("finding_id").isNull()
    of_sessions = members.join(usage, on="credential_session_id", how="inner")
    others = (
        _uses(subjects.where(~is_asked & ~_is_person()), usage, sessions)
        .join(own_sessions, on=["investigation_id", "credential_session_id"], how="left_anti")
        .withColumn("relation", F.lit(SAME))
    )
    whole = _uses(subjects.where(is_asked | _is_person()), usage, sessions).withColumn("relation", F.lit(SELF))
    columns = ["investigation_id", "relation", "entity_id", "credential_session_id", "event_date", *TUPLE]
    return (
        of_sessions.select(*columns).unionByName(others.select(*columns)).unionByName(whole.select(*columns)).distinct()
    )


def _uses(subjects: DataFrame, usage: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return the usage of what is investigated, whatever session it was made with: by kind and id, or by whom it leads back to."""
    kind, entity = entity_of_usage()
    roots = sessions.where(F.col("attribution_status") == "resolved").select("credential_session_id", "root_id")
    known = usage.join(roots, on="credential_session_id", how="left").withColumns(
        {"user_kind": kind, "user_id": entity}
    )
    is_person = F.col("user_kind").isin(*_PERSON) & ~F.coalesce("assumed_root", F.lit(False))
    person = F.when(is_person, F.col("user_id"))
    names = F.array(
        *[
            F.struct(F.lit(of_kind).alias("entity_kind"), identifier.alias("entity_id"))
            for of_kind, identifier in {
                "role_session": F.when(F.col("user_kind") == "role_session", F.col("user_id")),
                "iam_user": F.when(F.col("user_kind") == "iam_user", F.col("user_id")),
                "federated_user": F.when(F.col("user_kind") == "federated_user", F.col("user_id")),
                "role": F.when(F.col("user_kind") == "role_session", F.col("role_arn")),
                "root": F.coalesce("root_id", person),
                "account": F.col("identity_account_id"),
            }.items()
        ]
    )
    named = known.select("credential_session_id", "event_date", *TUPLE, F.inline(names))
    wanted = subjects.select("investigation_id", "entity_kind", "entity_id")
    return wanted.join(named, on=["entity_kind", "entity_id"], how="inner")


def build_entities(subjects: DataFrame, family: DataFrame) -> DataFrame:
    """Return whose behaviour is looked at: the subject and every chained role session, with the principals it is held against.

    Columns: investigation_id, scope_start_at, scope_end_at, entity_id, entity_kind, relation, role_arn, root_id, account_id.
    The root is null where sessions of one identifier have several, or none that is resolved. What the subject itself is, or is
    greater than, it is not held against: a role has no role, a person's roles and accounts are many.
    """
    scopes = subjects.select("investigation_id", "scope_start_at", "scope_end_at")
    is_resolved = F.col("attribution_status") == "resolved"
    chained = family.where(F.col("relation").isin(SELF, DESCENDANT)).select(
        "investigation_id", "entity_id", "relation", "role_arn", F.when(is_resolved, F.col("root_id")).alias("root_id"),
        "account_id", "role_session_id",
    )  # fmt: skip
    itself = subjects.where(~F.col("matched_by").isin("none", "ambiguous")).select(
        "investigation_id", "entity_id", F.lit(SELF).alias("relation"), "role_arn",
        F.when(F.col("entity_kind").isin(*_PERSON), F.col("entity_id")).alias("root_id"), "account_id",
        F.when(F.col("entity_kind") == "role_session", F.col("entity_id")).alias("role_session_id"),
    )  # fmt: skip
    one_root = F.when(F.count_distinct("root_id") == 1, F.max("root_id"))
    folded = (
        chained.unionByName(itself)
        .groupBy("investigation_id", "entity_id")
        .agg(
            F.max("relation").alias("relation"),  # `self` comes after `descendant`
            F.max("role_arn").alias("role_arn"),
            one_root.alias("root_id"),
            F.max("account_id").alias("account_id"),
            F.max("role_session_id").alias("role_session_id"),
        )
    )
    kinds = subjects.select(
        "investigation_id",
        "entity_id",
        F.col("entity_kind").alias("subject_kind"),
        F.col("finding_id").isNull().alias("is_asked"),
    )
    is_profile_of = F.when(F.coalesce("is_asked", F.lit(False)), F.col("entity_kind")).otherwise("")
    beyond = {
        "role_arn": ("role", "root", "account", *PLACES),
        "root_id": ("root", "account", *PLACES),
        "account_id": ("root", "account", *PLACES),
    }
    described = (
        folded.join(kinds, on=["investigation_id", "entity_id"], how="left")
        .withColumn("entity_kind", F.coalesce("subject_kind", F.when(F.col("role_session_id").isNotNull(), "role_session")))
    )  # fmt: skip
    return (
        described.withColumns(
            {name: F.when(~is_profile_of.isin(*of_kinds), F.col(name)) for name, of_kinds in beyond.items()}
        )
        .drop("subject_kind", "role_session_id", "is_asked")
        .join(scopes, on="investigation_id", how="inner")
    )


def _own(subjects: DataFrame, usage: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return the credential sessions of the subject: the matched ones, and others it used in the scope."""
    matched = subjects.select("investigation_id", F.explode("session_ids").alias("credential_session_id"))
    kind, entity = entity_of_usage()
    uses = usage.where(F.col("credential_session_id").isNotNull()).select(
        kind.alias("user_kind"), entity.alias("user_id"), "credential_session_id", "first_event_at", "last_event_at"
    )
    is_own = (F.col("user_kind") == F.col("entity_kind")) & (F.col("user_id") == F.col("entity_id"))
    is_in_scope = (F.col("first_event_at") < F.col("scope_end_at")) & (
        F.col("last_event_at") >= F.col("scope_start_at")
    )
    used = (
        subjects.select(*_KEY)
        .join(uses, on=is_own & is_in_scope, how="inner")
        .select("investigation_id", "credential_session_id")
    )
    return matched.unionByName(used).unionByName(_of_role_or_root(subjects, sessions)).distinct()


def _of_role_or_root(subjects: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return the sessions of a role, or of whoever they lead back to, that were alive in the scope of a profile."""
    begun = F.coalesce("started_at", "first_event_at")
    root = F.when(F.col("attribution_status") == "resolved", F.col("root_id"))
    named = sessions.select(
        "credential_session_id",
        begun.alias("from_at"),
        F.greatest(begun, "last_event_at").alias("until_at"),
        F.inline(
            F.array(
                F.struct(F.lit("role").alias("entity_kind"), F.col("role_arn").alias("entity_id")),
                F.struct(F.lit("root").alias("entity_kind"), root.alias("entity_id")),
            )
        ),
    )
    is_alive = (F.col("from_at") < F.col("scope_end_at")) & (F.col("until_at") >= F.col("scope_start_at"))
    profiles = subjects.where(F.col("finding_id").isNull()).select(*_KEY)
    return (
        profiles.join(named, on=["entity_kind", "entity_id"], how="inner")
        .where(is_alive)
        .select("investigation_id", "credential_session_id")
    )


def _is_person() -> Column:
    """Whether a subject is a user with keys of its own, whose chains start with it; the profile of an origin is of all it did."""
    return F.col("entity_kind").isin(*_PERSON) & ~((F.col("entity_kind") == "root") & F.col("finding_id").isNull())


def _nearest(family: DataFrame) -> DataFrame:
    away = F.abs(F.unix_timestamp("started_at") - F.unix_timestamp("subject_scope_start_at"))
    order = (F.col("is_own").desc(), away.asc_nulls_last(), F.col("credential_session_id").asc())
    per_investigation = Window.partitionBy("investigation_id")
    return (
        family.withColumn("place", F.row_number().over(per_investigation.orderBy(*order)))
        .withColumn("family_size", F.count("*").over(per_investigation))
        .where(F.col("place") <= MOST_SESSIONS)
        .drop("place")
    )


def _related(family: pd.DataFrame) -> pd.DataFrame:
    """Relate the sessions of one investigation."""
    parents = {
        session: parent if isinstance(parent, str) else None
        for session, parent in zip(family["credential_session_id"], family["parent_session_id"], strict=True)
    }
    own = set(family.loc[family["is_own"], "credential_session_id"])
    is_person = family["subject_entity_kind"].iloc[0] in _PERSON
    related = relate(parents, own, starts_are_children=is_person)
    result: pd.DataFrame = family[["investigation_id", "credential_session_id"]].copy()
    result["relation"] = [related[session][0] for session in result["credential_session_id"]]
    result["hops"] = [related[session][1] for session in result["credential_session_id"]]
    return result
