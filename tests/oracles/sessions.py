"""Which uses and which issuances are of one session: principal, start second and, to tell twins apart, key (SEMANTICS §0, §5)."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.oracles.issuances import Issuance, name_in, name_of_person
from tests.oracles.records import PERSONS, SIGN_IN, Call, Principal, by_action

NEAR = timedelta(seconds=1)
SKEW = timedelta(seconds=5)
LONGEST_LIFE = timedelta(hours=36)
SIGN_INS = {"ConsoleLogin", "SwitchRole", "ExitRole", "RenewRole", "SwitchRoleSaml"}
WITH_CREDENTIALS = {"IAMUser", "Root", "AssumedRole", "FederatedUser"}
SCOPES = {
    "AWS::EC2::Instance": "EC2Instance", "AWS::Lambda::Function": "LambdaFunction", "AWS::ECS::Task": "ECSTask",
    "AWS::SSM::ManagedInstance": "ManagedInstance",
}  # fmt: skip


@dataclass(eq=False)
class Session:
    """One set of temporary credentials: what was done with it, and the issuances that have its very id."""

    id: str
    uses: list[Call] = field(default_factory=list)
    issuances: list[Issuance] = field(default_factory=list)

    def told(self, what: Callable[[Call], Any]) -> Any:
        """Return what any of its uses says: one speaks for all."""
        return next((value for value in map(what, self.uses) if value), None)

    @property
    def issuance(self) -> Issuance | None:
        """The first of its own issuances: what is known of a session that was never used."""
        return min(self.issuances, key=lambda it: (it.at, it.action_id), default=None)

    @property
    def type(self) -> str:
        if self.uses or self.issuance is None:
            return self.told(lambda use: use.type) or "Unknown"
        api = self.issuance.api
        if api.startswith("AssumeRole") or api in ("CreateSession", "GetCredentialsForIdentity"):
            return "AssumedRole"
        of_api = {"GetFederationToken": "FederatedUser", "AssumeRoot": "Root"}
        return of_api.get(api) or self.issuance.caller.type or "Unknown"

    @property
    def principal_id(self) -> str | None:
        return self.told(lambda use: use.principal_id) or (self.issuance.principal_id if self.issuance else None)

    @property
    def home(self) -> tuple[str | None, datetime | None]:
        """Principal and start; of a session never used whose issuance does not say whose it is, role and name stand for that."""
        principal_id, started_at = self.issuance.home if self.issuance else (None, None)
        return self.told(lambda use: use.principal_id) or principal_id, self.told(lambda use: use.since) or started_at

    @property
    def started_at(self) -> datetime | None:
        return self.home[1]

    @property
    def account_id(self) -> str | None:
        return self.told(lambda use: use.account_id) or (self.issuance.account_id if self.issuance else None)

    @property
    def role_arn(self) -> str | None:
        return self.told(lambda use: use.role_arn) or (self.issuance.role_arn if self.issuance else None)

    @property
    def name(self) -> str | None:
        """The role session's name."""
        if not self.is_role:
            return None
        return name_in(self.principal_id) or (self.issuance.session_name if self.issuance else None)

    @property
    def is_role(self) -> bool:
        return self.type == "AssumedRole"

    @property
    def is_assumed_root(self) -> bool:
        """Open: where no call says whether, its own issuance does."""
        said = {use.is_assumed_root for use in self.uses} - {None}
        return True in said if said else self.issuance is not None and self.issuance.api == "AssumeRoot"

    @property
    def user(self) -> Principal | None:
        """Whose own session it is, if it is a user's: that user, whether the sign-in was seen or not."""
        if self.type not in PERSONS or self.is_assumed_root:
            return None
        arn = self.told(lambda use: use.arn) or (self.issuance.assumer.id if self.issuance else None)
        return Principal(self.type, arn, name_of_person(self.type, arn), self.account_id)

    @property
    def person(self) -> Principal | None:
        """The Identity Center user on whose behalf any of its calls was made; the SAML subject is not in them."""
        said = {use.on_behalf_of for use in self.uses} - {None}
        who = said.pop() if len(said) == 1 else None
        return Principal("IdentityCenterUser", who, self.name if self.permission_set else None, None) if who else None

    @property
    def issuer(self) -> Principal | None:
        """The IAM user or root user whose credentials a federated user has, if all of its uses that name one agree."""
        said = {use.issuer for use in self.uses} - {None}
        who = said.pop() if len(said) == 1 and self.type == "FederatedUser" else None
        type_ = "Root" if who and who.endswith(":root") else "IAMUser"
        return Principal(type_, who, name_of_person(type_, who), self.account_id) if who else None

    @property
    def permission_set(self) -> str | None:
        found = re.fullmatch(r"AWSReservedSSO_(.+)_[0-9a-f]{16}", (self.role_arn or "").rpartition("/")[2])
        return found[1] if found and self.is_role else None

    @property
    def workload(self) -> Principal | None:
        """The workload that AWS itself says the credentials were issued to."""
        scope = self.told(lambda use: use.scope) or {}
        arn = scope.get("credentialsIssuedTo") or scope.get("sourceArn") or ""
        type_, function = SCOPES.get(scope.get("issuerType")), re.search(r":function:([^:]+)", arn)
        name = function[1] if function and type_ == "LambdaFunction" else arn.rpartition("/")[2]
        return Principal(type_, name, name, self.account_id) if type_ and name else None

    @property
    def sign_in(self) -> tuple[str, str | None] | None:
        """The sign-in it came of, with its principal. CreateOAuth2Token names the one that is being made (SEMANTICS §1)."""
        found = self.told(lambda use: use.api[1] != "CreateOAuth2Token" and use.sign_in_session)
        return (found, self.principal_id) if found and self.principal_id else None

    @property
    def first_use(self) -> datetime | None:
        return min((use.at for use in self.uses), default=None)


