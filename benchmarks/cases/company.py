"""An organisation in which the cases are played: small, and disjoint from every other."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.organisation.identifiers import account_id, organization_id, seeded


@dataclass(frozen=True)
class Company:
    """An organisation's number, its id (`o-…`), its accounts, and where its workforce is known.

    `identity` is the account of Identity Center; `one`, `two` and `three` are members in which most cases happen.
    """

    number: int
    id: str
    management: str
    identity: str
    one: str
    two: str
    three: str
    identity_store_arn: str

    @property
    def accounts(self) -> tuple[str, ...]:
        """All account ids."""
        return (self.management, self.identity, self.one, self.two, self.three)


@dataclass(frozen=True)
class Colleague:
    """Somebody of the workforce: the name that Identity Center signs in with, and the id in its store."""

    name: str
    user_id: str


def build_company(seed: int, number: int) -> Company:
    """Return the organisation of this number."""
    rng = seeded(seed, "company", number)
    management, identity, one, two, three = (account_id(rng) for _ in range(5))
    store = f"arn:aws:identitystore::{identity}:identitystore/d-{rng.getrandbits(40):010x}"
    return Company(number, organization_id(rng), management, identity, one, two, three, store)
