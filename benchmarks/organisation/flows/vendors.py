"""A third party's monitoring: a role taken from an account whose logs nobody here has."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.organisation.agents import VENDOR_SDK
from benchmarks.organisation.credentials import role_caller
from benchmarks.organisation.issuing import assume_from_outside
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import MONITORING

_MEAN_CALLS = 8


def work_vendors(shift: Shift) -> None:
    """Let the vendor look around, at any hour."""
    vendor = shift.organisation.vendor
    for _ in range(shift.times(_MEAN_CALLS + 1)):
        at = shift.any_moment()
        if shift.is_over(at):
            continue
        session = assume_from_outside(shift, vendor, at)
        caller = role_caller(session, session.access_key_ids[0], vendor.address, VENDOR_SDK)
        count = shift.rng.randrange(4, 2 * _MEAN_CALLS - 3)
        shift.work(replace(caller, region="us-west-2"), MONITORING, count, (at + 1, at + 600))
        shift.ledger.close(session)
