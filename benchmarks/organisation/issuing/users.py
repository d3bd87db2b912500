"""Temporary credentials of users that stay users: GetSessionToken, and the console."""

from __future__ import annotations

from benchmarks.organisation.actors import User
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import Caller, Session, user_caller, user_principal
from benchmarks.organisation.identifiers import unique_id
from benchmarks.organisation.issuing.roles import credentials
from benchmarks.organisation.shift import Shift

GET_SESSION_TOKEN = call("sts", "GetSessionToken", version="1.08", write=True)
CONSOLE_LOGIN = call("signin", "ConsoleLogin", version="1.08", write=True)
_TOKEN_LIFE = 43_200


def get_session_token(shift: Shift, user: User, at: int) -> Session:
    """Give a user temporary credentials for a second factor; their use stays IAMUser."""
    key = unique_id(shift.rng, "ASIA")
    record = shift.journal.record(user_caller(user, user.addresses[0]), GET_SESSION_TOKEN, at)
    serial_number = f"arn:aws:iam::{user.account_id}:mfa/{user.name}"
    record["requestParameters"] = {"durationSeconds": _TOKEN_LIFE, "serialNumber": serial_number}
    record["responseElements"] = {"credentials": credentials(shift, key, at + _TOKEN_LIFE)}
    shift.journal.write(record, at, "issuance")
    principal = user_principal(user)
    account_id = user.account_id
    return Session("get_session_token", user.id, None, None, account_id, at, principal, principal, access_key_ids=[key])


def sign_in_to_console(shift: Shift, caller: Caller, at: int, *, succeeds: bool) -> None:
    """Write a ConsoleLogin: no key in it; its second is the creation date of all keys to come.

    A failure has no errorCode.
    """
    record = shift.journal.record(caller, CONSOLE_LOGIN, at)
    record["eventType"] = "AwsConsoleSignIn"
    record["responseElements"] = {"ConsoleLogin": "Success" if succeeds else "Failure"}
    record["additionalEventData"] = {
        "LoginTo": "https://console.aws.amazon.com/console/home?state=hashArgs%23&isauthcode=true",
        "MobileVersion": "No",
        "MFAUsed": "Yes" if succeeds else "No",
    }
    if not succeeds:
        record["errorMessage"] = "Failed authentication"
    shift.journal.write(record, at, "sign_in")
