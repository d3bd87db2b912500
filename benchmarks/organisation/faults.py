"""How calls fail, in the words of the services (SEMANTICS §6)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from benchmarks.organisation.calls import NULL, Call
from benchmarks.organisation.credentials import Caller

_EC2 = "ec2.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a call failed. A denied call shows no request, except EC2's."""

    code: str
    message: str
    hides_request: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """What a failed call's record has otherwise than a successful one's."""
        fields: dict[str, Any] = {"errorCode": self.code, "errorMessage": self.message, "responseElements": NULL}
        if self.hides_request:
            fields["requestParameters"] = NULL
        return fields


def drawn_fault(caller: Caller, call: Call, rng: random.Random) -> Fault:
    """Return one of the ordinary failures of a call: denied, throttled, not found, or a dry run of EC2."""
    draw = rng.random()
    is_ec2 = call.source == _EC2
    if draw < 0.55:
        return denial(caller, call)
    if draw < 0.75:
        return Fault("Client.RequestLimitExceeded" if is_ec2 else "ThrottlingException", "Rate exceeded")
    if is_ec2:
        return Fault("Client.DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
    return Fault("ResourceNotFoundException", "The requested resource was not found.")


def denial(caller: Caller, call: Call, resource: str = "*") -> Fault:
    """Return the refusal of a call, with the sentence that AWS writes."""
    sentence = (
        f"User: {caller.shown['arn']} is not authorized to perform: {call.action} on resource: {resource} "
        f"because no identity-based policy allows the {call.action} action"
    )
    if call.source == _EC2:
        return Fault("Client.UnauthorizedOperation", f"You are not authorized to perform this operation. {sentence}")
    return Fault("AccessDenied", sentence, hides_request=True)


def assumption_denial(caller: Caller, role_arn: str) -> Fault:
    """Return the refusal of AssumeRole: the role is in the message only."""
    message = f"User: {caller.shown['arn']} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    return Fault("AccessDenied", message, hides_request=True)
