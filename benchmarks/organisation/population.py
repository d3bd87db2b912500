"""The organisation made from a seed: who and what exists, for the whole period.

It grows with the accounts and the daily volume.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.organisation import agents, places
from benchmarks.organisation.actors import Account, Function, Instance, Person, Repository, Role, User, Vendor
from benchmarks.organisation.identifiers import account_id, organization_id, seeded, unique_id, uuid_text
from benchmarks.organisation.machines import build_function, build_instance, build_repository, build_vendor
from benchmarks.organisation.parameters import Parameters

ADMINISTRATOR_HASH = "598c5f73f8b2b4e5"  # of the permission set in the story's account
SSO_PATH = "/aws-reserved/sso.amazonaws.com/"
WORKLOAD_NAMES = ("payments", "platform", "data", "web", "mobile", "search", "billing", "risk")
PEOPLE_NAMES = ("marcus", "priya", "tomasz", "yuki", "elena", "david", "ines", "omar")
USER_NAMES = ("reporting", "backup", "jenkins", "olivia", "stefan", "terraform")


@dataclass(frozen=True)
class Organisation:
    """Everybody and everything. `roles` is by (account id, role name without hash)."""

    id: str
    accounts: tuple[Account, ...]
    roles: dict[tuple[str, str], Role]
    identity_store_arn: str
    sara: Person
    people: tuple[Person, ...]
    users: tuple[User, ...]
    instances: tuple[Instance, ...]
    stolen_instance: Instance
    functions: tuple[Function, ...]
    repositories: tuple[Repository, ...]
    vendor: Vendor

    @property
    def management(self) -> Account:
        """The account of the organization trail and of Identity Center."""
        return self.accounts[0]

    @property
    def security(self) -> Account:
        """The account of auditors and of the hub role."""
        return self.accounts[1]

    @property
    def workloads(self) -> tuple[Account, ...]:
        """The accounts with workloads; the first is the one in which the story begins."""
        return self.accounts[2:]

    @property
    def demo_account(self) -> Account:
        """Where DemoRole1 lives: another account than the story's first."""
        return self.workloads[1] if len(self.workloads) > 1 else self.security

    def role(self, account: Account, name: str) -> Role:
        """Return an account's role by its short name."""
        return self.roles[account.id, name]


