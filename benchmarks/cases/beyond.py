"""Cases 43 to 45, beyond SEMANTICS §10: other workloads, claims, and logs that lie."""

from __future__ import annotations

from benchmarks.cases.book import published_after
from benchmarks.cases.issuing.roles import Grant, take_role, take_role_for_service, workload
from benchmarks.cases.scene import HOUR, Scene
from benchmarks.cases.truth import ANYTHING, NOBODY, resolved, unresolved
from benchmarks.organisation.actors import Role
from benchmarks.organisation.catalogue import LIST_ROLES
from benchmarks.organisation.instants import iso
from benchmarks.organisation.parameters import DAY_SECONDS

_TEN_YEARS = 3_650 * DAY_SECONDS


def case_43_other_workloads(scene: Scene) -> None:
    """Lambda, ECS and Systems Manager: root is the function, the task, the node; inScopeOf alone is enough (WORKLOAD)."""
    account = scene.company.two
    _function(scene, "thumbnailer", "thumbnailer", 0)
    _function(scene, "exporter", f"awslambda_744_{iso(scene.at(10))[:19].translate(_DIGITS)}313", 10)

    role = scene.role("router", account)
    unseen = scene.stray(role, "order-router", scene.at(20))
    unseen.assumed_by = unseen.root = workload("LambdaFunction", "order-router", role)
    scope = _scope("Lambda", f"arn:aws:lambda:us-east-1:{account}:function:order-router")
    scene.act(scene.with_key(unseen).shown_as(inScopeOf=scope), scene.at(21), scene.at(22))
    scene.expect(unseen, resolved("WORKLOAD"), "a function without its issuance", key=unseen.access_key_ids[0])

    instance, role = scene.instance_id(), scene.role("cache-server", account)
    unseen = scene.stray(role, instance, scene.at(25))
    unseen.assumed_by = unseen.root = workload("EC2Instance", instance, role)
    scope = {
        "issuerType": "AWS::EC2::Instance",
        "credentialsIssuedTo": f"arn:aws:ec2:us-east-1:{account}:instance/{instance}",
    }
    scene.act(scene.with_key(unseen, ec2RoleDelivery="2.0").shown_as(inScopeOf=scope), scene.at(26), scene.at(27))
    scene.expect(unseen, resolved("WORKLOAD"), "an instance without its issuance", key=unseen.access_key_ids[0])

    for start, service, type_, name in (
        (30, "ecs-tasks.amazonaws.com", "ECSTask", f"{scene.rng.getrandbits(128):032x}"),
        (40, "ssm.amazonaws.com", "ManagedInstance", f"mi-0{scene.rng.getrandbits(64):016x}"),
    ):
        role = scene.role(f"of-{type_}", account)
        grant = Grant(role, name, scene.at(start), 6 * HOUR)
        session = take_role_for_service(scene, service, grant, workload(type_, name, role))
        scene.act(scene.with_key(session), scene.at(start + 1), scene.at(start + 2))
        scene.expect(session, resolved("KEY_EXACT", "WORKLOAD"), type_, key=session.access_key_ids[0])


_DIGITS = str.maketrans("", "", "-T:")


def _function(scene: Scene, function: str, session_name: str, start: int) -> None:
    """Invoke a function: its response lacks the user; its name is in inScopeOf, and in newer session names (SEMANTICS §2)."""
    account = scene.company.two
    role = scene.role(f"{function}-role", account)
    grant = Grant(role, session_name, scene.at(start), 2 * HOUR, names_user=False)
    root = workload("LambdaFunction", function, role)
    session = take_role_for_service(scene, "lambda.amazonaws.com", grant, root)
    scope = _scope("Lambda", f"arn:aws:lambda:us-east-1:{account}:function:{function}")
    scene.act(scene.with_key(session).shown_as(inScopeOf=scope), scene.at(start + 1), scene.at(start + 2))
    scene.expect(session, resolved("KEY_EXACT", "WORKLOAD"), f"function {function}", key=session.access_key_ids[0])


def _scope(service: str, arn: str) -> dict[str, str]:
    return {
        "issuerType": f"AWS::{service}::Function",
        "credentialsIssuedTo": arn,
        "credentialsIssuedToVersion": f"{arn}:$LATEST",
    }


