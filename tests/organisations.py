"""A small organisation, and what its trails write down of a call: raw CloudTrail records. What happens in it: tests/ingredients.py.

What a story leaves open is drawn from a `random.Random`: Hypothesis gives one of its own, a test with a fixed seed a plain one. Roles,
names and seconds come from small pools, so that stories meet. Accounts, ids and keys carry the organisation's number: organisations
never meet, however many are read together.

Belongs here: records as AWS writes them (SEMANTICS §1-§3). Does not: what they mean (tests/oracles.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from tests.oracles import Log

Identity = dict[str, Any]

T = datetime(2026, 5, 4, 10, tzinfo=UTC)
MIDNIGHT = datetime(2026, 5, 5, tzinfo=UTC) - timedelta(seconds=1)
CLOCK = date(2026, 5, 10)
LOGGED_SINCE = datetime(2026, 5, 1, tzinfo=UTC)
LATE_LOGGED_SINCE = datetime(2026, 5, 6, tzinfo=UTC)
GAP = (T + timedelta(hours=1), T + timedelta(hours=2))
"""When the first account's logs say nothing."""
STS, SIGN_IN = "sts.amazonaws.com", "signin.amazonaws.com"
NAMES = ("sara", "ci", "deploy")
USERS = ("ann", "bob")


@dataclass(frozen=True)
class Role:
    id: str
    name: str
    account_id: str
    path: str = "/"

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:role{self.path}{self.name}"


@dataclass
class Organisation:
    """Two accounts that are logged, one that is logged later, one that is not; users, roles, and what they did."""

    number: int
    chance: Random
    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sessions: list[tuple[Identity, datetime]] = field(default_factory=list)
    count: int = 0

    @property
    def accounts(self) -> tuple[str, str, str]:
        """The logged ones; the last one's logs begin late."""
        first, second, late = (f"{self.number:010}{last:02}" for last in (1, 2, 3))
        return first, second, late

    @property
    def unlogged(self) -> str:
        return f"{self.number:010}09"

    @property
    def roles(self) -> tuple[Role, ...]:
        first, second, late = self.accounts
        return (
            Role(f"AROA{self.number:05}ADMIN", "admin", first),
            Role(f"AROA{self.number:05}AUDIT", "audit", second, "/team/"),
            Role(f"AROA{self.number:05}BUILD", "build", second),
            Role(f"AROA{self.number:05}LATER", "later", late),
        )

    def log(self) -> Log:
        first, second, late = self.accounts
        begins = {first: LOGGED_SINCE, second: LOGGED_SINCE, late: LATE_LOGGED_SINCE}
        return Log(self.records, CLOCK, begins, {first: [GAP]})

    # -- what is drawn ---------------------------------------------------------------------------------------------------

    def one_of(self, *choices: Any) -> Any:
        return self.chance.choice(choices)

    def is_so(self, share: float) -> bool:
        return self.chance.randrange(100) < 100 * share

    def moment(self) -> datetime:
        """Return a second that others like too; now and then at midnight, before the logs begin, or just before they end."""
        around = self.one_of(T, T, T, T, T, MIDNIGHT, T - timedelta(days=5), T + timedelta(days=5))
        return around + timedelta(seconds=self.one_of(0, 0, 1, 2, 60))

    def account(self) -> str:
        return self.one_of(*self.accounts[:2], *self.accounts)

    def new_key(self) -> str:
        self.count += 1
        return f"ASIA{self.number:05}{self.count:04}"

    def telling_name(self) -> str:
        """Return a session name that looks like something: an instance, a node, an identity pool, a person."""
        instance = f"i-{self.number:016x}0"
        return str(self.one_of(instance, f"m{instance}", "CognitoIdentityCredentials", "sara@acme.example"))

    def caller(self, at: datetime) -> Identity:
        """Return a user with a long-term key, or a session that has begun by then."""
        begun = [who for who, since in self.sessions if since <= at]
        return self.one_of(self.user(), *begun[-3:])

    # -- who is who (SEMANTICS §1) ---------------------------------------------------------------------------------------

    def user(self, name: str | None = None, account_id: str | None = None) -> Identity:
        name, account_id = name or self.one_of(*USERS), account_id or self.accounts[0]
        return {"type": "IAMUser", "principalId": f"AIDA{account_id}{name.upper()}", "accountId": account_id, "userName": name,
                "arn": f"arn:aws:iam::{account_id}:user/{name}", "accessKeyId": f"AKIA{account_id}{name.upper()}"}  # fmt: skip

    def root_user(self) -> Identity:
        account_id = self.accounts[0]
        return {"type": "Root", "principalId": account_id, "accountId": account_id, "arn": f"arn:aws:iam::{account_id}:root",
                "accessKeyId": ""}  # fmt: skip

    def service(self, host: str) -> Identity:
        return {"type": "AWSService", "invokedBy": host}

    # -- what is written -------------------------------------------------------------------------------------------------

    def write(self, who: Identity, api: tuple[str, str], at: datetime, **fields: Any) -> dict[str, Any]:
        """Write a record into the caller's own trail, or another account's."""
        self.count += 1
        account_id = fields.pop("recipientAccountId", None) or who.get("accountId") or self.accounts[0]
        record = {
            "eventVersion": "1.08", "userIdentity": who, "eventTime": iso(at), "eventSource": api[0], "eventName": api[1],
            "awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.15.0",
            "eventID": f"event-{self.number}-{self.count}", "eventType": "AwsApiCall", "managementEvent": True,
            "eventCategory": "Management", "recipientAccountId": account_id, **fields,
        }  # fmt: skip
        self.records.append((account_id, record))
        return record

    def issue(self, who: Identity, api: str, at: datetime, *, role: Role | None = None, **fields: Any) -> None:
        """Write an issuing call: a copy for each account concerned, of which some may be missing."""
        copies = fields.pop("copies", "both")
        owner = role.account_id if role else who["accountId"]
        home = who.get("accountId") or owner
        shared = {"sharedEventID": f"shared-{self.number}-{self.count}"} if owner != home else {}
        if role:
            fields["resources"] = [{"ARN": role.arn, "accountId": owner, "type": "AWS::IAM::Role"}]
        if copies != "owner":
            self.write(who, (STS, api), at, recipientAccountId=home, **shared, **fields)
        if shared and copies != "caller":
            stranger = {"type": "AWSAccount", "principalId": who["principalId"], "accountId": home}
            self.write(stranger, (STS, api), at, recipientAccountId=owner, **shared, **fields)

    def assume(self, who: Identity, role: Role, name: str, at: datetime, **how: Any) -> tuple[Identity, str]:
        """Let somebody take a role; return the session's identity, with the key that was issued, and that key.

        Args:
            who: the caller.
            role: the role.
            name: the session's name.
            at: when.
            how: `api`, `says_whose` (the response names the principal), `copies` (both, caller, owner, none), `life` in seconds,
                `request` (more of it).
        """
        key, says_whose = self.new_key(), how.pop("says_whose", True)
        life = how.pop("life", 3600)
        response: Any = {"credentials": {"accessKeyId": key, "expiration": expiration(at, life)}}
        asked = self.one_of({}, {"durationSeconds": life}, {"durationSeconds": str(life)}) if life != 23_700 else {}
        if self.is_so(0.1):
            del response["credentials"]["expiration"]
        if says_whose:
            response["assumedRoleUser"] = {"assumedRoleId": f"{role.id}:{name}", "arn": f"{session_arn(role, name)}"}
        request: Any = {"roleArn": role.arn, "roleSessionName": name, **asked, **how.pop("request", {})}
        if self.is_so(0.05):
            response = None  # more than 100 KB, and left out (SEMANTICS §3)
            request = request if self.is_so(0.5) else None
        if how.get("copies") != "none":
            self.issue(
                who,
                how.pop("api", "AssumeRole"),
                at,
                role=role,
                requestParameters=request,
                responseElements=response,
                **how,
            )
        session = role_session(role, name, at, key)
        self.sessions.append((session, at))
        return session, key

    def use(self, session: Identity, at: datetime, **fields: Any) -> None:
        """Do something with a session, a few times: with its key, or with another, or without one (services); also on later days."""
        for number in range(self.one_of(0, 1, 1, 2)):
            key = self.one_of(session.get("accessKeyId"), session.get("accessKeyId"), self.new_key(), None)
            later = timedelta(seconds=5 + number) + self.one_of(timedelta(), timedelta(), timedelta(hours=20))
            who = without_start(session) if key and self.is_so(0.1) else session  # as old records are
            data = {"eventCategory": "Data", "managementEvent": False} if self.is_so(0.1) else {}
            self.write(with_key(who, key), ("ec2.amazonaws.com", "DescribeInstances"), at + later, **data, **fields)


def iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def expiration(at: datetime, life: int) -> str:
    return f"{at + timedelta(seconds=life):%b %d, %Y, %I:%M:%S %p}"


def session_arn(role: Role, name: str) -> str:
    """Return the ARN that its calls show: the role's path is dropped."""
    return f"arn:aws:sts::{role.account_id}:assumed-role/{role.name}/{name}"


def role_session(role: Role, name: str, since: datetime, key: str | None, **context: Any) -> Identity:
    issuer = {
        "type": "Role",
        "principalId": role.id,
        "arn": role.arn,
        "accountId": role.account_id,
        "userName": role.name,
    }
    who = {
        "type": "AssumedRole", "principalId": f"{role.id}:{name}", "arn": session_arn(role, name), "accountId": role.account_id,
        "sessionContext": {"sessionIssuer": issuer, "attributes": {"creationDate": iso(since)}, **context},
    }  # fmt: skip
    return with_key(who, key)


def with_key(who: Identity, key: str | None) -> Identity:
    rest = {name: value for name, value in who.items() if name != "accessKeyId"}
    return {**rest, "accessKeyId": key} if key else rest


def with_start(who: Identity, since: datetime) -> Identity:
    context = who.get("sessionContext") or {}
    return {
        **who,
        "sessionContext": {**context, "attributes": {**context.get("attributes", {}), "creationDate": iso(since)}},
    }


def without_start(who: Identity) -> Identity:
    context = {**who["sessionContext"], "attributes": {}}
    return {**who, "sessionContext": context}
