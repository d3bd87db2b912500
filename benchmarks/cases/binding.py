"""Cases 1 to 12: which issuance made a session: by key, by echo, by console, by Identity Center, and when nobody can say."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.cases.issuing.console import in_console, sign_in_to_console, switch_role
from benchmarks.cases.issuing.identity_center import (
    federated,
    get_role_credentials,
    on_behalf_of,
    permission_set,
    take_role_with_saml,
)
from benchmarks.cases.issuing.roles import Grant, take_role, take_role_for_service, workload
from benchmarks.cases.scene import MINUTE, Scene
from benchmarks.cases.truth import ambiguous, resolved
from benchmarks.organisation.catalogue import DECRYPT, GET_SECRET, UPDATE_INSTANCE_INFORMATION
from benchmarks.organisation.credentials import user_principal

_RDS_PATH = "/aws-service-role/rds.amazonaws.com/"


def case_01_a_key_is_used(scene: Scene) -> None:
    """AKIA AssumeRole key K; use K → KEY_EXACT, root user, depth 1."""
    user, role = scene.user("alice", scene.company.one), scene.role("deploy", scene.company.one)
    session = take_role(scene, scene.long_term(user), Grant(role, "alice", scene.at()))
    scene.act(scene.with_key(session), scene.at(1), scene.at(2), scene.at(30))
    scene.expect(session, resolved("KEY_EXACT"), key=session.access_key_ids[0])


def case_02_twins_of_an_instance(scene: Scene) -> None:
    """EC2 twin issuances one second, keys K1/K2 (IMDS 1.0/2.0) → two sessions, one role session, root `ec2:i-…`."""
    role, instance = scene.role("app-server", scene.company.one), scene.instance_id()
    for version in ("1.0", "2.0"):
        grant = Grant(role, instance, scene.at(), 23_700, names_user=False)
        root = workload("EC2Instance", instance, role)
        session = take_role_for_service(scene, "ec2.amazonaws.com", grant, root)
        caller = scene.with_key(session, ec2RoleDelivery=version)
        scene.act(caller, scene.at(1), scene.at(20), call=UPDATE_INSTANCE_INFORMATION)
        scene.expect(session, resolved("KEY_EXACT"), f"metadata {version}", key=session.access_key_ids[0])
    scene.check_sessions("two sessions, one role session", f"{role.id}:{instance}", 2)


def case_03_a_response_without_the_user(scene: Scene) -> None:
    """Issuance without assumedRoleUser, usage key differs → ECHO_ARN."""
    role = scene.role("rds-monitoring-role", scene.company.one)
    grant = Grant(role, f"dbi-id-{scene.rng.getrandbits(40):010x}", scene.at(), names_user=False)
    session = take_role_for_service(scene, "rds.amazonaws.com", grant)
    scene.act(scene.with_key(session, scene.key()), scene.at(1), scene.at(5))
    scene.expect(session, resolved("ECHO_ARN"), key=session.access_key_ids[0])


def case_04_a_role_is_switched_to_in_the_console(scene: Scene) -> None:
    """Console SwitchRole: issued key ≠ used → ECHO_ROLEID; parent = user's console session via creationDate."""
    user, role = scene.user("bob", scene.company.one), scene.role("Operations", scene.company.two)
    console = sign_in_to_console(scene, user, scene.at())
    scene.act(in_console(scene, console, user), scene.at(1), scene.at(2))
    switched = switch_role(scene, console, user, Grant(role, "bob", scene.at(10)))
    scene.act(replace(scene.with_key(switched, scene.key()), is_console=True), scene.at(11), scene.at(12))
    scene.expect(console, resolved("CONSOLE_LOGIN"), "the console session")
    scene.expect(switched, resolved("ECHO_ROLEID"), "the role that was switched to", key=switched.access_key_ids[0])


def case_05_many_keys_of_one_sign_in(scene: Scene) -> None:
    """21 ASIA keys, one creationDate, one ConsoleLogin → one session."""
    user = scene.user("olivia", scene.company.one)
    session = sign_in_to_console(scene, user, scene.at())
    for number in range(21):
        scene.act(in_console(scene, session, user), scene.at(1 + number))
    scene.expect(session, resolved("CONSOLE_LOGIN"))
    scene.check_sessions("one session", user.id, 1)


def case_06_a_console_without_its_sign_in(scene: Scene) -> None:
    """Console calls, ConsoleLogin missing → SELF_ROOT, actor known."""
    user = scene.user("stefan", scene.company.one)
    session = sign_in_to_console(scene, user, scene.at(), is_logged=False)
    for number in range(4):
        scene.act(in_console(scene, session, user), scene.at(1 + number))
    scene.expect(session, resolved("SELF_ROOT"))
    scene.check_sessions("one session", user.id, 1)


