"""Records as CloudTrail writes them.

All of it is on the path of every event: identities and requests come already encoded.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from benchmarks.organisation.calls import NULL, Call
from benchmarks.organisation.credentials import Caller
from benchmarks.organisation.delivery import Delivery
from benchmarks.organisation.faults import Fault, drawn_fault
from benchmarks.organisation.identifiers import unique_id, uuid_pair
from benchmarks.organisation.instants import iso
from benchmarks.organisation.parameters import HOME_REGION

_FAULT_SHARE = 0.024
_FORWARD_SHARE = 0.6


@dataclass(frozen=True)
class Counts:
    """How many events were written, by what they are and by recipient account."""

    by_kind: Counter[str] = field(default_factory=Counter)
    by_account: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes records into the delivery. `end_at` is the first second that is not generated, in epoch seconds."""

    delivery: Delivery
    counts: Counts
    end_at: int
    rng: random.Random

    def write(self, record: dict[str, Any], at: int, kind: str) -> bool:
        """Write a record unless it is past the end; say whether it was. `kind` is what the summary counts it under."""
        if at >= self.end_at:
            return False
        account_id = record["recipientAccountId"]
        self.counts.by_kind[kind] += 1
        self.counts.by_account[account_id] += 1
        body = memoryview(orjson.dumps(record)).tobytes()  # a copy: orjson's own bytes keep four times their room
        self.delivery.accept((account_id, record["awsRegion"]), at, body, self.rng)
        return True

    def write_of(self, caller: Caller, record: dict[str, Any], at: int) -> bool:
        """Write a record of a caller's own call, and count it for the caller's session."""
        session = caller.session
        if not self.write(record, at, "long_term_key" if session is None else "session"):
            return False
        if session is not None:
            session.event_count += 1
        return True

    def call(self, caller: Caller, call: Call, at: int, *, fault: Fault | None = None, may_fail: bool = True) -> None:
        """Write one call, and what its service does in the caller's name. Unless told otherwise a few of them fail."""
        rng = self.rng
        if fault is None and may_fail and rng.random() < _FAULT_SHARE:
            fault = drawn_fault(caller, call, rng)
        record = self.record(caller, call, at)
        if fault is not None:
            record |= fault.fields
        is_written = self.write_of(caller, record, at)
        if is_written and call.forwards is not None and fault is None and rng.random() < _FORWARD_SHARE:
            self._forward(caller, call, call.forwards, at)

    def _forward(self, caller: Caller, origin: Call, call: Call, at: int) -> None:
        """Write what a service does in the caller's name: invokedBy, a fresh key, no TLS (SEMANTICS §2, FAS)."""
        service = origin.source if self.rng.random() < 0.9 else "AWS Internal"
        acting = caller.forwarded(service, unique_id(self.rng, "ASIA"), at)
        later = at + (self.rng.random() < 0.3)
        if self.write_of(acting, self.record(acting, call, later), later) and acting.session is not None:
            acting.session.unlisted_key_count += 1

    def record(self, caller: Caller, call: Call, at: int) -> dict[str, Any]:
        """Return a record of a call in the caller's account and region, with one of the call's own requests."""
        request_id, event_id = uuid_pair(self.rng)
        requests = call.requests
        record: dict[str, Any] = {
            "eventVersion": call.version,
            "userIdentity": caller.identity,
            "eventTime": iso(at),
            "eventSource": call.source,
            "eventName": call.name,
            "awsRegion": HOME_REGION if call.is_global else caller.region,
            "sourceIPAddress": caller.source,
            "userAgent": caller.agent,
            "requestParameters": requests[0] if len(requests) == 1 else self.rng.choice(requests),
            "responseElements": call.response,
            "requestID": request_id,
            "eventID": event_id,
            "readOnly": call.read_only,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": caller.account_id,
            "eventCategory": "Management",
        }
        if caller.has_tls:
            record["tlsDetails"] = call.tls[caller.region]
        if caller.vpc_endpoint is not None:
            record["vpcEndpointId"] = caller.vpc_endpoint
        if caller.is_console and self.rng.random() < 0.8:
            record["sessionCredentialFromConsole"] = "true"
        return record

    def service_event(self, identity: dict[str, Any], call: Call, at: int, details: dict[str, Any]) -> dict[str, Any]:
        """Return an AwsServiceEvent: something a service did or noted, not an API call; no request, no response."""
        request_id, event_id = uuid_pair(self.rng)
        return {
            "eventVersion": "1.08",
            "userIdentity": identity,
            "eventTime": iso(at),
            "eventSource": call.source,
            "eventName": call.name,
            "awsRegion": HOME_REGION,
            "sourceIPAddress": "AWS Internal",
            "userAgent": "AWS Internal",
            "requestParameters": NULL,
            "responseElements": NULL,
            "requestID": request_id,
            "eventID": event_id,
            "readOnly": call.read_only,
            "eventType": "AwsServiceEvent",
            "managementEvent": True,
            "recipientAccountId": identity["accountId"],
            "serviceEventDetails": details,
            "eventCategory": "Management",
        }
