"""The console: signing in, switching roles, and the command line's login through it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.cases.issuing.roles import Grant, take_role
from benchmarks.cases.scene import Scene
from benchmarks.organisation.actors import User
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import Caller, Session, user_identity, user_principal, user_session_caller
from benchmarks.organisation.identifiers import uuid_text
from benchmarks.organisation.issuing.users import CONSOLE_LOGIN
from benchmarks.organisation.parameters import HOME_REGION

_SWITCH_ROLE = call("signin", "SwitchRole", version="1.08", write=True)
_AUTHORIZE = call("signin", "AuthorizeOAuth2Access", version="1.11", write=True)
_CREATE_TOKEN = call("signin", "CreateOAuth2Token", version="1.11", write=True)
_LOGIN_CLIENT = "arn:aws:signin:::devtools/same-device"


def sign_in_to_console(scene: Scene, user: User, at: int, *, is_logged: bool = True) -> Session:
    """Sign a user in to the console: no key in the record; its second is the creation date of all keys to come."""
    if is_logged:
        principal = user_principal(user)
        shown = user_identity(user)
        visitor = Caller(shown, user.account_id, principal, principal, None, user.addresses[0], user.browser)
        scene.write(console_login(scene, visitor, at), at)
    return scene.own_session(user, at)


def console_login(scene: Scene, visitor: Caller, at: int) -> dict[str, Any]:
    """Return the record of a successful sign-in to the console."""
    record = scene.journal.record(visitor, CONSOLE_LOGIN, at)
    record["eventType"] = "AwsConsoleSignIn"
    record["responseElements"] = {"ConsoleLogin": "Success"}
    record["additionalEventData"] = {
        "LoginTo": "https://console.aws.amazon.com/console/home",
        "MobileVersion": "No",
        "MFAUsed": "Yes",
    }
    return record


def in_console(scene: Scene, session: Session, user: User) -> Caller:
    """Return a user in the console with one of its many keys."""
    caller = user_session_caller(user, session, scene.key(), user.browser)
    return replace(caller, is_console=True)


def switch_role(scene: Scene, session: Session, user: User, grant: Grant) -> Session:
    """Let a user switch roles in the console: AssumeRole by `AWS Internal`, then SwitchRole as the new role (SEMANTICS §2)."""
    caller = in_console(scene, session, user).shown_as(invokedBy="AWS Internal")
    internal = replace(caller, source="AWS Internal", agent="AWS Internal", has_tls=False, is_console=False)
    switched = take_role(scene, internal, grant)
    role = grant.role
    shown = {
        "type": "AssumedRole",
        "principalId": switched.principal_id,
        "arn": role.session_arn(grant.name),
        "accountId": role.account_id,
    }
    principal = switched.principal
    visitor = Caller(shown, role.account_id, principal, principal, None, user.addresses[0], user.browser)
    record = scene.journal.record(visitor, _SWITCH_ROLE, grant.at)
    record["eventType"] = "AwsConsoleSignIn"
    record["responseElements"] = {"SwitchRole": "Success"}
    record["additionalEventData"] = {
        "SwitchFrom": user.arn,
        "RedirectTo": "https://console.aws.amazon.com/console/home",
    }
    scene.write(record, grant.at)
    return switched


def log_in_on_command_line(scene: Scene, in_browser: Caller, at: int, sign_in_session: str) -> None:
    """Write what `aws login` leaves: a yes in the browser, then a token, whose record names the session that it creates."""
    shown = {name: value for name, value in in_browser.shown.items() if name != "accessKeyId"}
    browser = replace(in_browser, shown=shown, is_console=False)
    authorize = scene.journal.record(browser, _AUTHORIZE, at)
    authorize["requestParameters"] = {
        "scope": "openid",
        "redirect_uri": "http://127.0.0.1:59092/oauth/callback",
        "code_challenge_method": "SHA-256",
        "client_id": _LOGIN_CLIENT,
    }
    scene.write_of(browser, authorize, at)
    context = shown["sessionContext"] | {"signInSessionArn": sign_in_session}
    command_line = browser.shown_as(sessionContext=context)
    create = scene.journal.record(command_line, _CREATE_TOKEN, at + 1)
    create["requestParameters"] = {"client_id": _LOGIN_CLIENT}
    scene.write_of(command_line, create, at + 1)


def sign_in_session_arn(scene: Scene, account: str) -> str:
    """Return the ARN of a sign-in session."""
    return f"arn:aws:signin:{HOME_REGION}:{account}:session/{uuid_text(scene.rng)}"