def case_07_a_person_of_identity_center(scene: Scene) -> None:
    """SSO SAML key ≠ used key; onBehalfOf on 1 of 5 events → one session, IdC root. The same with the SAML record lost."""
    for start, what in ((0, "with its SAML record"), (20, "SAML record lost")):
        person = scene.colleague("marcus")
        role = permission_set(scene, "DeveloperAccess", scene.company.one)
        grant = Grant(role, person.name, scene.at(start), 4 * 60 * MINUTE)
        if start == 0:
            session = take_role_with_saml(scene, person, grant)
        else:
            session = scene.stray(role, person.name, grant.at)
            session.assumed_by = federated(scene, person, role)
        get_role_credentials(scene, person, role, grant.at)
        key = scene.key()
        caller = scene.with_key(session, key)
        scene.act(caller, *(scene.at(start + minute) for minute in (1, 2, 4, 5)))
        scene.act(caller.shown_as(onBehalfOf=on_behalf_of(scene, person)), scene.at(start + 3))
        session.root = scene.identity_center_user(person)
        methods = ("SSO_LINK", "ECHO_ROLEID") if start == 0 else ("SSO_LINK",)
        scene.expect(session, resolved(*methods), what, key=key)
        scene.check_sessions(f"one session, {what}", session.principal_id, 1)


def case_08_two_people_in_the_same_seconds(scene: Scene) -> None:
    """SSO without onBehalfOf, two users, same permission set, ±3 s → SAML sub decides root; SSO_LINK AMBIGUOUS.

    So without the SAML records nobody can say who of the two it was: that session is ambiguous.
    """
    role = permission_set(scene, "ReadOnlyAccess", scene.company.one)
    people = scene.colleague("priya"), scene.colleague("tomasz")
    for seconds, person in enumerate(people):
        at = scene.at() + seconds
        session = take_role_with_saml(scene, person, Grant(role, person.name, at))
        get_role_credentials(scene, person, role, at + 1)
        key = scene.key()
        scene.act(scene.with_key(session, key), scene.at(1), scene.at(2))
        scene.expect(session, resolved("ECHO_ROLEID"), f"{person.name} by SAML", key=key)
    lost = permission_set(scene, "BillingAccess", scene.company.two)
    for seconds, person in enumerate(people):
        get_role_credentials(scene, person, lost, scene.at(20) + seconds)
    session = scene.stray(lost, people[0].name, scene.at(20) + 1)
    scene.act(scene.with_key(session), scene.at(21), scene.at(22))
    either = (scene.identity_center_user(person) for person in people)
    scene.expect(session, ambiguous(*either), "SAML records lost", key=session.access_key_ids[0])


def case_09_forward_access_of_a_user(scene: Scene) -> None:
    """IAMUser AKIA → secretsmanager → kms FAS key → FAS, same user, no new session."""
    user = scene.user("reporting", scene.company.one)
    caller = scene.long_term(user)
    for number in range(3):
        at = scene.at(number * 5)
        scene.act(caller, at, call=GET_SECRET)
        scene.act(caller.forwarded("secretsmanager.amazonaws.com", scene.key(), at), at + 1, call=DECRYPT)
    scene.check_sessions("no session", user.id, 0)


def case_10_forward_access_of_a_role(scene: Scene) -> None:
    """FAS under role session (same creationDate, new key) → parent session, service_driven."""
    user, role = scene.user("jenkins", scene.company.one), scene.role("secrets-reader", scene.company.one)
    session = take_role(scene, scene.long_term(user), Grant(role, "build", scene.at()))
    caller = scene.with_key(session)
    for number in range(3):
        at = scene.at(1 + number)
        scene.act(caller, at, call=GET_SECRET)
        scene.act(caller.forwarded("secretsmanager.amazonaws.com", scene.key(), at), at + 1, call=DECRYPT)
    scene.expect(session, resolved("KEY_EXACT"), key=session.access_key_ids[0], forward_access_count=3)
    scene.check_sessions("one session", session.principal_id, 1)


def case_11_a_service_linked_role(scene: Scene) -> None:
    """SLR event, no accessKeyId, 3 same-second issuances by rds → ECHO_SAME_PARENT."""
    role = scene.role("AWSServiceRoleForRDS", scene.company.one, _RDS_PATH)
    for number in range(3):
        session = take_role_for_service(scene, "rds.amazonaws.com", Grant(role, "SLRManagement", scene.at()))
        key = session.access_key_ids[0]
        scene.expect(session, resolved("ISSUED_UNUSED"), f"issuance {number + 1}, its key unused", key=key)
    used = replace(session, access_key_ids=[])
    scene.act(scene.without_key(used, "rds.amazonaws.com"), scene.at(1), scene.at(2))
    scene.expect(used, resolved("ECHO_SAME_PARENT"), "the use")


def case_12_two_callers_in_one_second(scene: Scene) -> None:
    """Two callers, role X, name `botocore-session-<epoch>`, same second, key absent → AMBIGUOUS; with key → exact."""
    role = scene.role("batch", scene.company.one)
    users = scene.user("anna", scene.company.one), scene.user("ben", scene.company.one)
    for user in users:
        grant = Grant(role, f"botocore-session-{scene.at()}", scene.at())
        session = take_role(scene, scene.long_term(user), grant)
        scene.act(scene.with_key(session), scene.at(1), scene.at(3))
        scene.expect(session, resolved("KEY_EXACT"), f"key of {user.name}", key=session.access_key_ids[0])
    nobodys = scene.stray(role, str(session.session_name), scene.at())
    nobodys.access_key_ids = []
    keyless = scene.without_key(nobodys, "batch.amazonaws.com")
    scene.act(keyless, scene.at(2))
    scene.expect(nobodys, ambiguous(*map(user_principal, users)), "key absent")
