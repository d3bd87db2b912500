"""Cases 38 to 42: records of other versions, neighbours of a second, events that issue nothing, gaps, and orders of arrival."""

from __future__ import annotations

from typing import Any

from benchmarks.cases.book import INSIGHTS, published_after
from benchmarks.cases.issuing.roles import Grant, take_role
from benchmarks.cases.scene import HOUR, MINUTE, Scene
from benchmarks.cases.truth import resolved, unresolved
from benchmarks.organisation.calls import call
from benchmarks.organisation.catalogue import DESCRIBE_TRAILS
from benchmarks.organisation.credentials import Caller
from benchmarks.organisation.identifiers import uuid_text
from benchmarks.organisation.instants import iso
from benchmarks.organisation.parameters import DAY_SECONDS, HOME_REGION

_ROTATE_KEY = call("kms", "RotateKey", version="1.08", write=True)
_SERVICE_ASSUME_ROLE = call("sts", "AssumeRole", version="1.08")


def case_38_records_of_many_versions(scene: Scene) -> None:
    """With eventVersion 1.10 vs 1.9; `{}` issuer; missing readOnly → parsed."""
    user, role = scene.user("ulla", scene.company.one), scene.role("historian", scene.company.one)
    session = take_role(scene, scene.long_term(user), Grant(role, "ulla", scene.at()))
    caller = scene.with_key(session)
    for minute, version in enumerate(("1.10", "1.9", "1.09", "1.11"), start=1):
        _write_version(scene, caller, scene.at(minute), version)
    _write_version(scene, caller, scene.at(6), "1.05", "readOnly", "managementEvent", "eventCategory", "tlsDetails")
    _write_version(scene, _with_compact_date(caller), scene.at(7), "1.04", "readOnly", "eventCategory")
    scene.expect(session, resolved("KEY_EXACT"), "a role", key=session.access_key_ids[0])

    own = scene.own_session(user, scene.at(20))
    context = {
        "sessionIssuer": {},
        "webIdFederationData": {},
        "attributes": {"creationDate": iso(scene.at(20)), "mfaAuthenticated": "false"},
    }
    shown = scene.long_term(user).shown | {"accessKeyId": scene.key(), "sessionContext": context}
    with_empty_issuer = Caller(shown, user.account_id, own.root, own.root, own, user.addresses[0], user.agent)
    _write_version(scene, with_empty_issuer, scene.at(21), "1.08")
    _write_version(scene, with_empty_issuer, scene.at(22), "1.08", "readOnly")
    scene.expect(own, resolved("SELF_ROOT"), "an empty issuer")


def _write_version(scene: Scene, caller: Caller, at: int, version: str, *missing: str) -> None:
    record = scene.journal.record(caller, DESCRIBE_TRAILS, at) | {"eventVersion": version}
    scene.write_of(caller, {name: value for name, value in record.items() if name not in missing}, at)


def _with_compact_date(caller: Caller) -> Caller:
    """Return the caller with a creation date as the guide writes it: 20260304T021411Z."""
    context = caller.shown["sessionContext"]
    created = context["attributes"]["creationDate"].replace("-", "").replace(":", "")
    attributes = context["attributes"] | {"creationDate": created}
    return caller.shown_as(sessionContext=context | {"attributes": attributes})


def case_39_two_issuances_a_second_apart(scene: Scene) -> None:
    """Two issuances 1 s apart, same name; usage second matches one exactly → exact second beats ±1."""
    role = scene.role("twice", scene.company.one)
    sessions = [
        take_role(scene, scene.long_term(user), Grant(role, "same-name", scene.at() + seconds))
        for seconds, user in enumerate((scene.user("vera", scene.company.one), scene.user("willi", scene.company.one)))
    ]
    scene.act(scene.with_key(sessions[0], scene.key()), scene.at(1), scene.at(2))
    scene.expect(sessions[0], resolved("ECHO_ROLEID"), "the exact second", key=sessions[0].access_key_ids[0])
    scene.expect(sessions[1], resolved("ISSUED_UNUSED"), "a second later", key=sessions[1].access_key_ids[0])


