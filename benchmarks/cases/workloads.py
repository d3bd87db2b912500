"""Cases 30 to 37: identities of unusual shape, roles made anew, pods, spoofed names, Cognito, and Identity Center's change."""

from __future__ import annotations

from benchmarks.cases.issuing.identity_center import (
    get_role_credentials,
    on_behalf_of,
    permission_set,
    take_role_with_saml,
)
from benchmarks.cases.issuing.roles import Grant, issued, take_role, take_role_for_service, workload
from benchmarks.cases.issuing.web_identity import take_role_with_web_identity
from benchmarks.cases.scene import HOUR, Scene
from benchmarks.cases.truth import resolved, unresolved
from benchmarks.organisation.actors import Role
from benchmarks.organisation.calls import call
from benchmarks.organisation.catalogue import UPDATE_INSTANCE_INFORMATION, named
from benchmarks.organisation.credentials import Caller, Session
from benchmarks.organisation.identifiers import uuid_text
from benchmarks.organisation.parameters import HOME_REGION

AUTOSCALING = "autoscaling.amazonaws.com"
_DELETE_ROLE = call("iam", "DeleteRole", *named("roleName", "phoenix", 1), version="1.10", write=True)
_CREATE_ROLE = call("iam", "CreateRole", *named("roleName", "phoenix", 1), version="1.10", write=True)
_OF_DATA_PLANE = {"managementEvent": False, "eventCategory": "Data"}
_HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_REQUEST_ROLE_TOKEN = call("ssm", "RequestManagedInstanceRoleToken", version="1.11", write=True)
_GET_CREDENTIALS = call("cognito-identity", "GetCredentialsForIdentity", version="1.08", write=True)


def case_30_an_instances_own_identity(scene: Scene) -> None:
    """With principalId `acct:aws:ec2-instance:i-…` → role id `acct:aws:ec2-instance`, name `i-…`.

    Nobody can make a role of that name, and only EC2 gives it out: the instance is its root. With it Systems Manager's agent gets
    the account's default role, by a data event without a response: who has that role is told by nothing but its session's name.
    """
    account, instance = scene.company.one, scene.instance_id()
    own = scene.stray(Role(f"{account}:aws:ec2-instance", "aws:ec2-instance", account), instance, scene.at())
    own.assumed_by = own.root = workload("EC2Instance", instance, own.taken_role)
    caller = scene.with_key(own, ec2RoleDelivery="2.0")
    scene.act(caller, scene.at(1), scene.at(31), call=UPDATE_INSTANCE_INFORMATION)
    scene.expect(own, resolved("WORKLOAD"), "its own identity", key=own.access_key_ids[0])

    default = scene.role("AWSSystemsManagerDefaultEC2InstanceManagementRole", account, "/service-role/")
    managed = scene.stray(default, instance, scene.at(2))
    managed.root = own.root
    _request_role_token(scene, caller, managed)
    scene.act(scene.with_key(managed), scene.at(3), scene.at(4), call=UPDATE_INSTANCE_INFORMATION)
    reasons = unresolved("DATA_EVENT", "CLAIM_ONLY", "NO_ISSUANCE")
    scene.expect(managed, reasons, "the default role of its agent", key=managed.access_key_ids[0])


def _request_role_token(scene: Scene, caller: Caller, managed: Session) -> None:
    """Write Systems Manager's data event: a null response (SEMANTICS §2)."""
    at = managed.started_at
    record = scene.journal.record(caller, _REQUEST_ROLE_TOKEN, at)
    node = f"arn:aws:ssm:{HOME_REGION}:{managed.account_id}:managed-instance/{managed.session_name}"
    record |= {
        "requestParameters": {"fingerprint": managed.session_name},
        "resources": [{"accountId": managed.account_id, "type": "AWS::SSM::ManagedNode", "ARN": node}],
        **_OF_DATA_PLANE,
    }
    scene.write_of(caller, record, at)


