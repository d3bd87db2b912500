"""Ingredients of small organisations: a function writes the records of one kind of story, which likes to collide with others.

Twins in one second, chains through sessions of other stories, roles shared by users and services. Belongs here: what may happen, with
everything that is left open drawn from the organisation's chance. Does not: how AWS writes a call (tests/organisations.py), and
what the records mean (tests/oracles).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

from tests.organisations import (
    GAP,
    LATE_LOGGED_SINCE,
    LOGGED_SINCE,
    NAMES,
    SIGN_IN,
    STS,
    Organisation,
    Role,
    expiration,
    iso,
    role_session,
    with_key,
    with_start,
)

Ingredient = Callable[[Organisation], None]


def a_role_taken(org: Organisation) -> None:
    """A user or a session takes a role, perhaps in another account, perhaps unused, perhaps echoed a second off."""
    at = org.moment()
    says_whose = org.is_so(0.8)
    copies = org.one_of("both", "both", "caller")
    session, _ = org.assume(
        org.caller(at), org.one_of(*org.roles), org.one_of(*NAMES), at, says_whose=says_whose, copies=copies
    )
    off = org.one_of(0, 0, 0, 0, 1, 2)
    org.use(with_start(session, at + timedelta(seconds=off)), at)


def a_chain(org: Organisation) -> None:
    """A user takes a role, from there another, and so on, over accounts; now and then a link is missing."""
    at = org.moment()
    who = org.user()
    for _ in range(org.one_of(2, 3, 4)):
        copies = org.one_of("both", "both", "both", "caller", "none")
        who, _ = org.assume(who, org.one_of(*org.roles), org.one_of(*NAMES), at, copies=copies)
        if org.is_so(0.2):
            who = with_key(who, org.one_of(None, org.new_key()))
        at += timedelta(seconds=org.one_of(0, 1, 60, 3600))
    org.use(who, at)


def twins(org: Organisation) -> None:
    """Two calls for the same role and name in one second: by one caller (an SDK's double call), or by two."""
    at, role, name = org.moment(), org.one_of(*org.roles), org.one_of(*NAMES)
    ann, bob = org.user("ann"), org.one_of(org.user("ann"), org.user("bob"))
    says_whose = org.is_so(0.8)
    sessions = [org.assume(who, role, name, at, says_whose=says_whose)[0] for who in (ann, bob)]
    for session in sessions:
        org.use(session, at)


def no_issuance(org: Organisation) -> None:
    """A session in use whose issuing nobody saw: before the logs, in an account without logs, lately, or simply not."""
    at = org.one_of(org.moment(), LOGGED_SINCE - timedelta(minutes=1), LATE_LOGGED_SINCE - timedelta(minutes=1))
    role = org.one_of(*org.roles, Role(f"AROA{org.number:05}OTHER", "other", org.unlogged))
    session = role_session(role, org.one_of(*NAMES), at, org.new_key())
    org.write(session, ("ec2.amazonaws.com", "DescribeInstances"), max(at, LOGGED_SINCE) + timedelta(minutes=2),
              recipientAccountId=org.account())  # fmt: skip
    if org.is_so(0.5):
        org.sessions.append((session, at))


def a_console_session(org: Organisation) -> None:
    """A user or root signs in and clicks: many keys, one creation date; a try before that may fail; the sign-in may be missing."""
    at, who = org.moment(), with_key(org.one_of(org.user(), org.user(), org.root_user()), None)
    signed_in = {"eventType": "AwsConsoleSignIn", "responseElements": {"ConsoleLogin": "Success"}}
    if org.is_so(0.3):
        failed = {
            "eventType": "AwsConsoleSignIn",
            "responseElements": {"ConsoleLogin": "Failure"},
            "errorMessage": "no",
        }
        org.write(who, (SIGN_IN, "ConsoleLogin"), at, **failed)
    if org.is_so(0.7):
        org.write(who, (SIGN_IN, "ConsoleLogin"), at, **signed_in)
    session = with_start(with_key(who, org.new_key()), at)
    for number in range(org.one_of(0, 1, 3)):
        org.write(with_key(session, org.new_key()), ("s3.amazonaws.com", "ListBuckets"), at + timedelta(seconds=9 + number),
                  sessionCredentialFromConsole="true")  # fmt: skip
    if org.is_so(0.5):
        org.sessions.append((session, at))


def a_role_switch(org: Organisation) -> None:
    """The console switches role: AWS's backend asks for it, the key that it gets is not the one in use (SEMANTICS §2)."""
    at = org.moment()
    since = at - timedelta(seconds=org.one_of(0, 30))
    user = with_start(with_key(org.user(), org.new_key()), since)
    role, name = org.one_of(*org.roles), user["userName"]
    session, _ = org.assume({**user, "invokedBy": "AWS Internal"}, role, name, at)
    other = with_key(session, org.new_key())
    org.write(with_key(other, None), (SIGN_IN, "SwitchRole"), at, eventType="AwsConsoleSignIn",
              additionalEventData={"SwitchFrom": user["arn"]})  # fmt: skip
    org.use(other, at)


def a_users_token(org: Organisation) -> None:
    """GetSessionToken: temporary credentials that stay the user's; from there perhaps a role."""
    at, user, key = org.moment(), org.user(), org.new_key()
    if org.is_so(0.8):
        response = {"credentials": {"accessKeyId": key, "expiration": org.one_of(expiration(at, 129_600), None)}}
        org.issue(
            user, "GetSessionToken", at, requestParameters={"durationSeconds": 129_600}, responseElements=response
        )
    session = with_start(with_key(user, key), at)
    org.sessions.append((session, at))
    org.use(session, at + org.one_of(timedelta(), timedelta(hours=35), timedelta(hours=40)))


def a_federation_token(org: Organisation) -> None:
    """GetFederationToken: a federated user, whose root is the user that asked."""
    at, user, key = org.moment(), org.one_of(org.user(), org.root_user()), org.new_key()
    account_id, name = user["accountId"], org.one_of(*NAMES)
    federated = f"{account_id}:{name}"
    if org.is_so(0.6):
        response = {"credentials": {"accessKeyId": key, "expiration": org.one_of(expiration(at, 43_200), None)}, "federatedUser":
                    {"federatedUserId": federated, "arn": f"arn:aws:sts::{account_id}:federated-user/{name}"}}  # fmt: skip
        org.issue(user, "GetFederationToken", at, requestParameters={"name": name}, responseElements=response)
    issuer = {"type": user["type"], "principalId": user["principalId"], "arn": user["arn"], "accountId": account_id}
    session = {"type": "FederatedUser", "principalId": federated, "arn": f"arn:aws:sts::{account_id}:federated-user/{name}",
               "accountId": account_id, "accessKeyId": key, "sessionContext": {"sessionIssuer": issuer}}  # fmt: skip
    org.use(with_start(session, at), at)


def forward_access(org: Organisation) -> None:
    """A service calls in somebody's name, with a key that nobody issued: of a long-term key, or of a session (SEMANTICS §2)."""
    at = org.moment()
    who = org.caller(at)
    org.write(who, ("secretsmanager.amazonaws.com", "GetSecretValue"), at)
    minted = who if "sessionContext" in who else with_start(who, at)
    for number in range(org.one_of(1, 2)):
        org.write({**with_key(minted, org.new_key()), "invokedBy": "secretsmanager.amazonaws.com"}, ("kms.amazonaws.com", "Decrypt"),
                  at + timedelta(seconds=number))  # fmt: skip


def a_service_role(org: Organisation) -> None:
    """A service takes a role several times in one second, and works with no key at all (SEMANTICS §2, service-linked roles)."""
    at, service = org.moment(), org.service(org.one_of("rds.amazonaws.com", "inspector2.amazonaws.com"))
    role = Role(f"AROA{org.number:05}LINKD", "AWSServiceRole", org.accounts[0], "/aws-service-role/")
    says_whose = org.is_so(0.7)
    session = None
    for _ in range(org.one_of(0, 1, 3)):
        session, _ = org.assume(service, role, "SLRManagement", at, says_whose=says_whose)
    working = with_key(session or role_session(role, "SLRManagement", at, None), None)
    org.write(
        working, ("ec2.amazonaws.com", "DescribeSubnets"), at + timedelta(seconds=3), recipientAccountId=role.account_id
    )


def an_instance(org: Organisation) -> None:
    """EC2 gives its instance credentials, once for each version of the metadata service, and does not say whose they are."""
    at, service = org.moment(), org.service("ec2.amazonaws.com")
    role, name = org.one_of(*org.roles), f"i-{org.number:016x}{org.one_of(0, 1)}"
    sessions = [org.assume(service, role, name, at, says_whose=False, life=23_700)[0] for _ in range(org.one_of(1, 2))]
    for session in sessions:
        org.use(session, at)


def a_federated_role(org: Organisation) -> None:
    """A person by SAML, or a pipeline by OIDC, takes a role."""
    at, role, name = org.moment(), org.one_of(*org.roles), org.one_of(*NAMES)
    saml = {
        "type": "SAMLUser",
        "principalId": f"q{org.number}=:{name}",
        "userName": name,
        "identityProvider": f"q{org.number}=",
    }
    subject = f"repo:org{org.number}/app:ref:refs/heads/{name}"
    provider = "token.actions.githubusercontent.com"
    oidc = {"type": "WebIdentityUser", "principalId": f"{provider}:{STS}:{subject}", "userName": subject,
            "identityProvider": f"arn:aws:iam::{role.account_id}:oidc-provider/{provider}"}  # fmt: skip
    who, api = org.one_of((saml, "AssumeRoleWithSAML"), (oidc, "AssumeRoleWithWebIdentity"))
    session, _ = org.assume(who, role, name, at, api=api)
    org.use(with_key(session, org.one_of(session["accessKeyId"], org.new_key())), at)


def a_denied_try(org: Organisation) -> None:
    """Somebody asks for a role and is refused: no request is logged, the message names the role (SEMANTICS §6)."""
    at, role = org.moment(), org.one_of(*org.roles)
    who = org.caller(at)
    message = f"User: {who.get('arn')} is not authorized to perform: sts:AssumeRole on resource: {role.arn}"
    org.write(who, (STS, "AssumeRole"), at, errorCode="AccessDenied", errorMessage=message)


def a_misleading_name(org: Organisation) -> None:
    """A user calls a session like an instance (SEMANTICS §7)."""
    at = org.moment()
    org.use(org.assume(org.user(), org.one_of(*org.roles), org.telling_name(), at)[0], at)


def a_key_again(org: Organisation) -> None:
    """A key id that comes again: in another account, long after its end, before it was issued."""
    at, role = org.moment(), org.one_of(*org.roles)
    session, key = org.assume(org.user(), role, org.one_of(*NAMES), at)
    elsewhere = next(each for each in org.roles if each.account_id != role.account_id)
    who, first_use = org.one_of(
        (role_session(elsewhere, org.one_of(*NAMES), at + timedelta(seconds=30), key), at + timedelta(seconds=40)),
        (with_start(session, at + timedelta(hours=47)), at + timedelta(hours=48)),
        (with_start(session, at - timedelta(seconds=40)), at - timedelta(seconds=30)),
    )
    org.use(who, first_use)


def a_younger_caller(org: Organisation) -> None:
    """A role is taken with credentials that began after that: some clock lies, unless it is by a second."""
    at = org.moment()
    session, _ = org.assume(org.user(), org.one_of(*org.roles), org.one_of(*NAMES), at)
    caller = with_start(session, at + timedelta(seconds=org.one_of(11, 12, 20)))
    org.assume(caller, org.one_of(*org.roles), "child", at + timedelta(seconds=10))


def itself_again(org: Organisation) -> None:
    """A session takes its own role under its own name in the second in which it began; a service's has no key to tell them apart."""
    at, role, name = org.moment(), org.one_of(*org.roles), org.one_of(*NAMES)
    session = role_session(role, name, at, org.new_key())
    if org.is_so(0.6):
        session, _ = org.assume(org.user(), role, name, at)
    caller = with_key(session, org.one_of(session["accessKeyId"], org.new_key(), None))
    for _ in range(org.one_of(1, 1, 2)):
        org.use(org.assume(caller, role, name, at)[0], at)


def a_ring(org: Organisation) -> None:
    """Two sessions of one second, or of two, that took each other's role: only records that lie say so."""
    at, (one, other) = org.moment(), org.roles[:2]
    off = timedelta(seconds=org.one_of(0, 1))
    ring = [role_session(one, "ring", at, org.new_key()), role_session(other, "ring", at + off, org.new_key())]
    for who, taken in zip(ring, (other, one), strict=True):
        org.assume(who, taken, "ring", at)
    for session in ring:
        org.use(session, at)


def one_between_two(org: Organisation) -> None:
    """One issuance, and sessions that began a second before and a second after it."""
    at = org.moment()
    session, _ = org.assume(org.user(), org.one_of(*org.roles), org.one_of(*NAMES), at)
    for seconds in (-1, 1):
        org.use(with_key(with_start(session, at + timedelta(seconds=seconds)), org.new_key()), at)


def an_owners_copy(org: Organisation) -> None:
    """Another account's principal takes a role, and only the role owner's copy is here: a user's, a stranger's, a session's."""
    at, role = org.moment(), org.one_of(*org.roles[1:])
    who = org.one_of(
        org.user("ann"),
        org.user("eve", org.unlogged),
        {"type": "Root", "principalId": org.unlogged, "accountId": org.unlogged},
        role_session(Role(f"AROA{org.number:05}OTHER", "other", org.unlogged), "n", at, None),
        role_session(org.roles[0], org.one_of(*NAMES), at, None),
    )
    org.use(org.assume(who, role, org.one_of("n", org.telling_name()), at, copies="owner")[0], at)


def an_owners_copy_of_a_session(org: Organisation) -> None:
    """The caller is a session of another story, then or later."""
    at = org.moment()
    caller, since = org.one_of(*org.sessions[-3:], (role_session(org.roles[0], org.one_of(*NAMES), at, None), at))
    later = since + timedelta(minutes=org.one_of(0, 30, 90))
    org.use(org.assume(caller, org.one_of(*org.roles), "n", later, copies="owner")[0], later)


def a_caller_of_two(org: Organisation) -> None:
    """A role session with one or two sets of credentials takes a role elsewhere; only the owner's copy is here."""
    at, name = org.moment(), org.one_of(*NAMES)
    for seconds in org.one_of((0,), (0, 30), (0, 0), (0, 3000)):
        org.assume(org.user(), org.roles[0], name, at + timedelta(seconds=seconds), life=org.one_of(900, 3600))
    who = role_session(org.roles[0], name, at, None)
    later = at + timedelta(seconds=org.one_of(0, 20, 60, 3000, 3601))
    org.use(org.assume(who, org.one_of(*org.roles[1:3]), "n", later, copies="owner")[0], later)


def an_identity_center_session(org: Organisation) -> None:
    """A person signs in: SAML issues a key that nobody uses, Identity Center notes whose credentials were fetched, calls may say."""
    at = org.moment()
    permission_set = org.one_of("Admin", "Read")
    role = Role(f"AROA{org.number:05}SSO{permission_set.upper()}", f"AWSReservedSSO_{permission_set}_0123456789abcdef",
                org.accounts[1], "/aws-reserved/sso.amazonaws.com/")  # fmt: skip
    people = org.one_of(("sara",), ("sara",), ("sara", "tom"))
    for person in people:
        if org.is_so(0.7):
            caller = {
                "type": org.one_of("IdentityCenterUser", "Unknown"),
                "accountId": org.accounts[0],
                "onBehalfOf": behalf(org, person),
            }
            details = {"account_id": role.account_id, "role_name": org.one_of(permission_set, permission_set, "Other")}
            org.write(caller, ("sso.amazonaws.com", org.one_of("GetRoleCredentials", "GetRoleCredentials", "Federate")),
                      at + timedelta(seconds=org.one_of(0, 2, 3, 4)), eventType="AwsServiceEvent", serviceEventDetails=details)  # fmt: skip
    name = people[0]
    session = role_session(role, name, at, org.new_key())
    if org.is_so(0.5):
        subject = {
            "type": "SAMLUser",
            "principalId": f"q{org.number}=:{name}",
            "userName": name,
            "identityProvider": f"q{org.number}=",
        }
        session = with_key(org.assume(subject, role, name, at, api="AssumeRoleWithSAML")[0], org.new_key())
    if org.is_so(0.3):
        org.use({**session, "onBehalfOf": behalf(org, name)}, at)
    org.use(session, at)
    org.write(session, ("ec2.amazonaws.com", "DescribeInstances"), at + timedelta(minutes=1))
    org.sessions.append((session, at))


def behalf(org: Organisation, person: str) -> dict[str, str]:
    return {
        "userId": f"u-{person}",
        "identityStoreArn": f"arn:aws:identitystore::{org.accounts[0]}:identitystore/d-{org.number}",
    }


def a_workload(org: Organisation) -> None:
    """A service takes a role for a function, a task, a pod, a node; calls may say for which; the issuing may be missing."""
    at, role = org.moment(), org.one_of(*org.roles)
    instance, node = f"i-{org.number:016x}{org.one_of(0, 1)}", f"mi-{org.number:016x}{org.one_of(0, 1)}"
    tags = [{"key": key, "value": value} for key, value in (("eks-cluster-name", "blue"), ("kubernetes-namespace", "shop"),
                                                            ("kubernetes-service-account", "cart"))]  # fmt: skip
    host, name, request = org.one_of(
        ("lambda", "resize", {}), ("lambda", "awslambda_744", {}), ("ecs-tasks", "0a1b2c3d", {}), ("codebuild", "AWSCodeBuild-1", {}),
        ("pods.eks", "eks-blue-cart-1", {"tags": tags}), ("pods.eks", "eks-blue-cart-2", {"tags": tags[:2]}), ("ssm", node, {}),
        ("ssm", instance, {}), ("ec2", instance, {}),
    )  # fmt: skip
    scope = org.one_of(
        None, None,
        {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": f"arn:aws:lambda:us-east-1:{role.account_id}:function:thumbs:3"},
        {"issuerType": "AWS::EC2::Instance", "sourceArn": f"arn:aws:ec2:us-east-1:{role.account_id}:instance/{instance}"},
        {"issuerType": "AWS::New::Thing", "credentialsIssuedTo": "arn:aws:new:us-east-1:1:thing/x"},
    )  # fmt: skip
    who = org.one_of(*[org.service(f"{host}.amazonaws.com")] * 4, org.user())
    copies = org.one_of("both", "both", "none")
    session, _ = org.assume(who, role, name, at, says_whose=org.is_so(0.5), request=request, copies=copies)
    if scope and org.is_so(0.5):
        org.use({**session, "inScopeOf": scope}, at)
    elif scope:
        org.use(role_session(role, name, at, session["accessKeyId"], inScopeOf=scope), at)
    org.use(session, at)


def a_default_managed_node(org: Organisation) -> None:
    """Systems Manager's default host management: a role that no user can make (SEMANTICS §1)."""
    at, account_id = org.moment(), org.account()
    name = org.one_of(f"i-{org.number:016x}0", f"mi-{org.number:016x}0", "other")
    role = Role(f"{account_id}:aws:ec2-instance", "aws:ec2-instance", account_id)
    org.use(role_session(role, name, at, org.new_key()), at)


def a_claim(org: Organisation) -> None:
    """A session that nobody saw issued, and what it says of itself: a name, a source identity; and what it assumes."""
    at, role = org.moment(), org.one_of(*org.roles)
    context = org.one_of({}, {"sourceIdentity": "sara"})
    session = role_session(role, org.one_of(org.telling_name(), "sara"), at, org.new_key(), **context)
    org.use(session, at - org.one_of(timedelta(), timedelta(), timedelta(minutes=1)))
    org.sessions.append((session, at))


def a_gap(org: Organisation) -> None:
    """Something in the hour that the first account's logs do not cover, or beside it."""
    at = org.one_of(GAP[0], GAP[1], GAP[0] - timedelta(seconds=1), GAP[1] - timedelta(seconds=1))
    role = org.one_of(*org.roles[:2])
    session = role_session(role, org.one_of(*NAMES, org.telling_name()), at, org.new_key())
    org.write(session, ("ec2.amazonaws.com", "DescribeInstances"), at + timedelta(hours=1))
    org.sessions.append((session, at))


def one_sign_in(org: Organisation) -> None:
    """Sessions of one principal that came of one sign-in, of which some were seen issued; and a token made for another."""
    at = org.moment()
    arn = f"arn:aws:signin:us-east-1:{org.accounts[0]}:session/{at:%d}-{org.one_of(1, 2)}"
    is_user, name = org.is_so(0.4), org.one_of(*NAMES)
    for minutes in (0, 15, 30):
        since = at + timedelta(minutes=minutes)
        if is_user:
            session = with_start(with_key(org.user("ann"), org.new_key()), since)
            if org.is_so(0.4):
                signed_in = {"eventType": "AwsConsoleSignIn", "responseElements": {"ConsoleLogin": "Success"}}
                org.write(with_key(org.user("ann"), None), (SIGN_IN, "ConsoleLogin"), since, **signed_in)
        else:
            session = role_session(org.roles[0], name, since, org.new_key())
            if org.is_so(0.4):
                session, _ = org.assume(org.user(), org.roles[0], name, since)
        context = {**session["sessionContext"], "signInSessionArn": arn}
        said = org.one_of({}, {}, {}, {"onBehalfOf": behalf(org, name)}) if not is_user else {}
        api = org.one_of(
            ("ec2.amazonaws.com", "DescribeInstances"),
            ("ec2.amazonaws.com", "DescribeVpcs"),
            (SIGN_IN, "CreateOAuth2Token"),
        )
        org.write({**session, "sessionContext": context, **said}, api, since + timedelta(seconds=5))


def an_assumed_root(org: Organisation) -> None:
    """Somebody takes a member account's root for some minutes; or root itself is at work there (SEMANTICS §2)."""
    at, account_id, key = org.moment(), org.accounts[1], org.new_key()
    caller = org.caller(at)
    if org.is_so(0.7):
        target = org.one_of(account_id, f"arn:aws:iam::{account_id}:root")
        org.issue(caller, "AssumeRoot", at, requestParameters={"targetPrincipal": target},
                  responseElements={"credentials": {"accessKeyId": key, "expiration": expiration(at, 900)}})  # fmt: skip
    root = {
        "type": "Root",
        "principalId": account_id,
        "accountId": account_id,
        "arn": f"arn:aws:iam::{account_id}:root",
    }
    assumed = org.one_of({"assumedRoot": "true"}, {"assumedRoot": "true"}, {})
    session = with_start({**root, "sessionContext": assumed}, at)
    org.write(
        with_key(session, org.one_of(key, org.new_key(), None)),
        ("s3.amazonaws.com", "DeleteBucketPolicy"),
        at + timedelta(seconds=5),
    )


def somebody_outside(org: Organisation) -> None:
    """A machine with a certificate (Roles Anywhere), or an identity pool (Cognito, whose data events few log)."""
    at, role, key = org.moment(), org.one_of(*org.roles[:3]), org.new_key()
    unknown = {"type": "Unknown", "accountId": role.account_id}
    if org.is_so(0.5):
        name = "4711"
        given = {"credentials": {"accessKeyId": key, "expiration": iso(at + timedelta(hours=1))}, "roleArn": role.arn,
                 "assumedRoleUser": {"assumedRoleId": f"{role.id}:{name}"}, "sourceIdentity": "CN=box"}  # fmt: skip
        subject = (
            {"subjectArn": f"arn:aws:rolesanywhere:us-east-1:{role.account_id}:subject/s-1"} if org.is_so(0.7) else {}
        )
        org.write(
            unknown,
            ("rolesanywhere.amazonaws.com", "CreateSession"),
            at,
            responseElements={**subject, "credentialSet": [given]},
        )
    else:
        name = "CognitoIdentityCredentials"
        if org.is_so(0.6):
            org.write(unknown, ("cognito-identity.amazonaws.com", "GetCredentialsForIdentity"), at, eventCategory="Data",
                      requestParameters={"identityId": "us-east-1:1"}, responseElements={"credentials": {"accessKeyId": key}})  # fmt: skip
    org.use(role_session(role, name, at, key), at)


INGREDIENTS: tuple[Ingredient, ...] = (
    a_role_taken, a_role_taken, a_chain, twins, no_issuance, a_console_session, a_role_switch, a_users_token, a_federation_token,
    forward_access, a_service_role, an_instance, a_federated_role, a_denied_try, a_misleading_name, a_key_again, a_younger_caller,
    itself_again, a_ring, one_between_two, an_owners_copy, an_owners_copy_of_a_session, a_caller_of_two, an_identity_center_session,
    a_workload, a_default_managed_node, a_claim, a_gap, one_sign_in, an_assumed_root, somebody_outside,
)  # fmt: skip
"""What the transforms attribute: a method that lands puts its ingredients here."""


def organisation(number: int, chance: Random, ingredients: Sequence[Ingredient] = INGREDIENTS) -> Organisation:
    """Return an organisation in which one to four stories happened."""
    org = Organisation(number, chance)
    for _ in range(chance.randint(1, 4)):
        chance.choice(ingredients)(org)
    return org
