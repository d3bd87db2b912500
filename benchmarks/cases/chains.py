"""Cases 20 to 29: chains, lives of credentials, logs that come late or do not reach back far enough, and keys that return."""

from __future__ import annotations

from benchmarks.cases.book import published_after
from benchmarks.cases.issuing.console import (
    console_login,
    in_console,
    log_in_on_command_line,
    sign_in_session_arn,
    sign_in_to_console,
)
from benchmarks.cases.issuing.identity_center import get_role_credentials, permission_set, take_role_with_saml
from benchmarks.cases.issuing.roles import CALLER, Grant, take_role
from benchmarks.cases.issuing.tokens import (
    as_assumed_root,
    as_federated_user,
    assume_root,
    get_federation_token,
    get_session_token,
    with_own_key,
)
from benchmarks.cases.parameters import LATE_DAYS
from benchmarks.cases.scene import HOUR, MINUTE, Scene
from benchmarks.cases.truth import ANYTHING, resolved, unresolved
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import Caller, Session
from benchmarks.organisation.parameters import DAY_SECONDS

TRANSITIVE = {"team": "payments", "ticket": "OPS-411"}
_TAGS = [{"key": key, "value": value} for key, value in sorted(TRANSITIVE.items())]
_HOP = 59 * MINUTE  # a chained session lives for an hour at most
_GET_SIGN_IN_TOKEN = call("signin", "GetSigninToken", version="1.08")


def case_20_a_chain_through_three_accounts(scene: Scene) -> None:
    """A→B→C, three accounts, transitive tags → depth 3, root user, tags kept (so is the source identity)."""
    company = scene.company
    user = scene.user("ines", company.one)
    caller, session = scene.long_term(user), None
    for number, account in enumerate((company.one, company.two, company.three)):
        asked = {"incomingTransitiveTags": TRANSITIVE} if number else _tagged(user.name)
        role = scene.role(f"link-{'abc'[number]}", account)
        grant = Grant(role, "pipeline", scene.at(5 * number), asked={**asked, "sourceIdentity": user.name})
        session = take_role(scene, caller, grant)
        caller = scene.with_key(session, sourceIdentity=user.name)
        scene.act(caller, scene.at(5 * number + 1), scene.at(5 * number + 2))
        key = session.access_key_ids[0]
        scene.expect(
            session, resolved("KEY_EXACT"), f"link {number + 1}", key=key, source_identity=user.name, session_tags=_TAGS
        )


def _tagged(name: str) -> dict[str, object]:
    return {"tags": _TAGS, "transitiveTagKeys": list(TRANSITIVE), "sourceIdentity": name}


def case_21_a_role_takes_itself(scene: Scene) -> None:
    """Self-assume X→X, same name, same second → two issuances, parent≠child."""
    user, role = scene.user("jonas", scene.company.one), scene.role("selfish", scene.company.one)
    grant = Grant(role, "loop", scene.at())
    first = take_role(scene, scene.long_term(user), grant)
    second = take_role(scene, scene.with_key(first), grant)
    scene.act(scene.with_key(first), scene.at(1))
    scene.act(scene.with_key(second), scene.at(2), scene.at(3))
    for what, session, is_loop in (("the first", first, False), ("the second", second, True)):
        scene.expect(session, resolved("KEY_EXACT"), what, key=session.access_key_ids[0], has_role_loop=is_loop)
    scene.check_sessions("two sessions", first.principal_id, 2)


def case_22_two_roles_take_each_other(scene: Scene) -> None:
    """A↔B hourly for 90 days → depth ~2160, ≤12 doubling rounds, role loop flagged. How often is a parameter (`depth`)."""
    here, there = scene.own_account(), scene.own_account()
    user = scene.user("juggler", here)
    roles = scene.role("left", here), scene.role("right", there)
    caller = scene.long_term(user)
    for hop in range(scene.parameters.depth):
        session = take_role(scene, caller, Grant(roles[hop % 2], "juggler", scene.at() + hop * _HOP))
        caller = scene.with_key(session)
        key, comes_again = session.access_key_ids[0], hop >= len(roles)
        scene.expect(session, resolved("KEY_EXACT"), f"hop {hop + 1:04}", key=key, has_role_loop=comes_again)
    scene.act(caller, session.started_at + MINUTE)