def case_31_a_role_below_a_path(scene: Scene) -> None:
    """Role at `/aws-service-role/…` → match via roleArn, not the assumed-role ARN."""
    role = scene.role("AWSServiceRoleForAutoScaling", scene.company.two, f"/aws-service-role/{AUTOSCALING}/")
    session = take_role_for_service(scene, AUTOSCALING, Grant(role, "AutoScaling", scene.at(), names_user=False))
    scene.act(scene.without_key(session, AUTOSCALING), scene.at(1), scene.at(2))
    scene.expect(session, resolved("ECHO_ARN"))


def case_32_a_role_is_made_anew(scene: Scene) -> None:
    """Role deleted and recreated, same name → different AROA, no merge."""
    administrator = scene.long_term(scene.user("quentin", scene.company.one))
    for start, name in ((0, "rosa"), (30, "stella")):
        user = scene.user(name, scene.company.one)
        role = scene.role("phoenix", scene.company.one)
        session = take_role(scene, scene.long_term(user), Grant(role, "phoenix", scene.at(start)))
        scene.act(scene.with_key(session), scene.at(start + 1), scene.at(start + 2))
        scene.expect(session, resolved("KEY_EXACT"), f"of {name}", key=session.access_key_ids[0])
        scene.check_sessions(f"one session of {name}'s", session.principal_id, 1)
        if start == 0:
            scene.act(administrator, scene.at(20), call=_DELETE_ROLE)
            scene.act(administrator, scene.at(25), call=_CREATE_ROLE)


def case_33_a_pod_has_an_identity(scene: Scene) -> None:
    """Pod identity → `pods.eks` issuance; root workload = namespace/SA; node link only if unique."""
    account, cluster = scene.company.two, "shop"
    node_role, instance = scene.role("eks-node", account), scene.instance_id()
    root = workload("EC2Instance", instance, node_role)
    node_grant = Grant(node_role, instance, scene.at(), 23_700, names_user=False)
    node = take_role_for_service(scene, "ec2.amazonaws.com", node_grant, root)
    caller = scene.with_key(node, ec2RoleDelivery="2.0")
    pod_call = call("eks-auth", "AssumeRoleForPodIdentity", {"clusterName": cluster, "token": _HIDDEN}, version="1.10")
    scene.act(caller, scene.at(5), call=pod_call)
    scene.expect(node, resolved("KEY_EXACT"), "the node", key=node.access_key_ids[0])

    tags = _pod_tags(scene, account, cluster)
    asked = {
        "durationSeconds": 6 * HOUR,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
        "transitiveTagKeys": list(tags),
    }
    role, name = scene.role("payments-pod", account), f"eks-{cluster}-api-{uuid_text(scene.rng)}"
    grant = Grant(role, name, scene.at(5) + 1, 6 * HOUR, asked=asked)
    service_account = workload("EKSServiceAccount", f"{cluster}/payments/api", role)
    session = take_role_for_service(scene, "pods.eks.amazonaws.com", grant, service_account)
    scene.act(scene.with_key(session), scene.at(6), scene.at(7))
    scene.expect(session, resolved("KEY_EXACT", "WORKLOAD"), "the pod", key=session.access_key_ids[0])


def _pod_tags(scene: Scene, account: str, cluster: str) -> dict[str, str]:
    return {
        "eks-cluster-arn": f"arn:aws:eks:us-east-1:{account}:cluster/{cluster}",
        "eks-cluster-name": cluster,
        "kubernetes-namespace": "payments",
        "kubernetes-service-account": "api",
        "kubernetes-pod-name": "api-7d9c",
        "kubernetes-pod-uid": uuid_text(scene.rng),
    }


def case_34_a_subject_with_colons(scene: Scene) -> None:
    """IRSA sub with colons → full sub kept."""
    account = scene.company.one
    issuer = f"oidc.eks.us-east-1.amazonaws.com/id/{scene.rng.getrandbits(128):032X}"
    provider, subject = f"arn:aws:iam::{account}:oidc-provider/{issuer}", "system:serviceaccount:billing:invoices"
    grant = Grant(scene.role("invoices", account), f"botocore-session-{scene.at()}", scene.at())
    session = take_role_with_web_identity(scene, provider, subject, grant)
    scene.act(scene.with_key(session), scene.at(1), scene.at(2))
    scene.expect(session, resolved("KEY_EXACT"), key=session.access_key_ids[0])


