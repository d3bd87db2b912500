"""The identity of a credential session: whose it is, and when it began.

A session is a (principal, start second). Most have one issuing call; where several share both (SDK double calls, the two
instance metadata versions), the access key tells them apart. Usage carries principal and creation date, and an issuance
principal and time, equal to the second: that echo makes the identity known from either side alone, so that it does not
change when the other side arrives late (SEMANTICS §0, DESIGN §3).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

# How an issuance finds the usage that is its own, best first; a found home is kept, else it is its own.
_EXACT_ECHO, _SAME_KEY, _NEAR_ECHO = 0, 1, 2
NEAR_SECONDS = 1
LINK_SECONDS = 3  # between what Identity Center logs of a sign-in, and the start of the session it leads to


def credential_session_id(principal_id: Column, started_at: Column, access_key_id: Column) -> Column:
    """Return the id: a hash of principal, start second and, where it is needed to tell twins apart, the access key."""
    parts = [principal_id, F.date_format(started_at, "yyyy-MM-dd'T'HH:mm:ss"), access_key_id]
    return F.substring(F.sha2(F.concat_ws("|", *[F.coalesce(part, F.lit("")) for part in parts]), 256), 1, 32)


def with_home(issuances: DataFrame, usage: DataFrame) -> DataFrame:
    """Return successful issuances with the session they belong to.

    Adds `home_principal_id`, `home_started_at`, `is_twin` (another issuance shares both) and `credential_session_id`.

    The home of an issuance is the usage group that echoes it to the second; else one that used its very key; else the only
    one within a second; else, as long as it has not been used, its own principal (role and name where the response does not
    say) and time. One that lies within a second of two groups is neither's, and a group that has its own issuance to the second
    takes in no neighbour's.
    """
    issued = issuances.where((F.col("outcome") == "success") & ~F.col("is_link"))
    groups = usage_groups(usage)
    ranked = _echoes(issued, groups).unionByName(_same_keys(issued, usage))
    best = ranked.groupBy("action_id").agg(
        F.min_by(
            F.struct("principal_id", "session_created_at"),
            F.struct("rank", "seconds_off", "principal_id", "session_created_at"),
        ).alias("home"),
        F.min("rank").alias("best_rank"),
        F.count_if(F.col("rank") == F.lit(_NEAR_ECHO)).alias("near_count"),
    )
    is_one_of_two = (F.col("best_rank") == F.lit(_NEAR_ECHO)) & (F.col("near_count") > F.lit(1))
    best = best.select("action_id", F.when(~is_one_of_two, F.col("home")).alias("home"))
    of_role = F.when(F.col("issued_role_arn").isNotNull(), F.concat_ws(":", "issued_role_arn", "issued_session_name"))
    own_principal = F.coalesce("issued_principal_id", of_role)
    homes = (
        issued.join(best, on="action_id", how="left")
        .withColumns(
            {
                "home_principal_id": F.coalesce("home.principal_id", own_principal),
                "home_started_at": F.coalesce("home.session_created_at", "issued_at"),
            }
        )
        .where(F.col("home_principal_id").isNotNull())
    )  # issued to whom, nobody says, and nobody has used it
    same_home = Window.partitionBy("home_principal_id", "home_started_at")
    identity = F.coalesce("issued_access_key_id", "action_id")
    twins = homes.withColumn("is_twin", F.min(identity).over(same_home) != F.max(identity).over(same_home))
    own_key = F.when(F.col("is_twin"), identity)
    return twins.withColumn(
        "credential_session_id", credential_session_id(F.col("home_principal_id"), F.col("home_started_at"), own_key)
    ).drop("home")


def usage_groups(usage: DataFrame) -> DataFrame:
    """Return the (principal, creation date) pairs in use, with the role and session name that some issuances only give."""
    return (
        usage.where(F.col("principal_id").isNotNull() & F.col("session_created_at").isNotNull())
        .groupBy("principal_id", "session_created_at")
        .agg(F.max("role_arn").alias("role_arn"), F.max("identity_account_id").alias("identity_account_id"))
        .withColumn("session_name", F.substring_index("principal_id", ":", -1))
    )


def _echoes(issued: DataFrame, groups: DataFrame) -> DataFrame:
    """Pair issuances with the groups that echo them, exactly or within a second."""
    offsets = F.array(*[F.lit(offset) for offset in range(-NEAR_SECONDS, NEAR_SECONDS + 1)])
    near = issued.withColumn("offset", F.explode(offsets)).withColumn(
        "session_created_at", F.timestamp_seconds(F.unix_timestamp("issued_at") + F.col("offset"))
    )
    by_principal = near.where(F.col("issued_principal_id").isNotNull()).select(
        "action_id", "offset", "session_created_at", F.col("issued_principal_id").alias("principal_id")
    )
    by_arn = near.where(F.col("issued_principal_id").isNull() & F.col("issued_role_arn").isNotNull()).select(
        "action_id",
        "offset",
        "session_created_at",
        F.col("issued_role_arn").alias("role_arn"),
        F.col("issued_session_name").alias("session_name"),
    )
    columns = [*map(F.col, ("action_id", "principal_id", "session_created_at")), F.abs("offset").alias("seconds_off")]
    pairs = (
        groups.join(by_principal, on=["principal_id", "session_created_at"], how="inner")
        .select(*columns)
        .unionByName(
            groups.join(by_arn, on=["role_arn", "session_name", "session_created_at"], how="inner").select(*columns)
        )
    )
    has_exact = F.min("seconds_off").over(Window.partitionBy("principal_id", "session_created_at")) == 0
    return (
        pairs.withColumn("group_has_exact", has_exact)
        .where((F.col("seconds_off") == 0) | ~F.col("group_has_exact"))
        .select(
            "action_id",
            "principal_id",
            "session_created_at",
            "seconds_off",
            F.when(F.col("seconds_off") == 0, _EXACT_ECHO).otherwise(_NEAR_ECHO).alias("rank"),
        )
    )


def _same_keys(issued: DataFrame, usage: DataFrame) -> DataFrame:
    """Pair issuances with the groups that used their key, within its life and in its account: key ids repeat."""
    used = usage.where(F.col("access_key_id").isNotNull() & F.col("session_created_at").isNotNull()).select(
        "access_key_id", "principal_id", "session_created_at", "identity_account_id", "first_event_at"
    )
    pairs = used.alias("u").join(
        issued.alias("i"),
        on=F.col("u.access_key_id") == F.col("i.issued_access_key_id"),
        how="inner",
    )
    return pairs.where(F.expr(IN_LIFE)).select(
        "i.action_id",
        "u.principal_id",
        "u.session_created_at",
        F.abs(F.unix_timestamp("u.session_created_at") - F.unix_timestamp("i.issued_at")).alias("seconds_off"),
        F.lit(_SAME_KEY).alias("rank"),
    )


# The first use `u` of a key that `i` issued: in the same account, from five seconds before (clocks are not exact) to five
# minutes after the end of its life; AWS documents no life longer than 36 hours.
IN_LIFE = """
    u.identity_account_id <=> i.issued_role_account_id
    AND u.first_event_at >= i.issued_at - INTERVAL 5 SECONDS
    AND u.first_event_at <= coalesce(i.expires_at, i.issued_at + INTERVAL 36 HOURS) + INTERVAL 300 SECONDS
"""