def build_organisation(parameters: Parameters) -> Organisation:
    """Return the organisation of these parameters."""
    seed = parameters.seed
    accounts = _accounts(parameters)
    workloads = accounts[2:]
    demo_account = workloads[1] if len(workloads) > 1 else accounts[1]
    roles = {key: role for account in accounts for key, role in _roles(seed, account, account == workloads[0])}
    roles[demo_account.id, "DemoRole1"] = _role(seed, demo_account, "DemoRole1")
    volume = parameters.events_per_day
    return Organisation(
        id=organization_id(seeded(seed, "organization")),
        accounts=accounts,
        roles=roles,
        identity_store_arn=f"arn:aws:identitystore::{accounts[0].id}:identitystore/{_store_id(seed)}",
        sara=_sara(seed, roles[workloads[0].id, "AdministratorAccess"]),
        people=tuple(_person(seed, n, accounts, roles) for n in range(max(5, len(accounts), volume // 4000))),
        users=tuple(_user(seed, n, accounts) for n in range(max(4, len(accounts) - 1, volume // 4000))),
        instances=tuple(build_instance(seed, n, workloads, roles) for n in range(max(4, volume // 400))),
        stolen_instance=build_instance(seed, -1, workloads, roles),
        functions=tuple(build_function(seed, n, workloads, roles) for n in range(max(4, volume // 2000))),
        repositories=tuple(build_repository(seed, n, workloads, roles) for n in range(max(2, len(workloads)))),
        vendor=build_vendor(seed, roles[workloads[0].id, "VendorMonitoringReadOnly"]),
    )


def _store_id(seed: int) -> str:
    return f"d-{seeded(seed, 'store').getrandbits(40):010x}"


def _accounts(parameters: Parameters) -> tuple[Account, ...]:
    names = ["management", "security"]
    for number in range(parameters.accounts - 2):
        turn, index = divmod(number, len(WORKLOAD_NAMES))
        names.append(WORKLOAD_NAMES[index] + (f"-{turn + 1}" if turn else ""))
    return tuple(Account(account_id(seeded(parameters.seed, "account", name)), name) for name in names)


def _role(seed: int, account: Account, name: str, path: str = "/") -> Role:
    return Role(unique_id(seeded(seed, "role", account.name, name), "AROA"), name, account.id, path)


def _roles(seed: int, account: Account, is_first: bool) -> list[tuple[tuple[str, str], Role]]:
    roles = {}
    for permission_set in ("AdministratorAccess", "PowerUserAccess"):
        digest = f"{seeded(seed, 'hash', account.name, permission_set).getrandbits(64):016x}"
        if is_first and permission_set == "AdministratorAccess":
            digest = ADMINISTRATOR_HASH
        roles[permission_set] = _role(seed, account, f"AWSReservedSSO_{permission_set}_{digest}", SSO_PATH)
    for name in (
        "app-server",
        "task-execution",
        "github-actions",
        "deploy",
        "audit",
        "ops-hub",
        "ops-spoke",
        "ops-data",
        "VendorMonitoringReadOnly",
    ):
        roles[name] = _role(seed, account, name)
    roles["config"] = _role(seed, account, "AWSServiceRoleForConfig", "/aws-service-role/config.amazonaws.com/")
    return [((account.id, name), role) for name, role in roles.items()]


def _sara(seed: int, role: Role) -> Person:
    addresses = (places.BELLEVUE.address(1711), places.ASHBURN.address(905))
    return Person(
        "sara",
        uuid_text(seeded(seed, "person", "sara")),
        places.BELLEVUE,
        addresses,
        agents.AWS_CLI[0],
        (role,),
        False,
        True,
    )


def _person(seed: int, number: int, accounts: tuple[Account, ...], roles: dict[tuple[str, str], Role]) -> Person:
    turn, index = divmod(number, len(PEOPLE_NAMES))
    name = PEOPLE_NAMES[index] + (str(turn + 1) if turn else "")
    rng = seeded(seed, "person", name)
    place = places.HOMES[number % len(places.HOMES)]
    addresses: tuple[str, ...] = (place.address(rng.getrandbits(12)), place.address(rng.getrandbits(12)))
    if number % 5 == 3:
        addresses += (places.MOBILE.address(rng.getrandbits(12)),)
    administered, developed = (
        accounts[2 + number % (len(accounts) - 2)],
        accounts[2 + (number + 1) % (len(accounts) - 2)],
    )
    of_story = [roles[accounts[2].id, "AdministratorAccess"]] if number < 4 else []
    held = dict.fromkeys(
        [*of_story, roles[administered.id, "AdministratorAccess"], roles[developed.id, "PowerUserAccess"]]
    )
    return Person(
        name, uuid_text(rng), place, addresses, agents.AWS_CLI[number % 2], tuple(held), number % 5 == 1, number < 3
    )


def _user(seed: int, number: int, accounts: tuple[Account, ...]) -> User:
    turn, index = divmod(number, len(USER_NAMES))
    name = USER_NAMES[index] + (str(turn + 1) if turn else "")
    rng = seeded(seed, "user", name)
    place = places.HOMES[(number + 2) % len(places.HOMES)]
    account = accounts[1 + number % (len(accounts) - 1)]
    return User(
        name=name,
        id=unique_id(rng, "AIDA"),
        account_id=account.id,
        access_key_id=unique_id(rng, "AKIA"),
        place=place,
        addresses=(place.address(rng.getrandbits(12)), place.address(rng.getrandbits(12))),
        agent=agents.TERRAFORM if name.startswith("terraform") else agents.AWS_CLI[number % len(agents.AWS_CLI)],
        browser=agents.BROWSERS[number % len(agents.BROWSERS)],
    )