def session_id(principal_id: str | None, started_at: datetime | None, key: str | None) -> str:
    """Return the hash of principal, start second and, to tell twins apart, access key."""
    parts = (principal_id or "", f"{started_at:%Y-%m-%dT%H:%M:%S}" if started_at else "", key or "")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def uses_of(calls: Sequence[Call]) -> list[Call]:
    """Return what was done with credentials: one call per action, the caller's copy, but no session's own sign-in."""
    made = [copy for copies in by_action(calls) for copy in _counted(copies)]
    return [
        call
        for call in made
        if call.type in WITH_CREDENTIALS and not (call.api[0] == SIGN_IN and call.api[1] in SIGN_INS)
    ]


def _counted(copies: Sequence[Call]) -> list[Call]:
    of_caller = [copy for copy in copies if copy.type != "AWSAccount"]
    if not of_caller or not of_caller[0].is_shared:
        return of_caller  # data events have no action in common: each account's is counted
    return [min(of_caller, key=lambda it: (it.recipient != it.account_id, it.recipient, it.event_id))]


def settle_homes(issuances: Sequence[Issuance], uses: Sequence[Call]) -> None:
    """Find which (principal, start) each successful issuance made, and give it the id of that session.

    It is the usage that echoes it to the second; else one that used its key; else the only one within a second, unless that has an
    issuance of its own to the second; else nothing used it yet. Issued to whom nobody says, and unused, it makes none.
    """
    groups: dict[tuple[str, datetime], list[Call]] = defaultdict(list)
    for use in sorted(uses, key=lambda it: it.at):
        if use.principal_id and use.since:
            groups[use.principal_id, use.since].append(use)
    has_own = {group for group in groups for issuance in issuances if _echo(issuance, group, groups) == timedelta(0)}
    for issuance in issuances:
        same_second = [group for group in groups if _echo(issuance, group, groups) == timedelta(0)]
        same_key = [group for group, made in groups.items() if _used_key(issuance, made)]
        near = [group for group in groups if group not in has_own and _echo(issuance, group, groups) == NEAR]
        unused = (issuance.principal_id or _role_and_name(issuance), issuance.at)
        # Open: of several the nearest in time, then the first; the logs make no two.
        found = min(same_second, default=None) or min(
            same_key, key=lambda it: (abs(it[1] - issuance.at), it), default=None
        )
        issuance.home = found or (near[0] if len(near) == 1 else unused)
    for issuance in issuances:
        names = {each.key or each.action_id for each in issuances if each.home == issuance.home}
        issuance.is_twin = len(names) > 1
        own_name = (issuance.key or issuance.action_id) if issuance.is_twin else None
        issuance.session_id = session_id(*issuance.home, own_name)


