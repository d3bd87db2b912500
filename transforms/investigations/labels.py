"""How things are called in reports: methods, reasons, types, times, counts. One place, so that every page says the same."""

from __future__ import annotations

from collections.abc import Sequence

METHODS = {
    "KEY_EXACT": "the access key that was issued is the one that was used",
    "ISSUED_UNUSED": "issued, and never seen in use",
    "ECHO_ROLEID": "principal id and creation time are those of the issuing call",
    "ECHO_ARN": "role, session name and creation time are those of the issuing call",
    "ECHO_SAME_PARENT": "several issuing calls fit, and all have the same caller",
    "CONSOLE_LOGIN": "creation time is that of the console sign-in",
    "SIGNIN_ARN": "shares a sign-in session with credentials that are bound",
    "FAS": "a service's call on the principal's behalf",
    "SELF_ROOT": "every call made with the credentials names the user; their issuing was not seen",
    "OWNER_COPY": "only the role owner's copy of the issuing call is here; it names the caller",
    "SSO_LINK": "an event of the session names the Identity Center user",
    "WORKLOAD": "the issuing service names the workload",
    "CLAIM": "only the session name or source identity says so, and the caller chose it",
}
REASONS = {
    "BEFORE_WINDOW": "the credentials are older than the logs",
    "NO_ACCOUNT": "the logs of the account that issued them are not here",
    "DATA_EVENT": "they were issued by a data event, which trails do not record by default",
    "GAP": "logging had stopped when they were issued",
    "AMBIGUOUS": "several issuing calls with different callers fit equally well",
    "PENDING": "the issuing call may still be on its way: logs arrive late",
    "NO_ISSUANCE": "no issuing call for them is in the logs",
    "CLAIM_ONLY": "only a name that the caller chose says who it was",
}
TYPES = {
    "IAMUser": "IAM user",
    "Root": "root user",
    "FederatedUser": "federated user",
    "WebIdentityUser": "web identity user",
    "IdentityCenterUser": "Identity Center user",
    "AssumedRole": "role session",
    "AWSService": "AWS service",
    "EC2Instance": "EC2 instance",
    "LambdaFunction": "Lambda function",
    "ECSTask": "ECS task",
    "EKSServiceAccount": "EKS service account",
    "ManagedInstance": "managed instance",
    "ExternalPrincipal": "external principal",
    "Role": "role",
    "Unknown": "unknown",
}
KINDS = {
    "role_session": "role session",
    "iam_user": "IAM user",
    "root": "root user",
    "federated_user": "federated user",
    "role": "role",
    "account": "account",
    "ip_address": "address",
    "user_agent": "user agent",
}
MATCHES = {
    "access_key": "its access key and time",
    "principal": "its principal id and time",
    "instance": "its instance, whose role session was alive then",
    "name": "its user name; in that account and time only one session fits",
    "finding_only": "the finding itself; nothing of it is in the logs of that time",
    "asked": "what was asked for",
    "ambiguous": "nothing that decides between several candidates",
    "none": "nothing",
}


def confidence(value: float | None) -> str:
    """Say a confidence in words."""
    if value is None:
        return "not known"
    for least, words in ((0.97, "practically certain"), (0.95, "very strong"), (0.9, "strong"), (0.8, "good")):
        if value >= least:
            return words
    return "a hint only" if value > 0 else "none"


def moment(text: str | None) -> str:
    """Write a time of a row for people: `2026-05-01 10:00:00`, UTC is said once a page."""
    return text.replace("T", " ").removesuffix("Z") if text else "unknown"


def minute(text: str | None) -> str:
    """Write a time to the minute."""
    return moment(text)[:16] if text else "unknown"


def day(text: str | None) -> str:
    """Write the day of a time."""
    return text[:10] if text else "unknown"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number and its noun: `1 call`, `1,204 calls`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """Write a list: `a, b and c`, shortened where it is long."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most:,} more"
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def lasting(seconds: float) -> str:
    """Write how long something lasts: `45 min`, `1 h 05 min`, `3 d 2 h`."""
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def call(api: str) -> str:
    """Write an API without its service: `StopLogging`."""
    return api.split(":", 1)[-1]


def type_name(kind: str | None) -> str:
    """Write a principal type."""
    return TYPES.get(kind or "Unknown", kind or "unknown")


def kind_name(kind: str, *, is_finding: bool) -> str:
    """Write a kind of entity; the profile of a root is that of whoever the sessions lead back to, a person or a workload."""
    return "root principal" if kind == "root" and not is_finding else KINDS.get(kind, kind)


def who(kind: str | None, name: str | None, identifier: str | None) -> str:
    """Write a principal: `sara (Identity Center user)`."""
    shown = name or identifier
    return f"{shown} ({type_name(kind)})" if shown else f"an unknown principal ({type_name(kind)})"
