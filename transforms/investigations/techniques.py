"""Calls that matter, and the MITRE ATT&CK (Enterprise) tactic and technique that each can serve.

Short on purpose: a call is here if it changes who may do what, what is logged or guarded, what leaves, or what is destroyed.
Reading calls are here only where the answer is a secret. Everybody's daily work is not: AssumeRole has the chain.
"""

from __future__ import annotations

from typing import NamedTuple


class Technique(NamedTuple):
    """A technique of MITRE ATT&CK and the tactic it is used for; `severity` of seeing the call succeed."""

    tactic: str
    technique: str
    name: str
    severity: str


TACTICS = {
    "TA0002": "Execution",
    "TA0003": "Persistence",
    "TA0005": "Defense Evasion",
    "TA0006": "Credential Access",
    "TA0007": "Discovery",
    "TA0008": "Lateral Movement",
    "TA0010": "Exfiltration",
    "TA0040": "Impact",
}

_LOGS = Technique("TA0005", "T1562.008", "Disable or Modify Cloud Logs", "HIGH")
_TOOLS = Technique("TA0005", "T1562.001", "Disable or Modify Tools", "HIGH")
_FIREWALL = Technique("TA0005", "T1562.007", "Disable or Modify Cloud Firewall", "MEDIUM")
_TRUST = Technique("TA0005", "T1484.002", "Trust Modification", "HIGH")
_INSTANCE = Technique("TA0005", "T1578.002", "Create Cloud Instance", "LOW")
_HIERARCHY = Technique("TA0005", "T1666", "Modify Cloud Resource Hierarchy", "HIGH")
_ROLES = Technique("TA0003", "T1098.003", "Additional Cloud Roles", "HIGH")
_KEYS = Technique("TA0003", "T1098.001", "Additional Cloud Credentials", "HIGH")
_MANIPULATION = Technique("TA0003", "T1098", "Account Manipulation", "HIGH")
_ACCOUNT = Technique("TA0003", "T1136.003", "Create Account: Cloud Account", "MEDIUM")
_SECRETS = Technique("TA0006", "T1555.006", "Cloud Secrets Management Stores", "LOW")
_DISCOVERY = Technique("TA0007", "T1087.004", "Account Discovery: Cloud Account", "LOW")
_SSH = Technique("TA0008", "T1021.004", "Remote Services: SSH", "MEDIUM")
_COMMAND = Technique("TA0002", "T1651", "Cloud Administration Command", "MEDIUM")
_TRANSFER = Technique("TA0010", "T1537", "Transfer Data to Cloud Account", "HIGH")
_DESTRUCTION = Technique("TA0040", "T1485", "Data Destruction", "HIGH")
_RECOVERY = Technique("TA0040", "T1490", "Inhibit System Recovery", "HIGH")

_CALLS: dict[str, dict[Technique, str]] = {
    "cloudtrail": {_LOGS: "StopLogging DeleteTrail UpdateTrail PutEventSelectors"},
    "logs": {_LOGS: "DeleteLogGroup DeleteLogStream"},
    "guardduty": {_TOOLS: "DeleteDetector UpdateDetector DisassociateFromAdministratorAccount DeletePublishingDestination"},
    "securityhub": {_TOOLS: "DisableSecurityHub"},
    "config": {_TOOLS: "StopConfigurationRecorder DeleteConfigurationRecorder DeleteDeliveryChannel"},
    "ec2": {
        _LOGS: "DeleteFlowLogs",
        _INSTANCE: "RunInstances",
        _FIREWALL: "AuthorizeSecurityGroupIngress",
        _TRANSFER: "ModifySnapshotAttribute ModifyImageAttribute",
        _RECOVERY: "DeleteSnapshot",
    },
    "iam": {
        _ROLES: "AttachRolePolicy AttachUserPolicy AttachGroupPolicy PutRolePolicy PutUserPolicy PutGroupPolicy "
        "AddUserToGroup CreatePolicyVersion SetDefaultPolicyVersion DeleteRolePermissionsBoundary",
        _KEYS: "CreateAccessKey CreateLoginProfile UpdateLoginProfile UploadSSHPublicKey",
        _MANIPULATION: "UpdateAssumeRolePolicy DeactivateMFADevice",
        _ACCOUNT: "CreateUser",
        _TRUST: "CreateSAMLProvider UpdateSAMLProvider CreateOpenIDConnectProvider",
        _DISCOVERY: "GetAccountAuthorizationDetails",
    },
    "secretsmanager": {_SECRETS: "GetSecretValue BatchGetSecretValue"},
    "ec2-instance-connect": {_SSH: "SendSSHPublicKey SendSerialConsoleSSHPublicKey"},
    "ssm": {_COMMAND: "SendCommand StartSession"},
    "rds": {_TRANSFER: "ModifyDBSnapshotAttribute", _DESTRUCTION: "DeleteDBInstance DeleteDBCluster"},
    "s3": {_DESTRUCTION: "DeleteBucket"},
    "kms": {_DESTRUCTION: "ScheduleKeyDeletion"},
    "backup": {_RECOVERY: "DeleteRecoveryPoint DeleteBackupVault"},
    "organizations": {_HIERARCHY: "LeaveOrganization"},
}  # fmt: skip

TECHNIQUES: dict[str, Technique] = {
    f"{service}.amazonaws.com:{name}": technique
    for service, by_technique in _CALLS.items()
    for technique, names in by_technique.items()
    for name in names.split()
}

# Worth a line whoever made the call: what everybody does every day (reading a secret, starting an instance) is LOW.
WEIGHTY_CALLS = tuple(api for api, technique in TECHNIQUES.items() if technique.severity != "LOW")

# After one of these the logs themselves may be missing.
LOGGING_CALLS = tuple(api for api, technique in TECHNIQUES.items() if technique is _LOGS)