def _role_and_name(issuance: Issuance) -> str | None:
    return ":".join(filter(None, (issuance.role_arn, issuance.session_name))) if issuance.role_arn else None


def _echo(issuance: Issuance, group: tuple[str, datetime], groups: Mapping[Any, Sequence[Call]]) -> timedelta | None:
    """Return how far from the issuance the usage began, if it is the same principal's; by role and name if that was not told."""
    principal_id, since = group
    if issuance.principal_id:
        is_same = principal_id == issuance.principal_id
    else:
        is_same = issuance.role_arn is not None and (issuance.role_arn, issuance.session_name) in {
            (use.role_arn, principal_id.rpartition(":")[2]) for use in groups[group]
        }
    return abs(since - issuance.at) if is_same else None


def _used_key(issuance: Issuance, uses: Sequence[Call]) -> bool:
    """Whether the uses begin to use its key within its life, in its account: key ids are unique only there (SEMANTICS §0)."""
    of_key = [use for use in uses if use.key and (use.key, use.account_id) == (issuance.key, issuance.account_id)]
    return bool(of_key) and is_in_life(issuance, of_key[0].at)


def is_in_life(issuance: Issuance, at: datetime) -> bool:
    end = issuance.expires_at or issuance.at + LONGEST_LIFE
    return issuance.at - SKEW <= at <= end + timedelta(seconds=300)


def session_of(use: Call, issued: Sequence[Issuance], real: set[tuple[str | None, datetime | None]]) -> str | None:
    """Return the id of the session that a call was made with; null for a long-term key, and for what a service made of one.

    A forward-access call inherits the session of its caller: same principal, same date, another key; no method is needed. One of
    an IAM user or root has that session only if it exists: it was issued, or something else was done with it; else the service
    minted the date (SEMANTICS §2, DESIGN §3).
    """
    of_key = [
        each for each in issued
        if each.key and (each.key, each.account_id, each.home[0]) == (use.key, use.account_id, use.principal_id)
    ]  # fmt: skip
    key_started_at = min((each.home[1] for each in of_key), default=None)
    started_at = use.since or key_started_at
    if use.type in PERSONS:
        is_minted = use.invoked_by is not None and (use.principal_id, use.since) not in real
        if is_minted or started_at is None:
            return None
    is_twins_key = any(each.is_twin for each in of_key) and started_at == key_started_at
    return session_id(use.principal_id, started_at, use.key if is_twins_key or started_at is None else None)


def sessions_of(issued: Sequence[Issuance], uses: Sequence[Call]) -> tuple[dict[str, Session], dict[str, str]]:
    """Return the sessions by id, and by event id the session that the call was made with."""
    real: set[tuple[str | None, datetime | None]] = {issuance.home for issuance in issued}
    real |= {(use.principal_id, use.since) for use in uses if use.type in PERSONS and use.since and not use.invoked_by}
    sessions: dict[str, Session] = {}
    made_with: dict[str, str] = {}
    for use in sorted(uses, key=lambda it: (it.at, it.event_id)):
        if (name := session_of(use, issued, real)) is not None:
            sessions.setdefault(name, Session(name)).uses.append(use)
            made_with[use.event_id] = name
    for issuance in issued:
        sessions.setdefault(issuance.session_id, Session(issuance.session_id)).issuances.append(issuance)
    return sessions, made_with
