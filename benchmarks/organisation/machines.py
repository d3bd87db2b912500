"""The workloads, pipelines and vendors of an organisation, made from a seed and a number."""

from __future__ import annotations

from benchmarks.organisation import agents, places
from benchmarks.organisation.actors import Account, Function, Instance, Repository, Role, Vendor
from benchmarks.organisation.identifiers import account_id, resource_id, seeded, unique_id
from benchmarks.organisation.parameters import REGIONS

Roles = dict[tuple[str, str], Role]


def build_instance(seed: int, number: int, workloads: tuple[Account, ...], roles: Roles) -> Instance:
    """Return an instance; every third one has twins, every fourth sits behind a VPC endpoint."""
    rng = seeded(seed, "instance", number)
    region = REGIONS[number % len(REGIONS)]
    is_private = number % 4 == 2
    return Instance(
        id=resource_id(rng, "i"),
        role=roles[workloads[number % len(workloads)].id, "app-server"],
        region=region,
        address=f"10.{number // 250 % 250}.{number % 250}.{rng.randrange(4, 250)}"
        if is_private
        else places.AWS_BY_REGION[region].address(rng.getrandbits(16)),
        vpc_endpoint=f"vpce-0{rng.getrandbits(64):016x}" if is_private else None,
        agent=(agents.SSM_AGENT, agents.BOTO3, agents.SDK_GO)[number % 3],
        has_twins=number % 3 == 1,
        phase=rng.randrange(5_400),
    )


def build_function(seed: int, number: int, workloads: tuple[Account, ...], roles: Roles) -> Function:
    """Return a function; every second one shows its scope in its records."""
    stems = ("order-router", "invoice-writer", "thumbnailer", "nightly-export")
    turn, index = divmod(number, len(stems))
    region = REGIONS[turn % len(REGIONS)]
    address = places.AWS_BY_REGION[region].address(seeded(seed, "function", number).getrandbits(16))
    name = stems[index] + (f"-{turn + 1}" if turn else "")
    return Function(
        name, roles[workloads[number % len(workloads)].id, "task-execution"], region, address, number % 2 == 0
    )


def build_repository(seed: int, number: int, workloads: tuple[Account, ...], roles: Roles) -> Repository:
    """Return a repository; half of them name their provider by ARN."""
    rng = seeded(seed, "repository", number)
    home, remote = workloads[number % len(workloads)], workloads[(number + 1) % len(workloads)]
    host = "token.actions.githubusercontent.com"
    provider = host if number % 2 else f"arn:aws:iam::{home.id}:oidc-provider/{host}"
    subject = f"repo:acme-corp/{('shop', 'ledger', 'site', 'jobs')[number % 4]}{number // 4 or ''}:ref:refs/heads/main"
    addresses = tuple(places.RUNNERS.address(rng.getrandbits(16)) for _ in range(12))
    return Repository(subject, provider, roles[home.id, "github-actions"], roles[remote.id, "deploy"], addresses)


def build_vendor(seed: int, role: Role) -> Vendor:
    """Return the vendor, which takes a role of its own name."""
    rng = seeded(seed, "vendor")
    return Vendor(
        account_id(rng), f"{unique_id(rng, 'AROA')}:monitor-crawler", role, places.VENDOR.address(rng.getrandbits(12))
    )
