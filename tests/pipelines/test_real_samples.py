"""Real and public logs in the layout of S3, all sources in one run: nothing crashes, nothing is lost, and who can be named is."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expectations.tables import (
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_ISSUANCES,
    CREDENTIAL_SESSIONS,
    GUARDDUTY_FINDINGS,
    INVESTIGATIONS,
    REJECTED_RECORDS,
)
from pipelines.lake import Lake
from pipelines.night import Night
from pipelines.run import Outcome, run_nightly
from pipelines.settings import FIRST_DAY, load_settings

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import SparkSession

REAL = Path(__file__).parents[3] / "shared" / "real"
pytestmark = [
    pytest.mark.filterwarnings("default"),  # of Dagster and Great Expectations about themselves
    pytest.mark.skipif(not REAL.is_dir(), reason="NO REAL LOGS: ../shared/real is not there, so none of them was read"),
]
Record = dict[str, Any]

# Sessions that were used, and whose issuing call is in the logs with their key or an echo of them: method, session name, root.
NAMED = {
    ("ECHO_ROLEID", "AWSConfig-Describe", "config.amazonaws.com"),
    ("ECHO_ROLEID", "EC2DescribeHandlerSession", "config.amazonaws.com"),
    ("ECHO_ROLEID", "ElasticLoadBalancingDescribeHandlerSession", "config.amazonaws.com"),
    ("ECHO_ROLEID", "SNSDescribeHandlerSession", "config.amazonaws.com"),
    ("ECHO_SAME_PARENT", "AWSConfig-Describe", "config.amazonaws.com"),
    ("KEY_EXACT", "AutoScaling", "autoscaling.amazonaws.com"),
    (
        "KEY_EXACT",
        "CloudTrailLog-CloudTrailLogPipelineLogProcessorFnE-Pkgt7cmJfhQj",
        "CloudTrailLog-CloudTrailLogPipelineLogProcessorFnE-Pkgt7cmJfhQj",
    ),
    (
        "KEY_EXACT",
        "ELBLog-S3LogPipelineLogProcessorFn5D71CFC7-f1LIWSB7QAoA",
        "ELBLog-S3LogPipelineLogProcessorFn5D71CFC7-f1LIWSB7QAoA",
    ),
    ("KEY_EXACT", "aws-go-sdk-1722375070115152000", "arn:aws:iam::457448411975:user/christophe"),
    ("KEY_EXACT", "aws-go-sdk-1722455550269043000", "arn:aws:iam::321848314756:user/christophe"),
    ("KEY_EXACT", "aws-go-sdk-1722511821294449000", "arn:aws:iam::900138736586:user/christophe"),
    ("KEY_EXACT", "aws-go-sdk-1722587398902687000", "arn:aws:iam::307578594326:user/christophe"),
    ("KEY_EXACT", "i-0317f6c6b66ae9c40", "i-0317f6c6b66ae9c40"),
    ("KEY_EXACT", "xray-daemon-1638483114921406273", "appsync.amazonaws.com"),
    ("KEY_EXACT", "xray-daemon-1638483264819261132", "appsync.amazonaws.com"),
    ("KEY_EXACT", None, "arn:aws:iam::742491224508:user/stratus-red-team-user-federation-user"),
    ("KEY_EXACT", None, "arn:aws:iam::999999999999:user/uhura"),
}


# Every call that issued something: API, role or principal, session name; and by what method its sessions, how often, are bound.
ISSUED = {
    ("AssumeRole", "AWSServiceRoleForAppSync", "xray-daemon-1638483114921406273"): {"KEY_EXACT": 1},
    ("AssumeRole", "AWSServiceRoleForAppSync", "xray-daemon-1638483178753357515"): {"ISSUED_UNUSED": 1},
    ("AssumeRole", "AWSServiceRoleForAppSync", "xray-daemon-1638483264819261132"): {"KEY_EXACT": 1},
    ("AssumeRole", "AWSServiceRoleForAutoScaling", "AutoScaling"): {"ISSUED_UNUSED": 1, "KEY_EXACT": 1},
    ("AssumeRole", "AWSServiceRoleForConfig", "AWSConfig-Describe"): {
        "ECHO_ROLEID": 1,
        "ECHO_SAME_PARENT and ISSUED_UNUSED": 4,
        "ISSUED_UNUSED": 41,
    },
    ("AssumeRole", "AWSServiceRoleForConfig", "EC2DescribeHandlerSession"): {"ECHO_ROLEID": 2},
    ("AssumeRole", "AWSServiceRoleForConfig", "ElasticLoadBalancingDescribeHandlerSession"): {"ECHO_ROLEID": 1},
    ("AssumeRole", "AWSServiceRoleForConfig", "SNSDescribeHandlerSession"): {"ECHO_ROLEID": 1},
    (
        "AssumeRole",
        "CloudTrailLog-CloudTrailLogPipelineLogProcessorRol-LMN03K1C37JK",
        "CloudTrailLog-CloudTrailLogPipelineLogProcessorFnE-Pkgt7cmJfhQj",
    ): {"KEY_EXACT": 1},
    (
        "AssumeRole",
        "CloudTrailLog-CloudTrailLogPipelineLogProcessorRol-LMN03K1C37JK",
        "awslambda_198_20211202221146461",
    ): {"ISSUED_UNUSED": 1},
    (
        "AssumeRole",
        "CloudTrailLog-CloudTrailLogPipelineLogProcessorRol-LMN03K1C37JK",
        "awslambda_248_20211202221117529",
    ): {"ISSUED_UNUSED": 1},
    (
        "AssumeRole",
        "CloudTrailLog-CloudTrailLogPipelineLogProcessorRol-LMN03K1C37JK",
        "awslambda_670_20211202221219637",
    ): {"ISSUED_UNUSED": 1},
    (
        "AssumeRole",
        "ELBLog-S3LogPipelineLogProcessorRole936908BA-S40GB8UQ7G29",
        "ELBLog-S3LogPipelineLogProcessorFn5D71CFC7-f1LIWSB7QAoA",
    ): {"KEY_EXACT": 2},
    ("AssumeRole", "MordorLogCollectorStack-LogCollectorRole-1JJTG88NNY4KN", "i-044b1baf4c96e1b62"): {
        "ISSUED_UNUSED": 2
    },
    ("AssumeRole", "MordorNginxStack-BankingWAFRole-9S3E0UAE1MM0", "i-0317f6c6b66ae9c40"): {
        "ISSUED_UNUSED": 2,
        "KEY_EXACT": 1,
    },
    (
        "AssumeRole",
        "S3AccessLog-S3LogPipelineLogProcessorRole936908BA-PREASCHT1GVU",
        "awslambda_17_20211202221520725",
    ): {"ISSUED_UNUSED": 1},
    (
        "AssumeRole",
        "S3AccessLog-S3LogPipelineLogProcessorRole936908BA-PREASCHT1GVU",
        "awslambda_292_20211202221207069",
    ): {"ISSUED_UNUSED": 1},
    (
        "AssumeRole",
        "S3AccessLog-S3LogPipelineLogProcessorRole936908BA-PREASCHT1GVU",
        "awslambda_358_20211202221305387",
    ): {"ISSUED_UNUSED": 1},
    (
        "AssumeRole",
        "S3AccessLog-S3LogPipelineLogProcessorRole936908BA-PREASCHT1GVU",
        "awslambda_855_20211202221328365",
    ): {"ISSUED_UNUSED": 1},
    ("AssumeRole", "SampleRole", "SampleSession"): {"OWNER_COPY": 1},
    ("AssumeRole", "alb-to-aos-role-wne3m91x", "awslambda_198_20211202221206549"): {"ISSUED_UNUSED": 1},
    ("AssumeRole", "my_role_arn", "awslambda_55_20240602202712548"): {"ISSUED_UNUSED": 1},
    ("AssumeRole", "role-name", "12345"): {"ISSUED_UNUSED": 1},
    ("AssumeRole", "role-name", "ROLE_SESSION_NAME"): {"KEY_EXACT": 1},
    ("AssumeRole", "someRole", "AutoScalingDescribeHandlerSession"): {"ISSUED_UNUSED": 1},
    ("AssumeRole", "stratus-red-team-ec2-get-password-data-role", "aws-go-sdk-1722375070115152000"): {
        "ISSUED_UNUSED": 1,
        "KEY_EXACT": 1,
    },
    ("AssumeRole", "stratus-red-team-ec2lui-role-idtzskbvtd", "aws-go-sdk-1722511821294449000"): {
        "ISSUED_UNUSED": 1,
        "KEY_EXACT": 1,
    },
    ("AssumeRole", "stratus-red-team-get-usr-data-role", "aws-go-sdk-1722455550269043000"): {
        "ISSUED_UNUSED": 1,
        "KEY_EXACT": 1,
    },
    ("AssumeRole", "stratus-red-team-leave-org-role", "aws-go-sdk-1722587398902687000"): {
        "ISSUED_UNUSED": 1,
        "KEY_EXACT": 1,
    },
    ("AssumeRole", None, None): {"nothing": 2},
    ("AssumeRoleWithSAML", "rodonmicrotestrole", "rodsoto@rodsoto.onmicrosoft.com"): {"ISSUED_UNUSED": 1},
    ("ConsoleLogin", "1111", None): {"ISSUED_UNUSED": 2},
    ("ConsoleLogin", "493859302102", None): {"ISSUED_UNUSED": 1},
    ("ConsoleLogin", "ABCDEF", None): {"ISSUED_UNUSED": 1},
    ("ConsoleLogin", "AIDA1ERT0661IN5R239V", None): {"ISSUED_UNUSED": 1},
    ("ConsoleLogin", "AIDACKCEVSQ6C2EXAMPLE", None): {"ISSUED_UNUSED": 1},
    ("ConsoleLogin", "AIDAJ4C46EXAMPLER6Z", None): {"ISSUED_UNUSED": 1},
    ("ConsoleLogin", "XXXXXXXXXXX", None): {"ISSUED_UNUSED": 1},
    ("ConsoleLogin", "XXXXXXXXXXXXXXXXXXXX", None): {"ISSUED_UNUSED": 1},
    ("ConsoleLogin", "XXXXXXXXXXXXXXXXXXXXX", None): {"ISSUED_UNUSED": 1},
    ("ConsoleLogin", None, None): {"nothing": 1},
    ("GetFederationToken", "742491224508:stratus_red_team", "stratus_red_team"): {"KEY_EXACT": 1},
    ("GetSessionToken", "AIDACKCEVSQ6C2EXAMPLE", None): {"ISSUED_UNUSED": 1},
    ("GetSessionToken", None, None): {"nothing": 1},
    ("GetSigninToken", None, None): {"nothing": 3},
    ("SwitchRole", None, None): {"nothing": 1},
}


def pack(folder: Path) -> dict[str, list[Record]]:
    """Write the samples as objects of a trail, by source, account and day; return the records of each, by file name."""
    objects: dict[Path, list[Record]] = defaultdict(list)
    for path in sorted(REAL.glob("*/cloudtrail.ndjson")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            account = str(record.get("recipientAccountId"))
            account = account if re.fullmatch(r"\d{12}", account) else "999999999999"
            day = str(record.get("eventTime"))[:10]
            day = day if re.fullmatch(r"20[12]\d-\d\d-\d\d", day) else "2020-01-01"  # CloudTrail began in 2013
            place = folder / "AWSLogs" / account / "CloudTrail" / "us-east-1" / day.replace("-", "/")
            objects[place / f"{account}_CloudTrail_us-east-1_{path.parent.name}.json.gz"].append(record)
    for place, records in objects.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    for path in sorted(REAL.glob("*/guardduty.ndjson")):
        place = folder / "AWSLogs" / "999999999999" / "GuardDuty" / "us-east-1" / "2020" / "01" / "01"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{path.parent.name}.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    return {place.as_uri(): records for place, records in objects.items()}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Record]]]:
    folder = tmp_path_factory.mktemp("real").resolve()
    return folder, pack(folder)


@pytest.fixture(scope="module")
def real(packed: tuple[Path, dict[str, list[Record]]], dagster_home: Path, spark: SparkSession) -> tuple[Lake, Outcome]:
    folder = packed[0]
    settings = load_settings(cloudtrail=str(folder), findings=str(folder), lake=str(folder / "lake"))
    last: date = FIRST_DAY.replace(year=2026)
    return Lake(settings.lake_uri, lambda: spark), run_nightly(Night(settings), FIRST_DAY, last)


def test_run__every_record_is_an_event_or_rejected_with_a_reason_or_a_copy(
    real: tuple[Lake, Outcome], packed: tuple[Path, dict[str, list[Record]]]
) -> None:
    lake, outcome = real
    assert outcome.failures == ()
    rejects = lake.read(REJECTED_RECORDS).collect()
    assert all(row.reason for row in rejects)
    placed = {
        (row.source_uri, row.record_index)
        for row in lake.read(CLOUDTRAIL_EVENTS).select("source_uri", "record_index").collect()
    }
    placed |= {(row.uri, row.record_index) for row in rejects}
    there = {
        _text(records[index])
        for uri, records in packed[1].items()
        for index in range(len(records))
        if (uri, index) in placed
    }
    everything = [(uri, index) for uri, records in packed[1].items() for index in range(len(records))]
    lost = [where for where in everything if where not in placed and _text(packed[1][where[0]][where[1]]) not in there]
    assert lost == []
    assert len(everything) > 2_000


def test_run__every_finding_is_investigated(real: tuple[Lake, Outcome]) -> None:
    ids = {row.finding_id for row in real[0].read(GUARDDUTY_FINDINGS).select("finding_id").collect()}
    assert {row.finding_id for row in real[0].read(INVESTIGATIONS).where("finding_id IS NOT NULL").select("finding_id").collect()} == ids
    assert len(ids) > 30


def test_run__names_who_was_behind_the_sessions_whose_keys_or_echoes_are_there(real: tuple[Lake, Outcome]) -> None:
    resolved = (
        real[0]
        .read(CREDENTIAL_SESSIONS)
        .where("attribution_status = 'resolved'")
        .where("attribution_method NOT IN ('SELF_ROOT', 'ISSUED_UNUSED')")
        .collect()
    )
    assert {(row.attribution_method, row.session_name, row.root_id) for row in resolved} == NAMED


def test_run__what_binds_to_every_issuing_call(real: tuple[Lake, Outcome]) -> None:
    methods: dict[str, set[str]] = defaultdict(set)
    for row in real[0].read(CREDENTIAL_SESSIONS).select("issuing_event_ids", "attribution_method").collect():
        for event_id in row.issuing_event_ids:
            methods[event_id].add(row.attribution_method)
    found: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in real[0].read(CREDENTIAL_ISSUANCES).where("outcome = 'success'").collect():
        role = row.issued_role_arn and row.issued_role_arn.rsplit("/", 1)[-1]
        bound = set().union(*[methods[event_id] for event_id in row.issuing_event_ids])
        key = (row.issuing_api, role or row.issued_principal_id, row.issued_session_name)
        found[key][" and ".join(sorted(bound)) or "nothing"] += 1
    assert found == ISSUED


def _text(record: Record) -> str:
    return json.dumps(record, sort_keys=True)
