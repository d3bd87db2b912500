"""Roles by a web identity token: pipelines, and pods of Kubernetes."""

from __future__ import annotations

from benchmarks.cases.issuing.roles import Grant, first_session, issued
from benchmarks.cases.scene import Scene
from benchmarks.organisation.agents import CONFIGURE_AWS
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import Caller, Principal, Session
from benchmarks.organisation.places import RUNNERS

_WITH_WEB_IDENTITY = call("sts", "AssumeRoleWithWebIdentity", version="1.08")


def take_role_with_web_identity(scene: Scene, provider: str, subject: str, grant: Grant) -> Session:
    """Let a pipeline or a pod take a role with a token: colons stay in the subject, the session name is free."""
    root_id = f"{provider}:sts.amazonaws.com:{subject}"
    person = Principal("WebIdentityUser", root_id, subject, None)
    shown = {"type": "WebIdentityUser", "principalId": root_id, "userName": subject, "identityProvider": provider}
    caller = Caller(shown, grant.role.account_id, person, person, None, RUNNERS.address(77), CONFIGURE_AWS)
    session = first_session(scene, grant, person, person)
    record = scene.journal.record(caller, _WITH_WEB_IDENTITY, grant.at)
    record["requestParameters"] = grant.assumption.request
    record["responseElements"] = {
        "credentials": issued(scene, session.access_key_ids[0], grant.at + grant.duration),
        "subjectFromWebIdentityToken": subject,
        "assumedRoleUser": grant.assumption.user,
        "provider": provider,
        "audience": "sts.amazonaws.com",
    }
    record["resources"] = grant.assumption.resources
    scene.write(record, grant.at)
    return session