def case_23_an_issuance_comes_after_its_use(scene: Scene) -> None:
    """Issuance delivered after use → PENDING, then repaired, descendants too. One that is not here yet stays PENDING."""
    user = scene.user("karla", scene.company.one)
    late = {CALLER: published_after(scene.at() + LATE_DAYS * DAY_SECONDS)}
    grant = Grant(scene.role("upload", scene.company.one), "karla", scene.at(), published=late)
    session = take_role(scene, scene.long_term(user), grant)
    child = _use_and_chain(scene, session, "publish")
    scene.expect(session, resolved("KEY_EXACT"), "it came late", key=session.access_key_ids[0])
    scene.expect(child, resolved("KEY_EXACT"), "it came late: a child", key=child.access_key_ids[0])

    waiting = scene.stray(scene.role("upload-2", scene.company.one), "karla", scene.parameters.end_at - 6 * HOUR)
    child = _use_and_chain(scene, waiting, "publish-2")
    scene.expect(waiting, unresolved("PENDING"), "it did not come yet", key=waiting.access_key_ids[0])
    pending = unresolved("PENDING", methods=("KEY_EXACT",))
    scene.expect(child, pending, "it did not come yet: a child", key=child.access_key_ids[0])


def _use_and_chain(scene: Scene, session: Session, next_role: str) -> Session:
    """Use a session, and let it take another role of its account, which is used too; return that one."""
    start = session.started_at
    caller = scene.with_key(session)
    scene.act(caller, start + MINUTE, start + 2 * MINUTE)
    role = scene.role(next_role, session.account_id)
    child = take_role(scene, caller, Grant(role, str(session.session_name), start + 5 * MINUTE))
    scene.act(scene.with_key(child), start + 6 * MINUTE, start + 7 * MINUTE)
    return child


def case_24_older_than_the_logs(scene: Scene) -> None:
    """The creationDate is before the window → BEFORE_WINDOW, not "service"."""
    session = scene.stray(scene.role("veteran", scene.company.one), "i-am-old", scene.parameters.start_at - 3 * HOUR)
    scene.act(scene.with_key(session), scene.at(), scene.at(1))
    scene.expect(session, unresolved("BEFORE_WINDOW"), key=session.access_key_ids[0])


def case_25_a_session_token_of_36_hours(scene: Scene) -> None:
    """GetSessionToken 36 h; use at 35 h 59 → bound; 36 h 10 → used_after_expiry."""
    for offset, minutes, is_late in ((0, 35 * 60 + 59, False), (1, 36 * 60 + 10, True)):
        user = scene.user(f"lena-{offset}", scene.company.one)
        session = get_session_token(scene, user, scene.at(offset), 36 * HOUR)
        scene.act(with_own_key(session, user), scene.at(offset + 60), scene.at(offset + minutes))
        key, what = session.access_key_ids[0], "used after its end" if is_late else "used a minute before its end"
        scene.expect(session, resolved("KEY_EXACT"), what, key=key, used_after_expiry=is_late)


def case_26_a_federation_token_in_the_console(scene: Scene) -> None:
    """GetFederationToken → console → `acct:name` echo, root IAM user; so it is where the issuing call is lost: sessionIssuer."""
    user = scene.user("broker", scene.company.one)
    session = get_federation_token(scene, user, "guest", scene.at())
    issued_key = as_federated_user(session, user, session.access_key_ids[0], "guest")
    scene.act(issued_key, scene.at(1), call=_GET_SIGN_IN_TOKEN)
    visitor = as_federated_user(session, user, "", "guest")
    scene.write(console_login(scene, visitor, scene.at(2)), scene.at(2))
    for number in range(4):
        scene.act(as_federated_user(session, user, scene.key(), "guest"), scene.at(3 + number))
    scene.expect(session, resolved("ECHO_ROLEID", "KEY_EXACT"))
    scene.check_sessions("one session", session.principal_id, 1)

    unseen = get_federation_token(scene, user, "visitor", scene.at(20), is_logged=False)
    scene.act(as_federated_user(unseen, user, unseen.access_key_ids[0], "visitor"), scene.at(21), scene.at(22))
    scene.expect(unseen, resolved("SELF_ROOT"), "its issuing is lost", key=unseen.access_key_ids[0])


