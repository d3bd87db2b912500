"""Cases 13 to 19: what several accounts, trails and addenda say of one call, and a call that was refused."""

from __future__ import annotations

from benchmarks.cases.book import ACCOUNT_TRAIL, published_after
from benchmarks.cases.issuing.roles import CALLER, OWNER, Grant, issued, take_role, take_role_with_events
from benchmarks.cases.parameters import LATE_DAYS
from benchmarks.cases.scene import HOUR, Scene
from benchmarks.cases.truth import ambiguous, resolved
from benchmarks.organisation.catalogue import LIST_ROLES
from benchmarks.organisation.credentials import Caller, Principal
from benchmarks.organisation.faults import assumption_denial
from benchmarks.organisation.identifiers import unique_id, uuid_text
from benchmarks.organisation.issuing.roles import ASSUME_ROLE, Assumption
from benchmarks.organisation.parameters import DAY_SECONDS
from benchmarks.organisation.places import VENDOR


def case_13_both_copies(scene: Scene) -> None:
    """Cross-account, both copies → one issuance, caller from caller copy, two eventIDs as evidence."""
    user, role = scene.user("carol", scene.company.one), scene.role("audit", scene.company.two)
    taken = take_role_with_events(scene, scene.long_term(user), Grant(role, "carol", scene.at()))
    session = taken.session
    scene.act(scene.with_key(session), scene.at(1), scene.at(2))
    evidence = sorted(taken.event_ids)
    scene.expect(session, resolved("KEY_EXACT"), key=session.access_key_ids[0], issuing_event_ids=evidence)
    _check_assumption(scene, "one try", role.arn, ("IAMUser", user.arn), success_count=1, denied_count=0)


def case_14_a_caller_from_outside(scene: Scene) -> None:
    """Owner copy only, AIDA → external principal, OWNER_COPY. So is a role session of an account that is not ours."""
    for start, principal_id in ((0, unique_id(scene.rng, "AIDA")), (20, f"{unique_id(scene.rng, 'AROA')}:crawler")):
        role = scene.role(f"vendor-{start}", scene.company.one)
        outside = Principal("ExternalPrincipal", principal_id, None, scene.foreign_account())
        shown = {"type": "IAMUser", "principalId": principal_id, "accountId": outside.account_id}
        caller = Caller(shown, str(outside.account_id), outside, outside, None, VENDOR.address(9), "vendor/1.0")
        session = take_role(scene, caller, Grant(role, "monitor", scene.at(start), copies=(OWNER,)))
        scene.act(scene.with_key(session), scene.at(start + 1), scene.at(start + 2))
        scene.expect(session, resolved("OWNER_COPY"), principal_id[:4], key=session.access_key_ids[0])


def case_15_the_owners_copy_of_a_known_caller(scene: Scene) -> None:
    """Owner copy only, `AROA:name` known live session → chained; two live → AMBIGUOUS, unless both were issued to one assumer."""
    first, second = scene.user("dora", scene.company.one), scene.user("emil", scene.company.one)
    hub = scene.role("hub", scene.company.one)
    for start, users in ((0, (first,)), (20, (first, second))):
        name = f"hub-{start}"
        live = []
        for seconds, user in enumerate(users):
            session = take_role(scene, scene.long_term(user), Grant(hub, name, scene.at(start) + 30 * seconds))
            scene.act(scene.with_key(session), scene.at(start + 2), scene.at(start + 3))
            scene.expect(session, resolved("KEY_EXACT"), f"{name} of {user.name}", key=session.access_key_ids[0])
            live.append(session)
        spoke = scene.role(f"spoke-{start}", scene.company.two)
        grant = Grant(spoke, "spoke", scene.at(start + 5), copies=(OWNER,))
        chained = take_role(scene, scene.with_key(live[0]), grant)
        scene.act(scene.with_key(chained), scene.at(start + 6), scene.at(start + 7))
        outcome = resolved("OWNER_COPY") if len(live) == 1 else ambiguous()
        scene.expect(chained, outcome, f"{len(live)} live", key=chained.access_key_ids[0])

    for start in (40, 42):
        session = take_role(scene, scene.long_term(first), Grant(hub, "hub-40", scene.at(start)))
        scene.act(scene.with_key(session), scene.at(start + 1), scene.at(start + 4))
        scene.expect(session, resolved("KEY_EXACT"), f"hub-40 since {start}", key=session.access_key_ids[0])
    grant = Grant(scene.role("spoke-40", scene.company.two), "spoke", scene.at(45), copies=(OWNER,))
    chained = take_role(scene, scene.with_key(session), grant)
    scene.act(scene.with_key(chained), scene.at(46))
    scene.expect(chained, resolved("OWNER_COPY"), "2 live of one user", key=chained.access_key_ids[0])


