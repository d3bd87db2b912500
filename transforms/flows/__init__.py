"""VPC flow logs: from their objects to flows, once each, and which instance held an interface when (INPUTS §7, SEMANTICS §8).

Belongs here: what a flow record means. Does not: listing and opening objects, writing tables, and what an investigation shows of
flows (investigations).
"""

from transforms.flows.copies import CLAIMS, resolve_copies
from transforms.flows.objects import delivery_batches

__all__ = ["CLAIMS", "delivery_batches", "resolve_copies"]