def case_27_a_login_on_the_command_line(scene: Scene) -> None:
    """`aws login` key with console creationDate → same session, no phantom parent. Another one is a sibling by its sign-in."""
    user = scene.user("mona", scene.company.one)
    console = sign_in_to_console(scene, user, scene.at())
    browser = in_console(scene, console, user)
    scene.act(browser, scene.at(1), scene.at(2))
    sign_in = sign_in_session_arn(scene, user.account_id)
    log_in_on_command_line(scene, browser, scene.at(3), sign_in)
    _act_as_agent(scene, with_own_key(console, user, scene.key()), sign_in, 5)
    scene.expect(console, resolved("CONSOLE_LOGIN", "SIGNIN_ARN"), "a user's console", event_count=ANYTHING)
    scene.check_sessions("one session of the user", user.id, 1)

    person, role = scene.colleague("nils"), permission_set(scene, "AdministratorAccess", scene.company.two)
    portal = take_role_with_saml(scene, person, Grant(role, person.name, scene.at(20)))
    get_role_credentials(scene, person, role, scene.at(20))
    browser = scene.with_key(portal, scene.key())
    scene.write(console_login(scene, browser, scene.at(20.5)), scene.at(20.5))  # a role's sign-in begins no session
    scene.act(browser, scene.at(21), scene.at(22))
    sign_in = sign_in_session_arn(scene, role.account_id)
    log_in_on_command_line(scene, browser, scene.at(23), sign_in)
    _act_as_agent(scene, scene.with_key(portal, scene.key()), sign_in, 25)
    scene.expect(
        portal, resolved("ECHO_ROLEID"), "a role's console", key=portal.access_key_ids[0], event_count=ANYTHING
    )

    agent = scene.stray(role, person.name, scene.at(30))
    agent.assumed_by, agent.root = portal.assumed_by, portal.root
    _act_as_agent(scene, scene.with_key(agent), sign_in, 31)
    scene.expect(agent, resolved("SIGNIN_ARN"), "an agent of the same sign-in", key=agent.access_key_ids[0])
    scene.check_sessions("two sessions of the role", portal.principal_id, 2)


def _act_as_agent(scene: Scene, caller: Caller, sign_in: str, minute: int) -> None:
    context = caller.shown["sessionContext"] | {"signInSessionArn": sign_in}
    scene.act(caller.shown_as(sessionContext=context), scene.at(minute), scene.at(minute + 1))


def case_28_the_root_of_a_member(scene: Scene) -> None:
    """AssumeRoot: Root+assumedRoot in member → key join, root = management caller, not the member's root."""
    user = scene.user("oscar", scene.company.management)
    by_user = assume_root(scene, scene.long_term(user), scene.company.two, scene.at())
    _use_root(scene, by_user, by_user.access_key_ids[0], scene.at())
    scene.expect(by_user, resolved("KEY_EXACT"), "taken by a user", key=by_user.access_key_ids[0])

    administrator = scene.role("OrganizationAdmin", scene.company.management)
    session = take_role(scene, scene.long_term(user), Grant(administrator, "oscar", scene.at(10)))
    scene.expect(session, resolved("KEY_EXACT"), "the administrator", key=session.access_key_ids[0])
    by_role = assume_root(scene, scene.with_key(session), scene.company.three, scene.at(11))
    _use_root(scene, by_role, by_role.access_key_ids[0], scene.at(11))
    scene.expect(by_role, resolved("KEY_EXACT"), "taken by a role", key=by_role.access_key_ids[0])

    keyless = assume_root(scene, scene.long_term(user), scene.company.one, scene.at(30))
    _use_root(scene, keyless, None, scene.at(30))
    scene.expect(keyless, resolved(), "used without its key")


def _use_root(scene: Scene, session: Session, key: str | None, at: int) -> None:
    scene.act(as_assumed_root(scene, session, key), at + MINUTE, at + 2 * MINUTE)


def case_29_a_key_comes_again(scene: Scene) -> None:
    """Same ASIA id reused 8 months later, other account → bounded join keeps them apart. Here days later (`reuse_days`)."""
    key = scene.key()
    for days, account in ((0, scene.company.one), (scene.parameters.reuse_days, scene.company.two)):
        start = scene.at() + days * DAY_SECONDS
        user = scene.user(f"paul-{days}", account)
        grant = Grant(scene.role("courier", account), "courier", start, key=key)
        session = take_role(scene, scene.long_term(user), grant)
        scene.act(scene.with_key(session), start + MINUTE, start + 2 * MINUTE)
        scene.expect(session, resolved("KEY_EXACT"), "the first use" if days == 0 else "the second use", key=key)
    start += 30 * MINUTE
    stray = scene.stray(scene.role("courier", scene.company.three), "courier", start)
    stray.access_key_ids = [key]
    scene.act(scene.with_key(stray), start + MINUTE)
    scene.expect(stray, unresolved("NO_ISSUANCE", "CLAIM_ONLY"), "nobody issued it here", key=key)
