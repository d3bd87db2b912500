"""Which of several copies of a flow record stands: by the rule for events (transforms/cloudtrail/copies).

What equal copies share is computed from the columns where it is asked for, and not kept: a hash of every flow would take more
room than the flow.

Known limits. A format that leaves out fields of the key cannot tell all flows apart: of those that have one key then, one stands,
and the others are in rejected_records. Two flow logs of one interface with different windows are two records of one flow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from expectations.tables.bronze import VPC_FLOWS
from transforms.cloudtrail.copies import IN_EVENTS, Claims, Resolved, contested_claims, resolve

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SAME_FLOW = "another record is of the same interface, start and flow"

_CONTENT = ", ".join(
    f"unix_micros({column.name}) AS {column.name}" if column.type == "timestamp" else column.name
    for column in VPC_FLOWS.columns
    if column.name not in VPC_FLOWS.bookkeeping
)
CLAIMS = Claims(VPC_FLOWS, VPC_FLOWS.key, SAME_FLOW, body=f"sha2(to_json(struct({_CONTENT})), 256)")


def resolve_copies(
    deliveries: DataFrame,
    existing: DataFrame,
    *,
    rejected: DataFrame | None = None,
    settle: Callable[[DataFrame], DataFrame] | None = None,
) -> Resolved:
    """Return which deliveries stand: every flow of an interface and window once.

    Args:
        deliveries: of `delivery_batches`, in a frame.
        existing: VPC_FLOWS of the flow_dates concerned.
        rejected: see `transforms.cloudtrail.resolve_copies`.
        settle: see there.
    """
    contested = contested_claims(CLAIMS, deliveries, {IN_EVENTS: existing})
    return resolve(CLAIMS, deliveries, contested, rejected=rejected, settle=settle)
