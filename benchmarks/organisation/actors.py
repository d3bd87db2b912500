"""Who is in the organisation: accounts, roles, people, users and workloads. Facts only; what they do is in `flows`."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.organisation.places import Place


@dataclass(frozen=True)
class Account:
    """An AWS account of the organisation."""

    id: str
    name: str


@dataclass(frozen=True)
class Role:
    """An IAM role. `path` has both slashes; the assumed-role ARN drops it (SEMANTICS §1)."""

    id: str
    name: str
    account_id: str
    path: str = "/"

    @property
    def arn(self) -> str:
        """The role's ARN, with its path."""
        return f"arn:aws:iam::{self.account_id}:role{self.path}{self.name}"

    def session_arn(self, session_name: str) -> str:
        """Return the ARN of a session, without the path."""
        return f"arn:aws:sts::{self.account_id}:assumed-role/{self.name}/{session_name}"


@dataclass(frozen=True)
class Person:
    """Somebody of the workforce who signs in through Identity Center. `user_id` is that of the identity store."""

    name: str
    user_id: str
    place: Place
    addresses: tuple[str, ...]
    agent: str
    roles: tuple[Role, ...]
    shows_identity_center: bool
    uses_demo_role: bool


@dataclass(frozen=True)
class User:
    """An IAM user with a long-term key."""

    name: str
    id: str
    account_id: str
    access_key_id: str
    place: Place
    addresses: tuple[str, ...]
    agent: str
    browser: str

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{self.account_id}:user/{self.name}"


@dataclass(frozen=True)
class Instance:
    """An EC2 instance with a role. With twins, the service issues for both versions of the metadata service at once."""

    id: str
    role: Role
    region: str
    address: str
    vpc_endpoint: str | None
    agent: str
    has_twins: bool
    phase: int


@dataclass(frozen=True)
class Function:
    """A Lambda function and its execution role."""

    name: str
    role: Role
    region: str
    address: str
    shows_scope: bool


@dataclass(frozen=True)
class Repository:
    """A repository whose pipeline gets a role by OIDC. `provider` is as records name it: a host or a provider's ARN."""

    subject: str
    provider: str
    role: Role
    remote_role: Role
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Vendor:
    """A third party that assumes a role from its own account, whose logs nobody here has."""

    account_id: str
    principal_id: str
    role: Role
    address: str