def case_16_a_callers_copy_comes_late(scene: Scene) -> None:
    """Caller copy arrives 2 days later → root refined; one edge."""
    user, role = scene.user("frida", scene.company.two), scene.role("archive", scene.company.three)
    late = {CALLER: published_after(scene.at() + LATE_DAYS * DAY_SECONDS)}
    taken = take_role_with_events(scene, scene.long_term(user), Grant(role, "frida", scene.at(), published=late))
    session = taken.session
    scene.act(scene.with_key(session), scene.at(1), scene.at(2))
    evidence = sorted(taken.event_ids)
    scene.expect(session, resolved("KEY_EXACT"), key=session.access_key_ids[0], issuing_event_ids=evidence)
    scene.check_sessions("one session", session.principal_id, 1)
    _check_assumption(scene, "one try", role.arn, ("IAMUser", user.arn), success_count=1, denied_count=0)
    _check_assumption(scene, "not from outside", role.arn, ("ExternalPrincipal", user.id), count=0)


def case_17_the_same_event_in_two_trails(scene: Scene) -> None:
    """Same eventID in org and account trails, two prefixes → counted once."""
    user, role = scene.user("georg", scene.company.one), scene.role("reader", scene.company.one)
    before = len(scene.book.deliveries)
    session = take_role(scene, scene.long_term(user), Grant(role, "georg", scene.at()))
    scene.act(scene.with_key(session), scene.at(1), scene.at(2), scene.at(3))
    once = scene.book.deliveries[before:]
    scene.book.deliveries += [each._replace(trail=ACCOUNT_TRAIL) for each in once]
    scene.expect(session, resolved("KEY_EXACT"), key=session.access_key_ids[0])
    _check_assumption(scene, "counted once", role.arn, ("IAMUser", user.arn), success_count=1, denied_count=0)


def case_18_an_addendum_brings_the_response(scene: Scene) -> None:
    """UPDATED_DATA addendum adds responseElements → late binding, original kept."""
    user, role = scene.user("hanna", scene.company.one), scene.role("importer", scene.company.one)
    assumption = Assumption(role, "hanna", scene.at(), "")
    caller = scene.long_term(user)
    original = scene.journal.record(caller, ASSUME_ROLE, scene.at())
    original |= {"requestParameters": assumption.request, "resources": assumption.resources}
    scene.write(original, scene.at())
    session = scene.stray(role, "hanna", scene.at())
    session.assumed_by, session.root = caller.principal, caller.root
    key = session.access_key_ids[0]
    addendum = {
        "reason": "UPDATED_DATA",
        "updatedFields": "responseElements",
        "originalRequestID": original["requestID"],
        "originalEventID": original["eventID"],
    }
    response = {"credentials": issued(scene, key, scene.at() + HOUR), "assumedRoleUser": assumption.user}
    updated = {**original, "eventID": uuid_text(scene.rng), "responseElements": response, "addendum": addendum}
    scene.book.write(updated, published_after(scene.at(6 * 60)))
    scene.act(scene.with_key(session), scene.at(1), scene.at(2))
    scene.expect(session, resolved("KEY_EXACT"), key=key, issuing_event_ids=[original["eventID"]])


def case_19_a_role_is_refused(scene: Scene) -> None:
    """AccessDenied AssumeRole, null params → no issuance; denied edge with role from message."""
    user, role = scene.user("mallory", scene.company.one), scene.role("admin", scene.company.two)
    caller = scene.long_term(user)
    for minute in (0, 2):
        _refuse(scene, caller, role.arn, scene.at(minute))
    _check_assumption(scene, "denied to a user", role.arn, ("IAMUser", user.arn), success_count=0, denied_count=2)

    stepping_stone = scene.role("stepping-stone", scene.company.one)
    session = take_role(scene, caller, Grant(stepping_stone, "mallory", scene.at(5)))
    chained = scene.with_key(session)
    scene.act(chained, scene.at(6), call=LIST_ROLES)
    _refuse(scene, chained, role.arn, scene.at(7))
    scene.expect(session, resolved("KEY_EXACT"), "who was refused", key=session.access_key_ids[0], failed_count=1)
    by = ("Role", stepping_stone.arn)
    _check_assumption(scene, "denied to a role", role.arn, by, success_count=0, denied_count=1)
    scene.check("no session of the role", "credential_sessions", {"role_arn": role.arn}, 0)


def _refuse(scene: Scene, caller: Caller, role_arn: str, at: int) -> None:
    record = scene.journal.record(caller, ASSUME_ROLE, at)
    scene.write_of(caller, record | assumption_denial(caller, role_arn).fields, at)


def _check_assumption(
    scene: Scene, what: str, role_arn: str, by: tuple[str, str], count: int = 1, **facts: int
) -> None:
    where = {"role_arn": role_arn, "assumed_by_type": by[0], "assumed_by_id": by[1]}
    scene.check(what, "role_assumptions", where, count, **facts)