def case_44_claims(scene: Scene) -> None:
    """A source identity or a name without an issuance → CLAIM, never a root; why there is none stays as the logs say."""
    role = scene.role("claimed", scene.company.one)
    inside = scene.stray(role, "sara@acme.example", scene.at())
    scene.act(scene.with_key(inside, sourceIdentity="sara"), scene.at(1), scene.at(2))
    claim = unresolved("CLAIM_ONLY", methods=("CLAIM",))
    scene.expect(inside, claim, "a source identity", key=inside.access_key_ids[0], source_identity="sara")
    before = scene.stray(role, "sara@acme.example", scene.parameters.start_at - 2 * HOUR)
    scene.act(scene.with_key(before, sourceIdentity="sara"), scene.at(3))
    claim = unresolved("BEFORE_WINDOW", methods=("CLAIM",))
    what = "a source identity from before the logs"
    scene.expect(before, claim, what, key=before.access_key_ids[0], source_identity="sara")


def case_45_logs_that_lie(scene: Scene) -> None:
    """Wrong times, a parent after its child, a loop, an account that is no number, a key of another shape: nothing is guessed."""
    account = scene.company.three
    user = scene.user("eve", account)
    _lie_about_creation(scene, account)
    _lie_about_order(scene, account)

    longer = take_role(
        scene, scene.long_term(user), Grant(scene.role("long-key", account), "eve", scene.at(30), key="ASIA" + "Z" * 28)
    )
    scene.act(scene.with_key(longer), scene.at(31))
    scene.expect(longer, resolved("KEY_EXACT"), "a key of another shape", key=longer.access_key_ids[0])

    early = take_role(scene, scene.long_term(user), Grant(scene.role("early", account), "eve", scene.at(35)))
    scene.act(scene.with_key(early), scene.at(25))
    scene.expect(early, resolved(), "used before it was issued", key=early.access_key_ids[0])

    nowhere = Role(scene.role("x", account).id, "nowhere", "not-an-account")
    session = scene.stray(nowhere, "eve", scene.at(40))
    caller = scene.with_key(session)
    record = scene.journal.record(caller, LIST_ROLES, scene.at(41))
    scene.book.write(record, published_after(scene.at(41)), account_id=account)
    session.event_count += 1
    what, key = "an account that is no number", session.access_key_ids[0]
    scene.expect(session, unresolved(), what, key=key, account_id=ANYTHING)


def _lie_about_creation(scene: Scene, account: str) -> None:
    """Write sessions that were made in the future, or ten years ago."""
    for minute, seconds, what in ((0, _TEN_YEARS, "made in ten years"), (2, -_TEN_YEARS, "made ten years ago")):
        session = scene.stray(scene.role(f"clock-{minute}", account), "eve", scene.at(minute) + seconds)
        scene.act(scene.with_key(session), scene.at(minute), scene.at(minute + 1))
        scene.expect(session, unresolved(), what, key=session.access_key_ids[0])


def _lie_about_order(scene: Scene, account: str) -> None:
    """Write a child that is older than its parent, and two sessions that made each other."""
    parent = scene.stray(scene.role("late-parent", account), "eve", scene.at(20))
    child = take_role(scene, scene.with_key(parent), Grant(scene.role("early-child", account), "eve", scene.at(10)))
    scene.act(scene.with_key(child), scene.at(11))
    child.root = NOBODY
    scene.expect(child, unresolved(), "older than its parent", key=child.access_key_ids[0])
    scene.expect(parent, unresolved(), "younger than its child", key=parent.access_key_ids[0])
    roles = scene.role("hen", account), scene.role("egg", account)
    pair = [scene.stray(role, "eve", scene.at(15)) for role in roles]
    for maker, made in (pair, pair[::-1]):
        grant = Grant(made.taken_role, "eve", scene.at(15), key=made.access_key_ids[0])
        take_role(scene, scene.with_key(maker), grant)
        scene.expect(made, unresolved(), f"made by what it made: {made.taken_role.name}", key=made.access_key_ids[0])
