"""The events that issue credentials, as each service logs its own (SEMANTICS §2, §3), and the sessions they start."""

from __future__ import annotations

from benchmarks.organisation.issuing.federation import on_behalf_of, sign_in_with_oidc, sign_in_with_sso
from benchmarks.organisation.issuing.roles import Assumption, assume_role, refuse_role
from benchmarks.organisation.issuing.services import EC2_LIFE, LAMBDA_LIFE, assume_for_service
from benchmarks.organisation.issuing.users import get_session_token, sign_in_to_console
from benchmarks.organisation.issuing.vendors import assume_from_outside

__all__ = [
    "EC2_LIFE",
    "LAMBDA_LIFE",
    "Assumption",
    "assume_for_service",
    "assume_from_outside",
    "assume_role",
    "get_session_token",
    "on_behalf_of",
    "refuse_role",
    "sign_in_to_console",
    "sign_in_with_oidc",
    "sign_in_with_sso",
]