def case_40_what_issues_nothing(scene: Scene) -> None:
    """Insights pair sharing sharedEventID; AwsServiceEvent without type → neither becomes an issuance."""
    account, shared_id = scene.company.one, uuid_text(scene.rng)
    role = scene.role("not-taken", account)
    insights = [_insight(scene, account, state, shared_id) for state in ("Start", "End")]
    for record in insights:
        scene.book.write(record, published_after(scene.at(30)), trails=(INSIGHTS,))
    identity = {"accountId": account, "invokedBy": "AWS Internal"}
    rotated = scene.journal.service_event(identity, _ROTATE_KEY, scene.at(1), {"keyId": uuid_text(scene.rng)})
    details = {"roleArn": role.arn, "roleSessionName": "service"}
    noted = scene.journal.service_event(identity, _SERVICE_ASSUME_ROLE, scene.at(2), details)
    for record in (rotated, noted):
        scene.write(record, scene.at(2))
    event_ids = [record["eventID"] for record in (*insights, rotated, noted)]
    scene.check_no_issuance("nothing was issued", *event_ids)
    scene.check("no session of the role", "credential_sessions", {"role_arn": role.arn}, 0)


def _insight(scene: Scene, account: str, state: str, shared_id: str) -> dict[str, Any]:
    statistics = {"baseline": {"average": 0.0017}, "insight": {"average": 4.2}}
    return {
        "eventVersion": "1.09",
        "eventTime": iso(scene.at(20 if state == "Start" else 26)),
        "awsRegion": HOME_REGION,
        "eventID": uuid_text(scene.rng),
        "eventType": "AwsCloudTrailInsight",
        "recipientAccountId": account,
        "sharedEventID": shared_id,
        "insightDetails": {
            "state": state,
            "eventSource": "sts.amazonaws.com",
            "eventName": "AssumeRole",
            "insightType": "ApiCallRateInsight",
            "insightContext": {"statistics": statistics},
        },
        "eventCategory": "Insight",
    }


def case_41_logging_was_stopped(scene: Scene) -> None:
    """`StopLogging` gap, then unknown session → UNRESOLVED_GAP; so is what was chained from it, but nothing before."""
    account = scene.own_account()
    user = scene.user("xaver", account)
    before = scene.stray(scene.role("before", account), "before", scene.at(-90))
    scene.act(scene.with_key(before), scene.at(-80), scene.at(-10))
    scene.expect(before, unresolved("NO_ISSUANCE", "CLAIM_ONLY"), "before the gap", key=before.access_key_ids[0])
    trail = {"name": f"arn:aws:cloudtrail:{HOME_REGION}:{account}:trail/own-trail"}
    for minute, name in ((20, "StopLogging"), (20 + 5 * 60, "StartLogging")):
        switched = call("cloudtrail", name, trail, version="1.11", write=True)
        scene.act(scene.long_term(user), scene.at(minute), call=switched)

    session = scene.stray(scene.role("hidden", account), "hidden", scene.at(3 * 60))
    caller, start = scene.with_key(session), scene.at(30 + 5 * 60)
    scene.act(caller, start, start + MINUTE)
    child = take_role(scene, caller, Grant(scene.role("follow-up", account), "hidden", start + 2 * MINUTE))
    scene.act(scene.with_key(child), start + 3 * MINUTE)
    scene.expect(session, unresolved("GAP"), "in the gap", key=session.access_key_ids[0])
    of_child = unresolved("GAP", methods=("KEY_EXACT",))
    scene.expect(child, of_child, "chained from it", key=child.access_key_ids[0])


def case_42_delivered_in_any_order(scene: Scene) -> None:
    """Same events in 1, 7 or shuffled batches → identical tables: an object of its own for each, on any of three days, or two."""
    first = len(scene.book.deliveries)
    user = scene.user("zora", scene.company.one)
    caller = scene.long_term(user)
    for number, account in enumerate((scene.company.one, scene.company.two)):
        role = scene.role(f"shuffled-{number + 1}", account)
        session = take_role(scene, caller, Grant(role, "zora", scene.at(10 * number)))
        caller = scene.with_key(session)
        scene.act(caller, *(scene.at(10 * number + minute) for minute in range(1, 6)))
        scene.expect(session, resolved("KEY_EXACT"), f"link {number + 1}", key=session.access_key_ids[0])
    shuffled = scene.book.deliveries[first:]
    again = scene.rng.sample(shuffled, k=4)
    del scene.book.deliveries[first:]
    for number, each in enumerate(scene.rng.sample(shuffled + again, k=len(shuffled) + len(again))):
        later = number * 5 * MINUTE + scene.rng.randrange(3) * DAY_SECONDS
        scene.book.deliveries.append(each._replace(published_at=published_after(scene.at(HOUR // MINUTE)) + later))
