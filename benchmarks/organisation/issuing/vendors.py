"""A role taken from an account whose logs nobody here has."""

from __future__ import annotations

from benchmarks.organisation.actors import Vendor
from benchmarks.organisation.agents import VENDOR_SDK
from benchmarks.organisation.credentials import Caller, Principal, Session
from benchmarks.organisation.identifiers import unique_id, uuid_text
from benchmarks.organisation.issuing.roles import ASSUME_ROLE, Assumption, credentials, first_session
from benchmarks.organisation.shift import Shift


def assume_from_outside(shift: Shift, vendor: Vendor, at: int) -> Session:
    """Let a vendor take its role: only the owner's copy exists here, with an id and an account (SEMANTICS §3)."""
    assumption = Assumption(vendor.role, "monitor", at, "vendor")
    principal = Principal("ExternalPrincipal", vendor.principal_id, None, vendor.account_id)
    shown = {"type": "AWSAccount", "principalId": vendor.principal_id, "accountId": vendor.account_id}
    caller = Caller(shown, vendor.role.account_id, principal, principal, None, vendor.address, VENDOR_SDK)
    key = unique_id(shift.rng, "ASIA")
    record = shift.journal.record(caller, ASSUME_ROLE, at)
    record["requestParameters"] = {**assumption.request, "externalId": "acme-4711"}
    issued = credentials(shift, key, at + assumption.duration)
    record["responseElements"] = {"credentials": issued, "assumedRoleUser": assumption.user}
    record["resources"] = assumption.resources
    record["sharedEventID"] = uuid_text(shift.rng)
    shift.journal.write(record, at, "owner_copy")
    return first_session(assumption, principal, principal, key)
