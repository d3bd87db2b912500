"""Ordinary life around the cases, about which nothing is asked: users take roles and work, in the same accounts and hours."""

from __future__ import annotations

from benchmarks.cases.book import Book
from benchmarks.cases.company import Company
from benchmarks.cases.issuing.roles import Grant, take_role
from benchmarks.cases.parameters import Parameters
from benchmarks.cases.scene import HOUR, MINUTE, Scene
from benchmarks.organisation.catalogue import DECRYPT, GET_SECRET

_HOURS = 47


def live_around(company: Company, parameters: Parameters, book: Book) -> None:
    """Make so many ordinary sessions: a user takes a role, here or in another account, and makes a few calls."""
    scene = Scene(0, company, parameters, book)
    members = (company.one, company.two, company.three)
    users = [scene.user(f"staff-{number}", account) for number, account in enumerate(members)]
    roles = [scene.role("worker", account) for account in members]
    for _ in range(parameters.noise):
        user, role = scene.rng.choice(users), scene.rng.choice(roles)
        at = parameters.start_at + HOUR + scene.rng.randrange(_HOURS * HOUR)
        session = take_role(scene, scene.long_term(user), Grant(role, user.name, at))
        caller = scene.with_key(session)
        scene.act(caller, *(at + MINUTE * minute for minute in range(1, scene.rng.randrange(3, 7))))
        last = at + 10 * MINUTE
        scene.act(caller, last, call=GET_SECRET)
        scene.act(caller.forwarded("secretsmanager.amazonaws.com", scene.key(), last), last, call=DECRYPT)
