"""What AWS does by itself: a service-linked role without access keys, service calls, and events without an identity
type.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.organisation.actors import Account
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import role_caller, service_caller
from benchmarks.organisation.identifiers import uuid_text
from benchmarks.organisation.issuing import Assumption, assume_for_service
from benchmarks.organisation.parameters import REGIONS
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import RECORDING

_CONFIG = "config.amazonaws.com"
_CLOUDTRAIL = "cloudtrail.amazonaws.com"
_TRAIL_BUCKET = {"bucketName": "acme-org-trail", "Host": "acme-org-trail.s3.us-east-1.amazonaws.com", "acl": ""}
_OWN_CALLS = (
    call("s3", "GetBucketAcl", _TRAIL_BUCKET, version="1.11"),
    call("kms", "GenerateDataKey", {"keySpec": "AES_256", "keyId": "alias/trail"}, version="1.11"),
)
_ROTATE_KEY = call("kms", "RotateKey", version="1.08", write=True)
_OWN_CALL_COUNT = 4


def work_services(shift: Shift) -> None:
    """Let AWS Config record with its service-linked role, CloudTrail write its objects, and KMS rotate keys."""
    for _ in range(shift.times(14)):
        account, region = shift.rng.choice(shift.organisation.accounts), shift.rng.choice(REGIONS)
        at = shift.any_moment()
        if shift.is_over(at):
            continue
        _record_configuration(shift, account, at, region)
        _write_trail(shift, account, at, region)
        _rotate_key(shift, account, at + 60, region)


def _record_configuration(shift: Shift, account: Account, at: int, region: str) -> None:
    role = shift.organisation.role(account, "config")
    service = service_caller(_CONFIG, account.id, region)
    assumption = Assumption(role, "ConfigResourceCompositionSession", at, "service_linked_role")
    session = assume_for_service(shift, service, assumption, service.principal, names_user=True)
    keyless = role_caller(session, None, _CONFIG, _CONFIG).shown_as(invokedBy=_CONFIG)
    recorder = replace(keyless, region=region, has_tls=False)
    shift.work(recorder, RECORDING, shift.rng.randrange(5, 11), (at + 1, at + 900), may_fail=False)
    shift.ledger.close(session)


def _write_trail(shift: Shift, account: Account, at: int, region: str) -> None:
    service = service_caller(_CLOUDTRAIL, account.id, region)
    for number in range(_OWN_CALL_COUNT):
        moment = at + 300 * number
        record = shift.journal.record(service, shift.rng.choice(_OWN_CALLS), moment)
        record["sharedEventID"] = uuid_text(shift.rng)
        shift.journal.write(record, moment, "service")


def _rotate_key(shift: Shift, account: Account, at: int, region: str) -> None:
    identity = {"accountId": account.id, "invokedBy": "AWS Internal"}
    record = shift.journal.service_event(identity, _ROTATE_KEY, at, {"keyId": uuid_text(shift.rng)})
    record["awsRegion"] = region
    shift.journal.write(record, at, "service")
