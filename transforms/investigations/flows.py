"""Whom an instance, or an address, exchanged packets with: VPC flows of the scope, held against the 45 days before it.

An investigation watches the instance that its own sessions lead back to, or the address that it is a profile of; others watch
nothing. The frames that become panels are made here, their words in `traffic`. Rules: docs/statistics.md, Flows.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.flows.interfaces import build_attachments
from transforms.investigations.panels import names, panel
from transforms.investigations.relations import SELF
from transforms.investigations.scope import baseline_start

MOST_PEERS = 200
MOST_PORTS = 6  # of a peer

INSTANCES = ("EC2Instance", "ManagedInstance")
"""Types of root that are instances, where their id begins with `i-`."""

INSTANCE, ADDRESS = "instance", "address"
WATCHERS = ("role_session", "root")
"""Kinds of entity that are one instance, if they lead back to one."""

_WATCHED = ("investigation_id", "watched_kind", "watched_id")
_OURS, _THEIRS = "ours", "theirs"


def panels_of_flows(
    subjects: DataFrame,
    family: DataFrame,
    flows: DataFrame | None,
    interface_changes: DataFrame | None,
    settle: Callable[[DataFrame], DataFrame],
) -> list[DataFrame]:
    """Return the panels `flow_totals` and `flow_peers`; none, and no query, without flow logs.

    Args:
        subjects: SUBJECT_COLUMNS.
        family: of `build_family`.
        flows: VPC_FLOWS of the scopes and the 45 days before; null if the lake has none.
        interface_changes: INTERFACE_CHANGES, whole.
        settle: materialises what both panels use.
    """
    if flows is None or interface_changes is None:
        return []
    watched = build_watched(subjects, family)
    sums = settle(with_sides(sum_flows(flows, watched, build_attachments(interface_changes))))
    peers = build_peers(sums)
    by_bytes = (F.col("bytes_in") + F.col("bytes_out")).desc()
    return [
        panel(
            "flow_totals", build_totals(watched, sums, peers),
            names("watched_kind watched_id flow_count bytes_in bytes_out accepted_count rejected_count peer_count new_peer_count "
                  "refused_peer_count unclear_count lost_count interface_ids since_at"),
            [F.col("watched_kind").asc(), F.col("watched_id").asc()], limit=10,
        ),
        panel(
            "flow_peers", peers,
            names("watched_id peer_ip bytes_in bytes_out packets accepted_count rejected_count first_at last_at ports port_count "
                  "known_at is_new"),
            [F.col("is_new").desc(), by_bytes, F.col("watched_id").asc(), F.col("peer_ip").asc()], limit=MOST_PEERS,
        ),
    ]  # fmt: skip


def build_watched(subjects: DataFrame, family: DataFrame) -> DataFrame:
    """Return what each investigation watches: `_WATCHED`, scope_start_at, scope_end_at."""
    scopes = subjects.select("investigation_id", "scope_start_at", "scope_end_at", "entity_kind", "entity_id")
    is_instance = (
        (F.col("relation") == F.lit(SELF))
        & (F.col("attribution_status") == F.lit("resolved"))
        & F.col("root_type").isin(*INSTANCES)
        & F.col("root_id").startswith("i-")
    )
    roots = family.where(is_instance).select("investigation_id", F.col("root_id").alias("watched_id")).distinct()
    instances = scopes.where(F.col("entity_kind").isin(*WATCHERS)).join(roots, on="investigation_id", how="inner")
    addresses = scopes.where(F.col("entity_kind") == F.lit("ip_address")).withColumn("watched_id", F.col("entity_id"))
    columns = ("investigation_id", "watched_kind", "watched_id", "scope_start_at", "scope_end_at")
    return (
        instances.withColumn("watched_kind", F.lit(INSTANCE))
        .select(*columns)
        .unionByName(addresses.withColumn("watched_kind", F.lit(ADDRESS)).select(*columns))
    )


def sum_flows(flows: DataFrame, watched: DataFrame, attachments: DataFrame) -> DataFrame:
    """Return the flows of what is watched, summed by everything that is asked of them: in the scope, and before it.

    A flow is an instance's if the record says so, or, where it names none, if the instance held the interface when it began.

    Columns: `_WATCHED`, interface_id, is_in_scope, source_ip, destination_ip, port (of the service: the lower of the two),
    port_is_source, protocol, action, flow_direction, log_status, private_ip, flow_count, bytes, packets, first_at, last_at.
    """
    key = F.inline(
        F.array(
            _key("instance", F.col("instance_id")),
            _key("interface", F.when(F.col("instance_id").isNull(), F.col("interface_id"))),
            _key("source", F.col("source_ip")),
            _key(
                "destination", F.when(~F.col("destination_ip").eqNullSafe(F.col("source_ip")), F.col("destination_ip"))
            ),
        )
    )
    is_then = (F.col("start_at") >= F.col("from_at")) & (F.col("start_at") < F.col("until_at"))
    found = (
        flows.select(*flows.columns, key)
        .where(F.col("key").isNotNull())
        .join(F.broadcast(_keys(watched, attachments)), on=["key_kind", "key"], how="inner")
        .where(is_then)
    )
    lower = F.least("source_port", "destination_port")
    return (
        found.withColumns(
            {
                "is_in_scope": F.col("start_at") >= F.col("scope_start_at"),
                "port": lower,
                "port_is_source": F.when(F.col("source_port") != F.col("destination_port"), F.col("source_port") == lower),
            }
        )
        .groupBy(
            *_WATCHED, "interface_id", "is_in_scope", "source_ip", "destination_ip", "port", "port_is_source", "protocol",
            "action", "flow_direction", "log_status", "private_ip",
        )
        .agg(
            F.count(F.lit(1)).alias("flow_count"),
            F.coalesce(F.sum("bytes"), F.lit(0)).alias("bytes"),
            F.coalesce(F.sum("packets"), F.lit(0)).alias("packets"),
            F.min("start_at").alias("first_at"),
            F.max(F.coalesce("end_at", "start_at")).alias("last_at"),
        )
    )  # fmt: skip


def with_sides(sums: DataFrame) -> DataFrame:
    """Add `is_sent` (whether what is watched sent it; null: not known), `peer_ip`, `is_accepted` and `is_flow`.

    A record of the default format does not say which of its addresses is the interface's. It is the one of flow-direction, else the
    private address that CloudTrail gives, else the only one that is in every record of the interface, of that IP version.
    """
    is_flow = F.col("source_ip").isNotNull() & F.col("destination_ip").isNotNull()
    version = F.when(F.col("source_ip").contains(":"), 6).otherwise(4)
    of_interface = ("investigation_id", "interface_id", "version")
    seen = (
        sums.where(is_flow & (F.col("watched_kind") == F.lit(INSTANCE)))
        .select("investigation_id", "interface_id", version.alias("version"), "source_ip", "destination_ip")
        .distinct()
    )
    pair_count = F.count(F.lit(1)).over(Window.partitionBy(*of_interface))
    everywhere = (
        seen.withColumn("pair_count", pair_count)
        .select(*of_interface, "pair_count", F.explode(F.array("source_ip", "destination_ip")).alias("address"))
        .groupBy(*of_interface, "pair_count", "address")
        .agg(F.count(F.lit(1)).alias("times"))
        .where(F.col("times") == F.col("pair_count"))
        .groupBy(*of_interface)
        .agg(F.collect_set("address").alias("addresses"))
        .where(F.size("addresses") == 1)
        .select(*of_interface, F.col("addresses")[0].alias("own_ip"))
    )
    known = sums.withColumn("version", version).join(everywhere, on=list(of_interface), how="left")
    is_sent = (
        F.when(F.col("watched_kind") == F.lit(ADDRESS), F.col("source_ip") == F.col("watched_id"))
        .when(F.col("flow_direction") == F.lit("egress"), F.lit(True))
        .when(F.col("flow_direction") == F.lit("ingress"), F.lit(False))
        .otherwise(F.coalesce(_sent_by("private_ip"), _sent_by("own_ip")))
    )
    sided = known.withColumns(
        {
            "is_flow": is_flow,
            "is_sent": F.when(is_flow, is_sent),
            "is_accepted": F.coalesce(F.col("action") == F.lit("ACCEPT"), F.lit(False)),
        }
    )
    peer = F.when(F.col("is_sent"), F.col("destination_ip")).when(~F.col("is_sent"), F.col("source_ip"))
    return sided.withColumn("peer_ip", peer).drop("version", "own_ip")


def build_peers(sums: DataFrame) -> DataFrame:
    """Return the peers of the scope: `_WATCHED`, peer_ip, sums, ports, known_at (last seen before), is_new.

    New is a peer with an accepted flow in the scope and none in the 45 days before. Bytes and packets are of accepted flows. `ports`
    are those of the service with most bytes: port, side (ours, theirs), protocol, bytes, flow_count.
    """
    one = (*_WATCHED, "peer_ip")
    in_scope = sums.where(F.col("is_in_scope") & F.col("peer_ip").isNotNull())
    side = F.when(F.col("port_is_source") == F.col("is_sent"), _OURS).otherwise(_THEIRS)
    by_port = in_scope.groupBy(*one, "port", side.alias("side"), "protocol").agg(
        _bytes(F.col("is_sent")).alias("bytes_out"),
        _bytes(~F.col("is_sent")).alias("bytes_in"),
        F.sum(F.when(F.col("is_accepted"), F.col("packets")).otherwise(0)).alias("packets"),
        _count(F.col("is_accepted")).alias("accepted_count"),
        _count(~F.col("is_accepted")).alias("rejected_count"),
        F.sum("flow_count").alias("flow_count"),
        F.min("first_at").alias("first_at"),
        F.max("last_at").alias("last_at"),
    )
    port = F.struct(
        (-(F.col("bytes_in") + F.col("bytes_out"))).alias("order"),
        (-F.col("flow_count")).alias("order_too"),
        "port", "side", "protocol",
    )  # fmt: skip
    listed = F.transform(
        F.slice(F.array_sort(F.collect_list(port)), 1, MOST_PORTS),
        lambda each: F.struct(
            each["port"].alias("port"), each["side"].alias("side"), each["protocol"].alias("protocol"),
            (-each["order"]).alias("bytes"), (-each["order_too"]).alias("flow_count"),
        ),
    )  # fmt: skip
    totals = ("bytes_in", "bytes_out", "packets", "accepted_count", "rejected_count")
    peers = by_port.groupBy(*one).agg(
        *[F.sum(name).alias(name) for name in totals],
        F.min("first_at").alias("first_at"),
        F.max("last_at").alias("last_at"),
        listed.alias("ports"),
        F.count(F.lit(1)).alias("port_count"),
    )
    # Of a record whose sides are not known either address may be the peer: neither is called new for want of knowing.
    addresses = F.when(F.col("peer_ip").isNotNull(), F.array("peer_ip")).otherwise(
        F.array("source_ip", "destination_ip")
    )
    before = (
        sums.where(~F.col("is_in_scope") & F.col("is_flow") & F.col("is_accepted"))
        .select(*_WATCHED, F.explode(addresses).alias("peer_ip"), "last_at")
        .groupBy(*one)
        .agg(F.max("last_at").alias("known_at"))
    )
    is_new = F.col("known_at").isNull() & (F.col("accepted_count") > 0)
    return peers.join(before, on=list(one), how="left").withColumn("is_new", is_new)


def build_totals(watched: DataFrame, sums: DataFrame, peers: DataFrame) -> DataFrame:
    """Return one row per watched instance or address, also of one without a flow.

    unclear_count: records whose sides are not known; lost_count: windows of which records were lost (SKIPDATA); refused_peer_count:
    peers all of whose flows were rejected; since_at: first record of the 45 days before (null: none).
    """
    is_in_scope, is_flow = F.col("is_in_scope"), F.col("is_flow")
    is_sided = is_in_scope & F.col("is_sent").isNotNull()
    summed = sums.groupBy(*_WATCHED).agg(
        _count(is_in_scope & is_flow).alias("flow_count"),
        _bytes(is_sided & ~F.col("is_sent")).alias("bytes_in"),
        _bytes(is_sided & F.col("is_sent")).alias("bytes_out"),
        _count(is_in_scope & is_flow & F.col("is_accepted")).alias("accepted_count"),
        _count(is_in_scope & is_flow & ~F.col("is_accepted")).alias("rejected_count"),
        _count(is_in_scope & is_flow & F.col("is_sent").isNull()).alias("unclear_count"),
        _count(is_in_scope & F.coalesce(F.col("log_status") == F.lit("SKIPDATA"), F.lit(False))).alias("lost_count"),
        F.array_sort(F.collect_set(F.when(is_in_scope & is_flow, F.col("interface_id")))).alias("interface_ids"),
        F.min(F.when(~is_in_scope, F.col("first_at"))).alias("since_at"),
    )
    counted = peers.groupBy(*_WATCHED).agg(
        F.count(F.lit(1)).alias("peer_count"),
        F.count_if("is_new").alias("new_peer_count"),
        F.count_if(F.col("accepted_count") == 0).alias("refused_peer_count"),
    )
    return (
        watched.join(summed, on=list(_WATCHED), how="left")
        .join(counted, on=list(_WATCHED), how="left")
        .fillna(0)
        .withColumn("interface_ids", F.coalesce("interface_ids", F.array().cast("array<string>")))
    )


def _keys(watched: DataFrame, attachments: DataFrame) -> DataFrame:
    """Return by what a flow is known as one of the watched, and from when until when."""
    timed = watched.withColumns({"from_at": baseline_start(), "until_at": F.col("scope_end_at")})
    instances = timed.where(F.col("watched_kind") == F.lit(INSTANCE))
    addresses = timed.where(F.col("watched_kind") == F.lit(ADDRESS))
    held = instances.join(attachments, on=F.col("watched_id") == F.col("instance_id"), how="inner")
    nothing = F.lit(None).cast("string")

    def keyed(rows: DataFrame, kind: str, key: str, private_ip: Column = nothing) -> DataFrame:
        told = (F.lit(kind).alias("key_kind"), F.col(key).alias("key"), private_ip.alias("private_ip"))
        return rows.select(*_WATCHED, "scope_start_at", "from_at", "until_at", *told)

    by_interface = held.withColumns(
        {"from_at": F.greatest("from_at", "attached_at"), "until_at": F.least("until_at", "detached_at")}
    )
    return (
        keyed(instances, "instance", "watched_id")
        .unionByName(keyed(by_interface, "interface", "interface_id", F.col("private_ip")))
        .unionByName(keyed(addresses, "source", "watched_id"))
        .unionByName(keyed(addresses, "destination", "watched_id"))
    )


def _key(kind: str, key: Column) -> Column:
    return F.struct(F.lit(kind).alias("key_kind"), key.alias("key"))


def _sent_by(address: str) -> Column:
    """Whether the interface's address is where a flow came from; null if it is neither side's, or both."""
    is_source, is_destination = F.col(address) == F.col("source_ip"), F.col(address) == F.col("destination_ip")
    return F.when(is_source & ~is_destination, F.lit(True)).when(is_destination & ~is_source, F.lit(False))


def _bytes(condition: Column) -> Column:
    return F.sum(F.when(condition & F.col("is_accepted"), F.col("bytes")).otherwise(0))


def _count(condition: Column) -> Column:
    return F.sum(F.when(condition, F.col("flow_count")).otherwise(0))