def case_35_a_user_plays_an_instance(scene: Scene) -> None:
    """Session `i-0abc` issued by an IAM user → root user, WORKLOAD rejected, spoof flag. A bare name is nobody's root."""
    user, role = scene.user("trudy", scene.company.one), scene.role("web-server", scene.company.one)
    session = take_role(scene, scene.long_term(user), Grant(role, scene.instance_id(), scene.at()))
    scene.act(scene.with_key(session, ec2RoleDelivery="2.0"), scene.at(1), scene.at(2))
    key = session.access_key_ids[0]
    scene.expect(session, resolved("KEY_EXACT"), "issued by a user", key=key, has_misleading_name=True)
    bare = scene.stray(role, scene.instance_id(), scene.at(20))
    scene.act(scene.with_key(bare), scene.at(21), scene.at(22))
    claim = unresolved("CLAIM_ONLY", methods=("CLAIM", "WORKLOAD"))
    scene.expect(bare, claim, "a bare name", key=bare.access_key_ids[0])


def case_36_a_role_by_cognito(scene: Scene) -> None:
    """Cognito role session → DATA_EVENT. So it is where that data event happens to be logged."""
    for start, what in ((0, "the data event is not logged"), (20, "the data event is logged")):
        role = scene.role(f"Cognito_AppAuth_Role_{start}", scene.company.one)
        session = scene.stray(role, "CognitoIdentityCredentials", scene.at(start))
        if start:
            _get_credentials_for_identity(scene, session)
        scene.act(scene.with_key(session), scene.at(start + 1), scene.at(start + 2))
        scene.expect(session, unresolved("DATA_EVENT"), what, key=session.access_key_ids[0])


def _get_credentials_for_identity(scene: Scene, session: Session) -> None:
    """Write Cognito's data event: of type Unknown, with the key (SEMANTICS §2)."""
    at, account, pool = session.started_at, session.account_id, f"us-east-1:{uuid_text(scene.rng)}"
    record = scene.journal.record(scene.with_key(session), _GET_CREDENTIALS, at)
    identity_id = f"us-east-1:{uuid_text(scene.rng)}"
    pool_arn = f"arn:aws:cognito-identity:us-east-1:{account}:identitypool/{pool}"
    record |= {
        "userIdentity": {"type": "Unknown"},
        "requestParameters": {"identityId": identity_id, "logins": {"idp.acme.example": _HIDDEN}},
        "responseElements": {
            "credentials": issued(scene, session.access_key_ids[0], at + HOUR),
            "identityId": identity_id,
        },
        "resources": [{"accountId": account, "type": "AWS::Cognito::IdentityPool", "ARN": pool_arn}],
        **_OF_DATA_PLANE,
    }
    scene.write(record, at)


def case_37_identity_center_changes_its_type(scene: Scene) -> None:
    """IdC event type Unknown (pre-change) vs IdentityCenterUser, same userId → same root."""
    person, role = scene.colleague("yuki"), permission_set(scene, "SecurityAudit", scene.company.three)
    for start, is_old in ((0, True), (20, False)):
        session = take_role_with_saml(scene, person, Grant(role, person.name, scene.at(start)))
        get_role_credentials(scene, person, role, scene.at(start), is_old=is_old)
        key = scene.key()
        caller = scene.with_key(session, key)
        scene.act(caller.shown_as(onBehalfOf=on_behalf_of(scene, person)), scene.at(start + 1))
        scene.act(caller, scene.at(start + 2))
        session.root = scene.identity_center_user(person)
        what = "of type Unknown" if is_old else "of type IdentityCenterUser"
        scene.expect(session, resolved("SSO_LINK", "ECHO_ROLEID"), what, key=key)
