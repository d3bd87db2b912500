"""Workloads: what runs with a role's credentials without anybody having asked for them.

Belongs here: how an instance, a function, a task, a pod shows in the record of a service that assumed its role, and in the
records that its credentials make. Does not: whether a session is bound to such a record.

A name alone says nothing: whoever may assume a role may call the session `i-0123456789abcdef0` (SEMANTICS §7). It counts where
the service itself asked, where AWS says for whom (`inScopeOf`), or where the role's name is one that only AWS can give.
"""

from __future__ import annotations

from typing import NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F

INSTANCE_NAME = r"^i-[0-9a-f]{8}([0-9a-f]{9})?$"
NODE_NAME = r"^mi-[0-9a-f]{17}$"
OF_SERVICES = ("EC2Instance", "LambdaFunction", "ECSTask", "EKSServiceAccount", "ManagedInstance")
_TAGS = ("eks-cluster-name", "kubernetes-namespace", "kubernetes-service-account")
# What inScopeOf calls the issuer, and what its ARN ends with.
_SCOPES = {
    "AWS::EC2::Instance": "EC2Instance",
    "AWS::Lambda::Function": "LambdaFunction",
    "AWS::ECS::Task": "ECSTask",
    "AWS::SSM::ManagedInstance": "ManagedInstance",
}


class Workload(NamedTuple):
    """Type (PRINCIPAL_TYPES), id and name of a workload; columns that are null where it is none."""

    type: Column
    id: Column
    name: Column


def issued_to(identity_type: Column, service: Column, session_name: Column, tags: Column) -> Workload:
    """Return the workload for which a service assumed a role.

    Args:
        identity_type: userIdentity.type of the issuing call; only AWSService can speak for a workload.
        service: userIdentity.invokedBy.
        session_name: as asked for.
        tags: array of (key, value) of the request: EKS pod identity says there for which service account.
    """
    pod = _pod(tags)
    kind = F.when(
        identity_type == "AWSService",
        F.when((service == "ec2.amazonaws.com") & session_name.rlike(INSTANCE_NAME), "EC2Instance")
        .when((service == "ssm.amazonaws.com") & session_name.rlike(NODE_NAME), "ManagedInstance")
        .when((service == "ssm.amazonaws.com") & session_name.rlike(INSTANCE_NAME), "EC2Instance")
        .when((service == "lambda.amazonaws.com") & session_name.isNotNull(), "LambdaFunction")
        .when((service == "ecs-tasks.amazonaws.com") & session_name.isNotNull(), "ECSTask")
        .when((service == "pods.eks.amazonaws.com") & pod.isNotNull(), "EKSServiceAccount"),
    )
    id_ = F.when(kind == "EKSServiceAccount", pod).when(kind.isNotNull(), session_name)
    return Workload(kind, id_, F.when(kind == "EKSServiceAccount", F.substring_index(pod, "/", -1)).otherwise(id_))


def _pod(tags: Column) -> Column:
    """Return `<cluster>/<namespace>/<service account>`; null if one of them is not told."""
    cluster, namespace, account = [_tag(tags, name) for name in _TAGS]
    return F.concat(cluster, F.lit("/"), namespace, F.lit("/"), account)


def _tag(tags: Column, name: str) -> Column:
    return F.get(F.filter(tags, lambda tag: tag.key == name), F.lit(0)).value


def in_scope(in_scope_of: Column) -> Workload:
    """Return the workload that AWS itself names on a call: userIdentity.inScopeOf, as JSON (SEMANTICS §1)."""
    scope = F.from_json(in_scope_of, "issuerType string, credentialsIssuedTo string, sourceArn string")
    arn = F.coalesce(scope.credentialsIssuedTo, scope.sourceArn)
    kind = F.coalesce(*[F.when(scope.issuerType == issuer, F.lit(type_)) for issuer, type_ in _SCOPES.items()])
    # arn:aws:lambda:…:function:resize:3 has a version behind the name; the others end with `/<id>`.
    function = F.nullif(F.regexp_extract(F.coalesce(arn, F.lit("")), r":function:([^:]+)", 1), F.lit(""))
    last = F.nullif(F.substring_index(arn, "/", -1), F.lit(""))
    id_ = F.when(kind == "LambdaFunction", F.coalesce(function, last)).otherwise(last)
    is_known = kind.isNotNull() & id_.isNotNull()
    return Workload(F.when(is_known, kind), F.when(is_known, id_), F.when(is_known, id_))


def reserved(role_id: Column, session_name: Column) -> Workload:
    """Return the node behind a role of Systems Manager's default host management: `123456789012:aws:ec2-instance:i-…`.

    No user can make a role of such a name (a colon is not allowed), so that the name is AWS's word.
    """
    kind = F.when(
        role_id.rlike(r"^[0-9]{12}:aws:"),
        F.when(session_name.rlike(INSTANCE_NAME), "EC2Instance").when(session_name.rlike(NODE_NAME), "ManagedInstance"),
    )
    id_ = F.when(kind.isNotNull(), session_name)
    return Workload(kind, id_, id_)


def named(session_name: Column) -> Workload:
    """Return the workload that a session is only called after: a claim."""
    kind = F.when(session_name.rlike(INSTANCE_NAME), "EC2Instance").when(
        session_name.rlike(NODE_NAME), "ManagedInstance"
    )
    id_ = F.when(kind.isNotNull(), session_name)
    return Workload(kind, id_, id_)
