"""An event and its addenda: what is laid over what, the same for any batches in any order."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.tables.bronze import CLOUDTRAIL_EVENTS
from tests.transforms.ingested import Lake, Row, addendum, record, rows
from transforms.cloudtrail.addenda import FEEDS, corrected_event, fed_columns
from transforms.cloudtrail.copies import SAME_ID
from transforms.cloudtrail.deliveries import Object, delivery_batches
from transforms.enrichment import Location

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Record = dict[str, Any]

# Columns that several parts of a record feed; those that tell which event and record it is; and whose addendum was laid over.
DERIVED = {"outcome", "role_session_id", "session_name", "role_id", "action_id"}
KNOWN_BY = {"event_id", "event_at", "event_date", "recipient_account_id", "body_sha256", *CLOUDTRAIL_EVENTS.bookkeeping}
TOLD = {"addendum_event_id", "addendum"}

ISSUED = {"credentials": {"accessKeyId": "ASIAISSUED"}}


def event(*records: Record) -> Row:
    """Return the row of an event that has these records."""
    return corrected_event(rows("s3://b/1", records))


def changes(original: Record, *addenda: Record) -> dict[str, Any]:
    """Return what addenda change of an event."""
    before, after = event(original), event(original, *addenda)
    return {name: after[name] for name in after if after[name] != before[name]}


def told(updates: object, *, reason: str = "UPDATED_DATA", event_id: str = "a-1") -> dict[str, Any]:
    """Return what an addendum that replaced something leaves in a row of its event."""
    [row] = rows("s3://b/1", [addendum("e", event_id, updates, reason=reason)])
    return {name: row[name] for name in TOLD}


# -- what is laid over --------------------------------------------------------------------------------------------------


def test_corrected_event__has_the_named_field_of_the_addendum_and_all_others_of_the_original() -> None:
    original = record("e", requestID="r-0", userAgent="aws-cli/2.15.0")
    fix = addendum("e", "a-1", "responseElements", requestID="r-1", userAgent="other/1", responseElements=ISSUED)
    assert changes(original, fix) == {
        "response_elements": '{"credentials":{"accessKeyId":"ASIAISSUED"}}',
    } | told("responseElements")
    assert event(original, fix)["body_sha256"] == event(original)["body_sha256"]


def test_corrected_event__a_field_that_the_addendum_lacks_is_taken_out() -> None:
    original = record("e", responseElements=ISSUED)
    assert changes(original, addendum("e", "a-1", "responseElements"))["response_elements"] is None


def test_corrected_event__what_was_derived_is_derived_anew() -> None:
    original = record("e", sourceIPAddress="198.51.100.7", userIdentity={"type": "Unknown"})
    sara = {"type": "AssumedRole", "principalId": "AROAX:sara"}
    fix = addendum(
        "e", "a-1", "errorCode,userIdentity.type,userIdentity.principalId,sharedEventID,sourceIPAddress",
        errorCode="AccessDenied", userIdentity=sara, sharedEventID="s", sourceIPAddress="ec2.amazonaws.com",
    )  # fmt: skip
    assert {name: value for name, value in changes(original, fix).items() if name not in TOLD} == {
        "error_code": "AccessDenied", "outcome": "denied",
        "identity_type": "AssumedRole", "principal_id": "AROAX:sara",
        "role_session_id": "AROAX:sara", "role_id": "AROAX", "session_name": "sara",
        "shared_event_id": "s", "action_id": "s",
        "source_ip": None, "source_host": "ec2.amazonaws.com",
    }  # fmt: skip


def test_corrected_event__a_sign_in_that_failed_after_all_and_a_refusal_that_stays_one() -> None:
    """The outcome follows from fields of both records."""
    signed_in = record("e", eventName="ConsoleLogin", responseElements={"ConsoleLogin": "Success"})
    failed = addendum("e", "a-1", "responseElements", responseElements={"ConsoleLogin": "Failure"})
    assert changes(signed_in, failed)["outcome"] == "failed"
    refused = record("e", errorCode="AccessDenied")
    assert "outcome" not in changes(refused, addendum("e", "a-1", "errorMessage", errorMessage="not you"))


def test_corrected_event__what_it_is_known_by_stays() -> None:
    fix = addendum(
        "e", "a-1", "eventTime,eventID,recipientAccountId,awsRegion", eventTime="2023-07-10T12:00:00Z", awsRegion="eu-west-1"
    )  # fmt: skip
    assert changes(record("e"), fix).keys() == {"region", *TOLD}


@pytest.mark.parametrize(
    "fix",
    [
        addendum("e", "a-1", "responseElements", reason="DELIVERY_DELAY", responseElements=ISSUED),
        addendum("e", "a-1", "responseElements", reason="SERVICE_OUTAGE", responseElements=ISSUED),
        addendum("e", "a-1", responseElements=ISSUED),
        addendum("e", "a-1", ["tlsDetails"], responseElements=ISSUED),
    ],
)
def test_corrected_event__a_late_event_and_an_addendum_that_names_nothing_change_nothing(fix: Record) -> None:
    assert changes(record("e"), fix) == {}


def test_corrected_event__of_two_addenda_the_later_one_is_laid_over_last() -> None:
    early = addendum("e", "a-2", "userAgent,errorCode", userAgent="early", errorCode="Early")
    late = addendum(
        "e", "a-1", "userAgent,awsRegion", userAgent="late", awsRegion="x", eventTime="2023-07-10T11:55:23Z"
    )
    found = changes(record("e"), late, early)
    assert (found["user_agent"], found["error_code"], found["region"]) == ("late", "Early", "x")
    assert found["addendum_event_id"] == "a-1"


def test_corrected_event__at_the_same_time_the_greater_id_is_the_later() -> None:
    one, other = (addendum("e", event_id, "userAgent", userAgent=event_id) for event_id in ("a-1", "a-2"))
    assert changes(record("e"), other, one)["user_agent"] == "a-2"


def test_corrected_event__without_its_original_is_the_first_addendum_with_the_others_laid_over() -> None:
    one = addendum("e", "a-1", "userAgent", userAgent="one", awsRegion="one")
    other = addendum("e", "a-2", "userAgent", userAgent="other", awsRegion="other")
    assert (event(one)["event_id"], event(one)["user_agent"], event(one)["addendum_event_id"]) == ("e", "one", "a-1")
    both = event(other, one)
    assert (both["user_agent"], both["region"], both["addendum_event_id"]) == ("other", "one", "a-2")


def test_corrected_event__a_late_event_stands_for_its_original_though_a_correction_is_earlier() -> None:
    fix = addendum("e", "a-1", "userAgent", userAgent="fixed", awsRegion="fix")
    late = addendum(
        "e", "a-2", reason="DELIVERY_DELAY", userAgent="late", awsRegion="late", eventTime="2023-07-10T11:55:23Z"
    )
    found = event(fix, late)
    assert (found["user_agent"], found["region"], found["addendum_event_id"]) == ("fixed", "late", "a-1")
    original = record("e", awsRegion="original")
    assert changes(original, late) == {}
    assert event(original, fix, late)["region"] == "original"


# -- what an addendum names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("updates", "columns"),
    [
        ("responseElements", {"response_elements"}),
        ("responseElements, errorCode", {"response_elements", "error_code"}),
        (["responseElements", "errorCode"], {"response_elements", "error_code"}),
        ("requestParameters.roleArn", {"request_parameters"}),
        ("userIdentity.arn", {"identity_arn"}),
        ("userIdentity.sessionContext.attributes", {"session_created_at", "mfa_authenticated"}),
        ("userIdentity.sessionContext.sessionIssuer.arn", {"role_arn", "session_issuer_arn"}),
        ("userAgent", {"user_agent", "user_agent_family"}),
        ("user", set()),
        ("responseelements", set()),
        ("eventTime,eventID,recipientAccountId,addendum", set()),
        ("", set()),
        (["responseElements", 7, None, {"a": "errorCode"}], {"response_elements"}),
        ({"responseElements": True}, set()),
        (7, set()),
    ],
)  # fmt: skip
def test_fed_columns__of_names_in_any_form(updates: object, columns: set[str]) -> None:
    [row] = rows("s3://b/1", [addendum("e", "a-1", updates)])
    assert fed_columns(row["addendum"]) == columns


def test_fed_columns__also_when_something_else_in_the_record_is_of_the_wrong_type() -> None:
    [row] = rows("s3://b/1", [addendum("e", "a-1", ["responseElements"], errorCode={"of": "the wrong type"})])
    assert fed_columns(row["addendum"]) == {"response_elements"}


@pytest.mark.parametrize("text", [None, "", "x", "[]", "7", "{", '{"reason":"UPDATED_DATA"}'])
def test_fed_columns__of_anything_else_are_none(text: str | None) -> None:
    assert fed_columns(text) == frozenset()


# -- the map says the truth ----------------------------------------------------------------------------------------------


def located(records: Iterable[Record]) -> list[Row]:
    """Parse, where each address lies somewhere else."""
    import orjson  # noqa: PLC0415

    content = orjson.dumps({"Records": list(records)})
    batches = delivery_batches([Object("s3://b/1", "v1", None)], lambda _uri: content, lambda ip: Location(city=ip))
    return [row for batch in batches for row in batch.to_pylist()]


def full(number: int) -> Record:
    """Return a record that has every part, each with another value for another number."""
    text = str(number)
    return record(
        "e", sharedEventID=f"s-{text}", awsRegion=text, eventSource=text, eventName=text, eventType=text,
        eventCategory=f"Other-{text}", eventVersion=text, requestID=text, readOnly=number > 1, errorCode=text, errorMessage=text,
        sourceIPAddress=f"198.51.100.{text}", userAgent=f"aws-cli/{text}.0", vpcEndpointId=text, requestParameters={"a": text},
        responseElements={"a": text}, additionalEventData={"a": text}, serviceEventDetails={"a": text}, resources=[{"a": text}],
        sessionCredentialFromConsole=str(number > 1).lower(),
        userIdentity={
            "type": text, "principalId": text, "arn": text, "accountId": text, "accessKeyId": text, "userName": text,
            "assumedRoot": str(number > 1).lower(),
            "identityProvider": text, "invokedBy": text, "onBehalfOf": {"identityStoreArn": text, "userId": text},
            "sessionContext": {
                "assumedRoot": str(number > 1).lower(),
                "inScopeOf": {"a": text}, "sourceIdentity": text, "signInSessionArn": text, "ec2RoleDelivery": text,
                "sessionIssuer": {"type": "Role", "arn": text},
                "attributes": {"creationDate": f"2023-07-10T11:00:0{text}Z", "mfaAuthenticated": str(number > 1).lower()},
            },
        },
    )  # fmt: skip


def part_of(found: Any, name: str) -> Any:
    for key in name.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def put(into: Record, name: str, value: Any) -> None:
    *outer, last = name.split(".")
    for key in outer:
        if not isinstance(into.get(key), dict):
            into[key] = {}
        into = into[key]
    into[last] = deepcopy(value)


@pytest.mark.parametrize("part", FEEDS)
def test_feeds__a_part_changes_its_columns_and_no_others(part: str) -> None:
    changed = full(1)
    put(changed, part, part_of(full(2), part) or {"b": "2"})
    before, after = located([full(1), changed])
    differing = {name for name in before if before[name] != after[name]} - DERIVED - {"body_sha256", "record_index"}
    assert differing
    assert differing <= set(FEEDS[part])


def test_feeds__every_column_is_fed_derived_or_never_replaced() -> None:
    fed = {column for columns in FEEDS.values() for column in columns}
    assert fed | DERIVED | KNOWN_BY | TOLD == set(CLOUDTRAIL_EVENTS.column_names)
    assert not fed & (DERIVED | KNOWN_BY | TOLD)


# -- the oracle: records are laid over each other before they are read ------------------------------------------------------

NAMES = [
    *(name for name in FEEDS if name != "userIdentity.inScopeOf"),  # two parts feed its column
    "userIdentity", "userIdentity.sessionContext", "userIdentity.sessionContext.attributes", "eventTime", "eventID", "tlsDetails",
]  # fmt: skip
KEPT = {"eventTime", "eventID", "tlsDetails"}
ROW = [name for name in CLOUDTRAIL_EVENTS.column_names if name not in CLOUDTRAIL_EVENTS.bookkeeping]


def names_in(fix: Record) -> list[str]:
    """Return what an addendum names and may replace."""
    field = fix["addendum"]
    named = field.get("updatedFields", [])
    names = named.split(",") if isinstance(named, str) else named
    return [name for name in names if name and name not in KEPT] if field["reason"] == "UPDATED_DATA" else []


def merged_event(records: list[Record]) -> Row:
    """Say it slowly: one record is made of all of them, and read."""
    ranks = {None: 0, "DELIVERY_DELAY": 1, "SERVICE_OUTAGE": 1, "UPDATED_DATA": 2}
    first, *later = sorted(
        records, key=lambda each: (ranks[each.get("addendum", {}).get("reason")], each["eventTime"], each["eventID"])
    )
    merged, last = deepcopy(first), first
    for fix in later:
        for name in names_in(fix):
            put(merged, name, part_of(fix, name))
            last = fix
    [row], [named], [base] = rows("s3://b/1", [merged]), rows("s3://b/1", [last]), rows("s3://b/1", [first])
    return row | {name: named[name] for name in TOLD} | {"body_sha256": base["body_sha256"]}


def picked(values: dict[str, list[Any]], chance: random.Random) -> Record:
    """Return a value for some of the fields; null where a field stands without one."""
    return {name: value for name, of in values.items() if (value := chance.choice([*of, "absent"])) != "absent"}


def any_record(chance: random.Random, event_id: str, corrects: str | None) -> Record:
    """Return a record of an event: the original, or an addendum to it."""
    attributes = picked({"creationDate": ["2023-07-10T11:00:00Z"], "mfaAuthenticated": ["true", "false"]}, chance)
    issuers = [{"type": "Role", "arn": "arn:aws:iam::1:role/a"}, {"type": "Root", "arn": "arn:aws:iam::1:root"}, None]
    context = picked(
        {"attributes": [attributes], "sessionIssuer": issuers, "sourceIdentity": ["sara"], "inScopeOf": [{"a": "b"}]},
        chance,
    )
    identity = picked(
        {
            "type": ["AssumedRole", "AssumedRole", "IAMUser"], "principalId": ["AROAX:sara", "AIDAX", None], "arn": ["arn:x"],
            "accountId": ["111111111111"], "accessKeyId": ["ASIA1", "ASIA2"], "sessionContext": [context],
        },
        chance,
    )  # fmt: skip
    fields = picked(
        {
            "sharedEventID": ["s-1", "s-2"], "eventName": ["ConsoleLogin", "AssumeRole"], "eventCategory": ["Management", "Data"],
            "errorCode": ["AccessDenied", "Client.DryRunOperation", None, None], "errorMessage": ["no", None, None],
            "sourceIPAddress": ["198.51.100.7", "ec2.amazonaws.com"], "userAgent": ["aws-cli/2.1", "Boto3/1.2"],
            "responseElements": [{"ConsoleLogin": "Failure"}, ISSUED, None], "readOnly": [True, False], "userIdentity": [identity],
        },
        chance,
    )  # fmt: skip
    if corrects is None:
        return record(event_id, **fields)
    names = chance.sample(NAMES, chance.choice([0, 1, 1, 2, 3]))
    updates = chance.choice([",".join(names), names, None])
    reason = chance.choice(["UPDATED_DATA", "UPDATED_DATA", "UPDATED_DATA", "DELIVERY_DELAY", "SERVICE_OUTAGE"])
    at = f"2023-07-10T11:55:2{chance.choice([1, 2, 3])}Z"
    return addendum(corrects, event_id, updates, reason=reason, **fields | {"eventTime": at})


@given(st.integers(0, 2**32), st.booleans(), st.integers(0, 3), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_corrected_event__is_what_one_record_made_of_all_says_in_any_order(
    seed: int, has_original: bool, count: int, order: random.Random
) -> None:
    chance = random.Random(seed)
    records = [any_record(chance, f"a-{chance.random()}", "e") for _ in range(count + (not has_original))]
    records += [any_record(chance, "e", None)] if has_original else []
    parsed = rows("s3://b/1", records)
    order.shuffle(parsed)
    expected = merged_event(records)
    found = corrected_event(parsed)
    assert {name: found[name] for name in ROW} == {name: expected[name] for name in ROW}


# -- in batches ----------------------------------------------------------------------------------------------------------


def pool() -> list[Record]:
    """Return the records of a day: originals and addenda of twenty events, some of them with several bodies for one id."""
    chance = random.Random(13)
    records: list[Record] = []
    for number in range(20):
        records += [any_record(chance, f"e{number}", None) for _ in range(chance.choice([0, 1, 1, 1, 2]))]
        records += [
            any_record(chance, f"a{chance.choice('xyz')}", f"e{number}") for _ in range(chance.choice([0, 1, 1, 2, 4]))
        ]
    return records


POOL = pool()
HASHES = [row["body_sha256"] for row in rows("s3://b/1", POOL)]


def tables_of(delivered: set[int]) -> tuple[dict[str, Row], dict[Any, Row], dict[str, str]]:
    """Say it slowly: the three tables that the records of the pool with these numbers make."""
    claims: dict[str, dict[str | None, list[tuple[str, Record]]]] = defaultdict(lambda: defaultdict(list))
    for number in delivered:
        each = POOL[number]
        corrects = each.get("addendum", {}).get("originalEventID")
        of_record = claims[corrects or each["eventID"]][each["eventID"] if corrects else None]
        of_record.append((HASHES[number], each))
    events: dict[str, Row] = {}
    addenda: dict[Any, Row] = {}
    rejects: dict[str, str] = {}
    for event_id, of_event in claims.items():
        stands: dict[str | None, Record] = {}
        for corrects, bodies in of_event.items():
            stands[corrects] = min(bodies, key=lambda body: body[0])[1]
            rejects |= dict.fromkeys(sorted({sha256 for sha256, _ in bodies})[1:], SAME_ID)
        events[event_id] = merged_event(list(stands.values()))
        if len(stands) > 1:
            addenda |= {(event_id, corrects): rows("s3://b/1", [each])[0] for corrects, each in stands.items()}
    return events, addenda, rejects


def facts(table: dict[Any, Row]) -> dict[Any, Row]:
    return {key: {name: row[name] for name in ROW} for key, row in table.items()}


def test_pool__holds_what_the_next_test_is_about() -> None:
    events, addenda, rejects = tables_of(set(range(len(POOL))))
    assert len(rejects) > 3
    assert {event_id for event_id, corrects in addenda if corrects is None} < {event_id for event_id, _ in addenda}
    assert len(events) > len({event_id for event_id, _ in addenda}) + 3
    assert sum(row["addendum_event_id"] is not None for row in events.values()) > 5


PLACES = st.sampled_from([(), (0,), (0,), (1,), (1,), (0, 1), (0, 0)])
PLANS = st.lists(PLACES, min_size=len(POOL), max_size=len(POOL))


@settings(max_examples=4)
@given(PLANS, st.integers(0, 3), st.integers(0, 4), st.integers(0, 2**32))
def test_ingest__any_batches_in_any_order_with_crashes_give_the_same_tables(
    spark: SparkSession, plan: list[tuple[int, ...]], first_end: int, second_end: int, seed: int
) -> None:
    """Each record is delivered in no batch, in one, in both, or twice in one; a batch ends after some commit, and is read again."""
    chance = random.Random(seed)
    batches: list[list[Row]] = [[], []]
    for each, places in zip(POOL, plan, strict=True):
        for place in places:
            batches[place] += rows(f"s3://b/{chance.randrange(10**6)}", [each])
    lake = Lake()
    for batch, end in zip(batches, (first_end, second_end), strict=True):
        chance.shuffle(batch)
        for commits in sorted({end, 4}):  # an end after the last commit is none
            lake.ingest(spark, batch, commits=commits)
    expected = tables_of({number for number, places in enumerate(plan) if places})
    assert (facts(lake.events), facts(lake.addenda), lake.rejects) == (
        facts(expected[0]),
        facts(expected[1]),
        expected[2],
    )
    assert lake.ingest(spark, [*batches[1], *batches[0]]) == 0


def test_ingest__what_was_replaced_stands_beside_the_event_with_where_it_came_from(spark: SparkSession) -> None:
    lake = Lake()
    fix = addendum("e", "a-1", "responseElements", responseElements=ISSUED)
    lake.ingest(spark, rows("s3://b/original", [record("e")]))
    lake.ingest(spark, rows("s3://b/addendum", [fix]))
    assert lake.events["e"]["source_uri"] == "s3://b/original"
    kept = {corrects: (row["source_uri"], row["response_elements"]) for (_, corrects), row in lake.addenda.items()}
    assert kept == {
        None: ("s3://b/original", None),
        "a-1": ("s3://b/addendum", '{"credentials":{"accessKeyId":"ASIAISSUED"}}'),
    }
    assert lake.rejects == {}


def test_ingest__an_addendum_whose_time_is_on_another_day_stands_by_itself(spark: SparkSession) -> None:
    lake = Lake()
    fix = addendum("e", "a-1", "userAgent", userAgent="x", eventTime="2023-07-11T00:00:00Z")
    assert lake.ingest(spark, rows("s3://b/1", [record("e"), fix])) == 2
    assert lake.addenda == {}
