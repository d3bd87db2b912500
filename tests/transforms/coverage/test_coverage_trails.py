"""Calls that stop logging: what a trail logs after them, as their parameters say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.tables import CLOUDTRAIL_EVENTS
from tests.builders import ACCOUNT, frame, row
from transforms.coverage.trails import Change, change, find_trail_changes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALL, NOTHING, READS, WRITES = (True, True), (False, False), (True, False), (False, True)
KMS = ["kms.amazonaws.com"]


def selected(*selectors: Any, kind: str = "eventSelectors") -> tuple[bool, bool] | None:
    found = change("PutEventSelectors", json.dumps({"trailName": "main", kind: list(selectors)}))
    return found and found[1:]


def advanced(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": "a selector", "fieldSelectors": list(fields)}


def field(name: str, **operators: Any) -> dict[str, Any]:
    return {"field": name, **operators}


MANAGEMENT = field("eventCategory", equals=["Management"])


@pytest.mark.parametrize("name", ["StopLogging", "DeleteTrail"])
def test_change__stopped_and_deleted_trails_log_nothing(name: str) -> None:
    assert change(name, '{"name": "main"}') == Change("main", *NOTHING)


@pytest.mark.parametrize("name", ["StartLogging", "CreateTrail"])
def test_change__started_and_created_trails_log(name: str) -> None:
    assert change(name, '{"name": "main"}') == Change("main", *ALL)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ('{"name": "arn:aws:cloudtrail:us-east-2:111122223333:trail/main"}', "main"),
        ('{"Name": "main"}', "main"),
        ('{"name": ""}', None),
        ('{"name": {"a": 1}}', None),
        ('{"name": "' + "x" * 2000 + '"}', None),
        ("not JSON", None),
        ("[1]", None),
        (None, None),
    ],
)
def test_change__a_trail_goes_by_its_name(parameters: str | None, name: str | None) -> None:
    assert change("StopLogging", parameters) == Change(name, *NOTHING)


@pytest.mark.parametrize(
    ("selectors", "logged"),
    [
        ([{"includeManagementEvents": True, "readWriteType": "All"}], ALL),
        ([{"includeManagementEvents": False, "readWriteType": "All"}], NOTHING),
        ([{"includeManagementEvents": "false"}], NOTHING),
        ([{"includeManagementEvents": True, "readWriteType": "ReadOnly"}], READS),
        ([{"includeManagementEvents": True, "readWriteType": "WriteOnly"}], WRITES),
        ([{"IncludeManagementEvents": True, "ReadWriteType": "WriteOnly"}], WRITES),
        ([{}], ALL),  # what the API takes where it is not said
        ([{"readWriteType": "ReadOnly"}, {"readWriteType": "WriteOnly"}], ALL),
        ([{"includeManagementEvents": False}, {"readWriteType": "ReadOnly"}], READS),
        ([{"excludeManagementEventSources": KMS}], ALL),
        ([{"includeManagementEvents": 7}], None),
        ([{"readWriteType": "Some"}], None),
        ([{"readWriteType": ["All"]}], None),
        (["All"], None),
        ([], None),
    ],
)
def test_change__selectors_log_what_they_name_together(selectors: list[Any], logged: Any) -> None:
    assert selected(*selectors) == logged


@pytest.mark.parametrize(
    ("selectors", "logged"),
    [
        ([advanced(MANAGEMENT)], ALL),
        ([advanced(field("eventCategory", equals=["Data"]))], NOTHING),
        ([advanced(MANAGEMENT, field("readOnly", equals=["true"]))], READS),
        ([advanced(MANAGEMENT, field("readOnly", equals=["false"]))], WRITES),
        ([advanced(MANAGEMENT, field("readOnly", equals=["false"])), advanced(MANAGEMENT, field("readOnly", equals=["true"]))], ALL),
        ([advanced(MANAGEMENT, field("eventSource", notEquals=[*KMS, "rdsdata.amazonaws.com"]))], ALL),
        ([advanced(MANAGEMENT, field("eventSource", notEquals=["sts.amazonaws.com"]))], NOTHING),
        ([advanced(MANAGEMENT, field("eventSource", equals=["ec2.amazonaws.com"]))], NOTHING),
        ([advanced(MANAGEMENT, field("userIdentity.arn", notEquals=["arn:aws:iam::1:user/mallory"]))], NOTHING),
        ([advanced(MANAGEMENT, field("eventName", startsWith=["Describe"])), advanced(MANAGEMENT)], ALL),
        ([advanced(field("readOnly", equals=["true"]))], None),
        ([{"fieldSelectors": "all"}], None),
        ([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}], ALL),
    ],
)  # fmt: skip
def test_change__advanced_selectors_log_what_they_do_not_narrow(selectors: list[Any], logged: Any) -> None:
    assert selected(*selectors, kind="advancedEventSelectors") == logged


def test_change__advanced_selectors_take_the_place_of_the_others() -> None:
    asked = {"eventSelectors": [{}], "advancedEventSelectors": [advanced(field("eventCategory", equals=["Data"]))]}
    assert change("PutEventSelectors", json.dumps(asked)) == Change(None, *NOTHING)


odd = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["Management", "true", "All", "eventCategory", "readOnly"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["field", "equals", "fieldSelectors", "readWriteType", "notEquals", "x"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["trailName", "name", "eventSelectors", "advancedEventSelectors"]), odd))
def test_change__withstands_any_type_anywhere(asked: dict[str, Any]) -> None:
    found = change("PutEventSelectors", json.dumps(asked))
    assert found is None or {type(found.logs_reads), type(found.logs_writes)} == {bool}


def test_find_trail_changes__only_calls_that_succeeded_and_say_what_they_do(spark: SparkSession) -> None:
    of_trail = {
        "event_source": "cloudtrail.amazonaws.com",
        "event_name": "StopLogging",
        "request_parameters": '{"name": "main"}',
    }
    drops = '{"trailName": "main", "eventSelectors": [{"includeManagementEvents": false}]}'
    events = [
        row(CLOUDTRAIL_EVENTS, **{**of_trail, **fields})
        for fields in (
            {"event_id": "stop"},
            {"event_id": "denied", "outcome": "denied"},
            {"event_id": "failed", "outcome": "failed"},
            {"event_id": "elsewhere", "event_source": "iotanalytics.amazonaws.com"},
            {"event_id": "another", "event_name": "UpdateTrail"},
            {"event_id": "drop", "event_name": "PutEventSelectors", "request_parameters": drops},
            {"event_id": "left out", "event_name": "PutEventSelectors", "request_parameters": None},
        )
    ]
    found = find_trail_changes(frame(spark, CLOUDTRAIL_EVENTS, *events)).collect()
    assert {(each.event_id, each.account_id, each.trail_name, each.logs_reads) for each in found} == {
        ("stop", ACCOUNT, "main", False),
        ("drop", ACCOUNT, "main", False),
    }
