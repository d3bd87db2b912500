"""CloudTrail: from the objects of a trail to events, once each (DESIGN §3, SEMANTICS §1, §3, §6).

Belongs here: what a record means and which of its copies stands. Does not: listing and opening objects, and writing tables.
"""

from transforms.cloudtrail.addenda import lay_over
from transforms.cloudtrail.arrow import delivery_ddl
from transforms.cloudtrail.copies import EVENT_CLAIMS, Resolved, only_callers_copies, resolve_copies
from transforms.cloudtrail.counts import count_rows, files
from transforms.cloudtrail.deliveries import delivery_batches, parse_objects, rejects

__all__ = [
    "EVENT_CLAIMS",
    "Resolved",
    "count_rows",
    "delivery_batches",
    "delivery_ddl",
    "files",
    "lay_over",
    "only_callers_copies",
    "parse_objects",
    "rejects",
    "resolve_copies",
]
