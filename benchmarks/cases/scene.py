"""What a case is played with: an hour of its own in an organisation, people and roles of its own, and a book to write in."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.cases.book import Book, published_after
from benchmarks.cases.company import Colleague, Company
from benchmarks.cases.parameters import Parameters
from benchmarks.cases.truth import NOBODY, Check, Expectation, Outcome
from benchmarks.organisation import agents
from benchmarks.organisation.actors import Role, User
from benchmarks.organisation.calls import Call
from benchmarks.organisation.catalogue import (
    DESCRIBE_INSTANCES,
    DESCRIBE_LOG_GROUPS,
    DESCRIBE_TABLE,
    GET_BUCKET_LOCATION,
    GET_CALLER_IDENTITY,
    LIST_BUCKETS,
)
from benchmarks.organisation.credentials import Caller, Principal, Session, role_caller, user_caller, user_principal
from benchmarks.organisation.delivery import Delivery as Lags
from benchmarks.organisation.identifiers import account_id, resource_id, seeded, unique_id
from benchmarks.organisation.journal import Counts, Journal
from benchmarks.organisation.places import SEATTLE

HOUR, MINUTE = 3_600, 60
ORDINARY_CALLS = (
    DESCRIBE_INSTANCES,
    DESCRIBE_LOG_GROUPS,
    DESCRIBE_TABLE,
    GET_BUCKET_LOCATION,
    GET_CALLER_IDENTITY,
    LIST_BUCKETS,
)


@dataclass
class Scene:
    """One case in one organisation. Its random numbers are its own, so that no case changes another's records."""

    number: int
    company: Company
    parameters: Parameters
    book: Book
    expectations: list[Expectation] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    own_accounts: list[str] = field(default_factory=list)
    rng: random.Random = field(init=False)
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.rng = seeded(self.parameters.seed, "case", self.company.number, self.number)
        self.journal = Journal(Lags(), Counts(), self.parameters.end_at, self.rng)

    # The clock.

    def at(self, minutes: float = 0) -> int:
        """Return a moment of this case's hour, in epoch seconds: case 17 begins at the seventeenth hour of the first day."""
        return self.parameters.start_at + self.number * HOUR + round(minutes * MINUTE)

    # The cast.

    def user(self, name: str, account: str) -> User:
        """Return an IAM user with a long-term key."""
        return User(
            name=name,
            id=unique_id(self.rng, "AIDA"),
            account_id=account,
            access_key_id=unique_id(self.rng, "AKIA"),
            place=SEATTLE,
            addresses=(SEATTLE.address(self.rng.getrandbits(10)),),
            agent=agents.AWS_CLI[0],
            browser=agents.BROWSERS[0],
        )

    def role(self, name: str, account: str, path: str = "/") -> Role:
        """Return a role. A role that is made anew under the same name is another one."""
        return Role(unique_id(self.rng, "AROA"), name, account, path)

    def colleague(self, name: str) -> Colleague:
        """Return somebody who signs in through Identity Center."""
        number = f"{self.rng.getrandbits(128):032x}"
        user_id = "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
        return Colleague(f"{name}@acme.example", user_id)

    def key(self) -> str:
        """Return the id of a temporary access key."""
        return unique_id(self.rng, "ASIA")

    def instance_id(self) -> str:
        """Return an EC2 instance's id."""
        return resource_id(self.rng, "i")

    def own_account(self) -> str:
        """Return an account with logs in which nothing but this case happens."""
        self.own_accounts.append(account_id(self.rng))
        return self.own_accounts[-1]

    def foreign_account(self) -> str:
        """Return an account whose logs nobody here has."""
        return account_id(self.rng)

    # What they do.

    def long_term(self, user: User) -> Caller:
        """Return a user with the long-term key."""
        return user_caller(user, user.addresses[0])

    def with_key(self, session: Session, key: str | None = None, **context: Any) -> Caller:
        """Return a role session with a key: the issued one unless another is given. `context` goes beside `attributes`."""
        address = SEATTLE.address(self.rng.getrandbits(10))
        return role_caller(session, key or session.access_key_ids[0], address, agents.AWS_CLI[0], **context)

    def without_key(self, session: Session, service: str) -> Caller:
        """Return a service-linked role as its service acts with it: no key, invokedBy, no address (SEMANTICS §1)."""
        caller = role_caller(session, None, service, service).shown_as(invokedBy=service)
        return replace(caller, has_tls=False)

    def stray(self, role: Role, name: str, at: int) -> Session:
        """Return a role session whose issuing call is in no log."""
        return Session(
            case=str(self.number),
            principal_id=f"{role.id}:{name}",
            role=role,
            session_name=name,
            account_id=role.account_id,
            started_at=at,
            assumed_by=NOBODY,
            root=NOBODY,
            chain=(role.arn,),
            access_key_ids=[self.key()],
        )

    def own_session(self, user: User, at: int, *keys: str) -> Session:
        """Return a session in which a user stays a user: the console's, or that of GetSessionToken."""
        principal = user_principal(user)
        return Session(
            str(self.number),
            user.id,
            None,
            None,
            user.account_id,
            at,
            principal,
            principal,
            access_key_ids=list(keys),
        )

    def act(self, caller: Caller, *moments: int, call: Call | None = None) -> None:
        """Make a call at each of the moments: the given one, or an ordinary one."""
        for at in moments:
            made = call or self.rng.choice(ORDINARY_CALLS)
            self.write_of(caller, self.journal.record(caller, made, at), at)

    def write_of(self, caller: Caller, record: dict[str, Any], at: int, published_at: int | None = None) -> None:
        """Write what a caller did, and count it for the caller's session."""
        self.book.write(record, published_at or published_after(at))
        if caller.session is not None:
            caller.session.event_count += 1

    def write(self, record: dict[str, Any], at: int) -> None:
        """Write a record that is nobody's use of a session, published as usual."""
        self.book.write(record, published_after(at))

    # What should be found.

    def expect(
        self, session: Session, outcome: Outcome, what: str = "", *, key: str | None = None, **facts: Any
    ) -> None:
        """Say what is true of a session. `key`: one that only it has; `facts`: further columns of its row."""
        self.expectations.append(Expectation(session, outcome, what, key, facts))

    def check(self, what: str, table: str, where: dict[str, Any], count: int, **facts: Any) -> None:
        """Say what else must hold: so many rows of a table have the values of `where`, and all of them those facts."""
        self.checks.append(Check(what, table, where, count, facts))

    def check_sessions(self, what: str, principal_id: str, count: int) -> None:
        """Say how many credential sessions a principal has."""
        self.check(what, "credential_sessions", {"principal_id": principal_id}, count)

    def check_no_issuance(self, what: str, *event_ids: str) -> None:
        """Say that these events issued nothing."""
        for event_id in event_ids:
            self.check(what, "credential_sessions", {"issuing_event_ids": event_id}, 0)

    def identity_center_user(self, colleague: Colleague) -> Principal:
        """Return a colleague as a root that Identity Center's own id names."""
        root_id = f"{self.company.identity_store_arn}/{colleague.user_id}"
        return Principal("IdentityCenterUser", root_id, colleague.name, None)
