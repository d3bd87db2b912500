"""What flow logs are joined with: which instance held which network interface, from CloudTrail."""

from __future__ import annotations

from expectations.tables import CLOUDTRAIL_EVENTS, INTERFACE_CHANGES, VPC_FLOWS
from pipelines.night import Night
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import Candidate, Made, table_asset
from transforms.flows.interfaces import build_interface_changes


@table_asset(INTERFACE_CHANGES, upstream=[CLOUDTRAIL_EVENTS, VPC_FLOWS], partitions=PUBLISH_DAYS)
def interface_changes(night: Night) -> Made | None:
    """Of every day that got new events. A lake without flow logs needs none of it: its first flows bring all days."""
    if night.lake.version(VPC_FLOWS) == 0:
        return None
    days = night.touched_days(INTERFACE_CHANGES, CLOUDTRAIL_EVENTS)
    rows = build_interface_changes(night.lake.read_days(CLOUDTRAIL_EVENTS, days))
    return {INTERFACE_CHANGES.name: Candidate(rows, days)}
