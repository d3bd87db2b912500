"""What flow logs are joined with: which instance held which network interface, from CloudTrail."""

from __future__ import annotations

from expectations.tables import CLOUDTRAIL_EVENTS, INTERFACE_CHANGES, VPC_FLOWS
from pipelines.night import Night
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import Candidate, Made, table_asset
from transforms.flows.interfaces import build_interface_changes

_HAS_FLOWS = "has_flows"  # fact of the table: whether anything is joined with it


@table_asset(
    INTERFACE_CHANGES,
    upstream=[CLOUDTRAIL_EVENTS],
    partitions=PUBLISH_DAYS,
    facts=lambda night: {_HAS_FLOWS: night.lake.version(VPC_FLOWS) > 0},
)
def interface_changes(night: Night) -> Made:
    """Of every day that got new events. A lake without flow logs needs none of it: its first flows bring all days."""
    return change(night)


def change(night: Night) -> Made:
    """Return what the asset publishes."""
    lake = night.lake
    if lake.version(VPC_FLOWS) == 0:
        nothing = lake.spark.createDataFrame([], INTERFACE_CHANGES.schema_ddl)
        return {INTERFACE_CHANGES.name: Candidate(nothing, [])}
    if night.fact(INTERFACE_CHANGES, _HAS_FLOWS):
        days = night.touched_days(INTERFACE_CHANGES, CLOUDTRAIL_EVENTS)
    else:
        days = lake.touched_days(CLOUDTRAIL_EVENTS, -1)
    rows = build_interface_changes(lake.read_days(CLOUDTRAIL_EVENTS, days))
    return {INTERFACE_CHANGES.name: Candidate(rows, days)}
