"""The generated organisation: its layout, its sameness, its story, and that its truth is true of its logs."""

import gzip
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import maxminddb
import pytest

from benchmarks.organisation import Parameters, Summary, generate
from benchmarks.organisation.__main__ import parse
from benchmarks.organisation.network import DEFAULT
from benchmarks.organisation.places import MOBILE

SMALL = Parameters(accounts=5, days=30, events_per_day=220, seed=3)
LOG_NAME = re.compile(
    r"cloudtrail/AWSLogs/(?:(o-[a-z0-9]{10})/)?(\d{12})/CloudTrail/([a-z0-9-]+)/(\d{4})/(\d\d)/(\d\d)/"
    r"(\d{12})_CloudTrail_([a-z0-9-]+)_(\d{8})T(\d{4})Z_[A-Za-z0-9]{16}\.json\.gz"
)
FLOW_NAME = re.compile(
    r"AWSLogs/(aws-account-id=)?(\d{12})/(aws-service=)?vpcflowlogs/(aws-region=)?[a-z0-9-]+/(year=)?\d{4}/(month=)?\d\d/(day=)?\d\d"
    r"(/\d\d)?/\2_vpcflowlogs_[a-z0-9-]+_fl-[0-9a-f]{17}_\d{8}T\d{4}Z_[0-9a-f]{8}\.log\.(gz|parquet)"
)


@dataclass
class Made:
    """A generated folder, read back."""

    out: Path
    summary: Summary
    copies: list[tuple[str, dict]]  # object and record, every delivery
    events: list[dict]  # distinct by recipient account and event id
    sessions: list[dict]
    story: dict

    def of(self, name, **identity):
        return [
            event
            for event in self.events
            if event["eventName"] == name and all(event["userIdentity"].get(k) == v for k, v in identity.items())
        ]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    out = tmp_path_factory.mktemp("organisation")
    summary = generate(out, SMALL)
    copies = [
        (path.name, record)
        for path in sorted((out / "logs/cloudtrail").rglob("*_CloudTrail_*.json.gz"))
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
    ]
    events = {(record["recipientAccountId"], record["eventID"]): record for _, record in copies}
    sessions = [json.loads(line) for line in (out / "truth/sessions.jsonl").read_bytes().splitlines()]
    story = json.loads((out / "truth/story.json").read_bytes())
    return Made(out, summary, copies, list(events.values()), sessions, story)


def test_generate__log_objects_have_the_true_layout(made):
    logs = made.out / "logs"
    names = [str(path.relative_to(logs)) for path in logs.rglob("*_CloudTrail_*.json.gz")]
    matches = [LOG_NAME.fullmatch(name) for name in names]
    assert all(matches)
    assert len(names) == made.summary.log_objects
    for match in matches:
        organization, account, region, year, month, day, *in_name = match.groups()
        assert in_name[:3] == [account, region, year + month + day]
        assert organization in (None, made.story["organization_id"])


def test_generate__digests_and_insights_lie_beside_the_logs(made):
    names = [path.name for path in (made.out / "logs").rglob("*.json.gz")]
    others = [name for name in names if "_CloudTrail-Digest_" in name or "_CloudTrail-Insight_" in name]
    assert len(others) == made.summary.other_objects
    assert any("Insight" in name for name in others)


def test_generate__a_digest_names_the_one_before(made):
    folder = next((made.out / "logs").rglob("CloudTrail-Digest"))
    digests = [json.loads(gzip.decompress(path.read_bytes())) for path in sorted((folder / "us-east-1").rglob("*.gz"))]
    assert digests[0]["previousDigestHashValue"] is None
    assert all(b["digestStartTime"] == a["digestEndTime"] for a, b in pairwise(digests))
    assert sum(len(digest["logFiles"]) for digest in digests) > 0


def test_generate__objects_are_published_minutes_after_their_events(made):
    delays = []
    for name, record in made.copies:
        published = re.search(r"_(\d{8})T(\d\d)(\d\d)Z_", name)
        delays.append(
            seconds(f"{published[1]}T{published[2]}{published[3]}00") - seconds(compacted(record["eventTime"]))
        )
    delays.sort()
    assert 150 < delays[len(delays) // 2] < 260
    assert delays[0] > 0
    assert delays[-1] > 3_600  # a few are hours late


def test_generate__the_same_seed_gives_the_same_bytes(tmp_path):
    parameters = Parameters(accounts=3, days=8, events_per_day=60)
    for name in "ab":
        generate(tmp_path / name, parameters)
    first, second = (tree(tmp_path / name) for name in "ab")
    assert first == second
    assert all(body[4:8] == bytes(4) for path, body in first.items() if path.endswith(".gz"))


def test_generate__another_seed_gives_another_organisation(tmp_path):
    for seed in (1, 2):
        generate(tmp_path / str(seed), Parameters(accounts=3, days=8, events_per_day=60, seed=seed))
    ids = [json.loads((tmp_path / name / "truth/story.json").read_bytes())["organization_id"] for name in "12"]
    assert ids[0] != ids[1]


def test_generate__a_day_does_not_depend_on_how_many_came_before(tmp_path):
    for days in (8, 10):
        generate(tmp_path / str(days), Parameters(accounts=3, days=days, events_per_day=60))
    short, long = (distinct(tmp_path / name, "2026-03-03") for name in ("8", "10"))
    assert short
    assert short == long


def test_generate__refuses_a_folder_with_logs(tmp_path):
    (tmp_path / "logs").mkdir()
    with pytest.raises(FileExistsError):
        generate(tmp_path, Parameters(days=8))


def test_generate__events_per_object_cuts_objects_by_count(tmp_path):
    generate(tmp_path, Parameters(days=8, events_per_day=200, events_per_object=50))
    sizes = Counter(
        len(json.loads(gzip.decompress(path.read_bytes()))["Records"])
        for path in (tmp_path / "logs").rglob("*_CloudTrail_*.json.gz")
    )
    assert max(sizes) == 50


def test_generate__tells_progress_each_day(tmp_path):
    days = []
    generate(tmp_path, Parameters(days=8, events_per_day=30), lambda day, events: days.append((day, events)))
    assert [day for day, _ in days] == [date(2026, 2, 26 + n) if n < 3 else date(2026, 3, n - 2) for n in range(8)]
    assert days == sorted(days, key=lambda each: each[1])


def test_generate__summary_counts_what_the_logs_hold(made):
    assert made.summary.distinct_events == len(made.events) == sum(made.summary.events_by_kind.values())
    assert made.summary.records_written == len(made.copies)
    assert made.summary.events_by_account == dict(Counter(event["recipientAccountId"] for event in made.events))


def test_generate__the_asked_volume_is_met(made):
    assert SMALL.events_per_day * 0.8 < len(made.events) / SMALL.days < SMALL.events_per_day * 1.3


def test_generate__some_events_are_delivered_twice_by_one_trail(made):
    of_members = [
        (name, record["eventID"])
        for name, record in made.copies
        if record["recipientAccountId"] != made.story["accounts"]["management"]
    ]
    objects = defaultdict(set)
    for name, event_id in of_members:
        objects[event_id].add(name)
    twice = [names for names in objects.values() if len(names) == 2]
    assert 0.001 < len(twice) / len(objects) < 0.015


def test_generate__the_second_trail_repeats_the_management_account_for_some_days(made):
    management = made.story["accounts"]["management"]
    own = made.out / "logs/cloudtrail/AWSLogs" / management / "CloudTrail"
    days = {str(path.parent)[-10:] for path in own.rglob("*.json.gz")}
    assert 1 <= len(days) <= 4
    organization = made.out / "logs/cloudtrail/AWSLogs" / made.story["organization_id"] / management / "CloudTrail"
    assert {e for day in days for e in event_ids(own, day)} == {e for day in days for e in event_ids(organization, day)}


def test_generate__both_accounts_have_a_copy_of_a_call_into_another(made):
    shared = defaultdict(list)
    for event in made.of("AssumeRole"):
        if "sharedEventID" in event:
            shared[event["sharedEventID"]].append(event)
    pairs = [pair for pair in shared.values() if len(pair) == 2]
    assert pairs
    for pair in pairs:
        owner, caller = sorted(pair, key=lambda event: event["userIdentity"]["type"] != "AWSAccount")
        assert set(owner["userIdentity"]) == {"type", "principalId", "accountId"}
        assert owner["userIdentity"]["principalId"] == caller["userIdentity"]["principalId"]
        assert owner["responseElements"] == caller["responseElements"]
        assert owner["requestID"] == caller["requestID"]
        assert owner["eventID"] != caller["eventID"]


@pytest.mark.parametrize(
    ("what", "holds"),
    [
        ("service-linked call", lambda e: role(e) and "accessKeyId" not in e["userIdentity"]),
        ("forward access", lambda e: role(e) and e["userIdentity"].get("invokedBy", "").startswith("secretsmanager")),
        ("forward access of a user", lambda e: user(e) and "invokedBy" in e["userIdentity"]),
        ("service event", lambda e: "type" not in e["userIdentity"] and e["eventType"] == "AwsServiceEvent"),
        ("AWS Internal", lambda e: e["sourceIPAddress"] == "AWS Internal"),
        ("metadata 1.0", lambda e: context(e).get("ec2RoleDelivery") == "1.0"),
        ("function scope", lambda e: "inScopeOf" in context(e)),
        ("private address", lambda e: e["sourceIPAddress"].startswith("10.") and "vpcEndpointId" in e),
        ("throttled", lambda e: e.get("errorCode") == "ThrottlingException"),
        ("dry run", lambda e: e.get("errorCode") == "Client.DryRunOperation"),
        ("failed sign-in", lambda e: (e["responseElements"] or {}).get("ConsoleLogin") == "Failure"),
        ("root", lambda e: e["userIdentity"].get("type") == "Root"),
        ("session token", lambda e: e["eventName"] == "GetSessionToken"),
        ("web identity", lambda e: e["userIdentity"].get("type") == "WebIdentityUser"),
        ("on behalf of", lambda e: role(e) and "onBehalfOf" in e["userIdentity"]),
        ("refused role", lambda e: e["eventName"] == "AssumeRole" and "errorCode" in e and not e["requestParameters"]),
    ],
)
def test_generate__the_logs_hold(made, what, holds):
    assert any(holds(event) for event in made.events), what


def test_sessions__event_counts_are_those_of_the_logs(made):
    counted = Counter(
        (event["userIdentity"]["principalId"], context(event)["attributes"]["creationDate"])
        for event in made.events
        if "attributes" in context(event)
    )
    told = Counter()
    for session in made.sessions:
        told[session["principal_id"], session["started_at"]] += session["event_count"]
    of_no_session = {key for key in counted if key not in told}
    assert {key: counted[key] for key in told if told[key]} == {key: n for key, n in told.items() if n}
    assert all(principal.startswith("AIDA") for principal, _ in of_no_session)  # forward access of long-term keys
    assert made.summary.session_events == sum(told.values())


def test_sessions__every_issuance_starts_one_and_every_one_has_its_issuance(made):
    issued = set()
    for event in made.events:
        credentials = (event["responseElements"] or {}).get("credentials")
        if credentials:
            issued.add((credentials["accessKeyId"], event["eventTime"]))
    told = {(s["access_key_ids"][0], s["started_at"]) for s in made.sessions if s["access_key_ids"]}
    assert told == issued
    signed_in = {
        (event["userIdentity"]["principalId"], event["eventTime"])
        for event in made.of("ConsoleLogin")
        if event["responseElements"]["ConsoleLogin"] == "Success"
    }
    assert signed_in == {(s["principal_id"], s["started_at"]) for s in made.sessions if "console" in s["case"]}


def test_sessions__a_chain_ends_in_its_own_role_and_goes_on_from_its_parent(made):
    by_key = {(s["principal_id"], s["started_at"]): s for s in made.sessions}
    assert max(s["chain_depth"] for s in made.sessions) == 3
    for session in made.sessions:
        assert session["chain_depth"] == len(session["chain"])
        assert session["chain"][-1:] == ([session["role_arn"]] if session["role_arn"] else [])
        if session["parent"]:
            parent = by_key[session["parent"]["principal_id"], session["parent"]["started_at"]]
            assert parent["chain"] == session["chain"][:-1]
            assert (parent["root_type"], parent["root_id"]) == (session["root_type"], session["root_id"])


def test_sessions__a_parent_is_the_session_that_made_the_call(made):
    by_key = {key: session for session in made.sessions for key in session["access_key_ids"]}
    called = [event for event in made.of("AssumeRole", type="AssumedRole") if "errorCode" not in event]
    assert called
    for event in called:
        caller = {
            "principal_id": event["userIdentity"]["principalId"],
            "started_at": context(event)["attributes"]["creationDate"],
        }
        assert by_key[event["responseElements"]["credentials"]["accessKeyId"]]["parent"] == caller


def test_sessions__twins_share_their_second(made):
    twins = Counter((s["principal_id"], s["started_at"]) for s in made.sessions if s["case"] == "ec2_twin")
    assert twins
    assert set(twins.values()) == {2}


def test_sessions__the_key_of_a_person_is_not_the_issued_one(made):
    sso = [s for s in made.sessions if s["case"] == "sso"]
    used = {event["userIdentity"].get("accessKeyId") for event in made.events}
    assert sso
    assert not any(session["access_key_ids"][0] in used for session in sso)


def test_sessions__all_kinds_of_roots_are_there(made):
    assert {s["root_type"] for s in made.sessions} == {
        "FederatedUser",
        "IdentityCenterUser",
        "WebIdentityUser",
        "IAMUser",
        "Root",
        "EC2Instance",
        "LambdaFunction",
        "AWSService",
        "ExternalPrincipal",
    }


def test_story__in_the_scope_sara_made_two_calls(made):
    session = made.story["sso_session"]
    scope = made.story["scope"]
    calls = [
        (event["eventTime"], event["eventName"])
        for event in made.events
        if event["userIdentity"].get("principalId") == session["principal_id"]
        and event["recipientAccountId"] == session["account_id"]
        and scope["start_at"] <= event["eventTime"] < scope["end_at"]
    ]
    assert sorted(calls) == [(call["at"], call["api"]) for call in session["calls"]]


def test_story__the_chained_session_fails_first_and_then_succeeds(made):
    session = made.story["chained_session"]
    calls = sorted(
        (event["eventTime"], event["eventName"], "denied" if "errorCode" in event else "success")
        for event in made.events
        if context(event).get("attributes", {}).get("creationDate") == session["started_at"]
        and event["userIdentity"]["principalId"] == session["principal_id"]
    )
    assert calls == [(call["at"], call["api"], call["outcome"]) for call in session["calls"]]
    assert session["account_id"] != made.story["sso_session"]["account_id"]


def test_story__sara_was_there_before_from_the_same_places(made):
    sso, chained = made.story["role_session_ids"]
    earlier = [s for s in made.sessions if s["started_at"] < made.story["scope"]["start_at"]]
    assert min(s["started_at"] for s in earlier if s["principal_id"] == sso)[:10] == SMALL.start.isoformat()
    assert len([s for s in earlier if s["principal_id"] == chained]) == len(made.story["demo_role_dates"]) == 4
    addresses = {e["sourceIPAddress"] for e in made.events if own_call(e, sso)}
    with maxminddb.open_database(made.out / "geo/city.mmdb") as cities:
        known = {cities.get(address)["city"]["names"]["en"] for address in addresses if address[0].isdigit()}
    assert known == set(made.story["known_cities"])


def test_story__others_take_the_same_roles(made):
    for name in ("sso_session", "chained_session"):
        takers = {s["root_name"] for s in made.sessions if s["role_arn"] == made.story[name]["role_arn"]}
        assert len(takers) > 2


def test_story__stolen_credentials_are_used_from_another_country(made):
    facts = made.story["exfiltration"]
    with maxminddb.open_database(made.out / "geo/city.mmdb") as cities:
        countries = {
            cities.get(event["sourceIPAddress"])["country"]["iso_code"]
            for event in made.events
            if event["userIdentity"].get("accessKeyId") == facts["access_key_id"]
        }
    assert countries == {"US", facts["new_country"]}


def test_story__the_instance_sends_to_whoever_uses_its_key(made):
    """Its flow log names the interface alone; the call that launched it names both."""
    facts = made.story["network"]
    [launch] = [
        each for each in made.of("RunInstances") if facts["instance_id"] in json.dumps(each["responseElements"])
    ]
    assert facts["interface_id"] in json.dumps(launch["responseElements"])
    lines = [
        dict(zip(DEFAULT, line.split(), strict=True))
        for path in (made.out / "logs/flows").rglob("*.log.gz")
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
        if facts["interface_id"] in line
    ]
    sent = [each for each in lines if each["dstaddr"] == made.story["exfiltration"]["source_ip"]]
    assert sum(int(each["bytes"]) for each in sent) == facts["bytes_out"]
    assert {each["srcaddr"] for each in sent} == {facts["private_ip"]}


def test_flows__have_the_true_layout_in_three_forms(made):
    names = [str(path.relative_to(made.out / "logs/flows")) for path in (made.out / "logs/flows").rglob("*.*")]
    assert all(FLOW_NAME.fullmatch(name) for name in names)
    assert {bool(re.search("aws-account-id=", name)) for name in names} == {True, False}
    assert {name.rsplit(".", 1)[1] for name in names} == {"gz", "parquet"}


def test_story__an_unseen_key_is_nowhere(made):
    assert made.story["unseen_key"]["access_key_id"] not in json.dumps(made.events)


def test_findings__have_the_export_layout_and_several_versions(made):
    paths = list((made.out / "logs/guardduty").rglob("*.jsonl.gz"))
    findings = [json.loads(gzip.decompress(path.read_bytes())) for path in paths]
    versions = Counter(finding.get("id") or finding["Id"] for finding in findings)
    assert versions == {f["id"]: len(f["updated_at"]) for f in made.story["findings"]}
    assert max(versions.values()) == 2
    assert sum("Id" in finding for finding in findings) == 1
    for path, finding in zip(paths, findings, strict=True):
        updated = (finding.get("updatedAt") or finding["UpdatedAt"])[:10].replace("-", "/")
        account = finding.get("accountId") or finding["AccountId"]
        assert re.search(
            rf"AWSLogs/{account}/GuardDuty/us-(east-1|west-2)/{updated}/[0-9a-f-]{{36}}\.jsonl\.gz", str(path)
        )


def test_geography__every_address_is_located(made):
    addresses = {e["sourceIPAddress"] for e in made.events}
    public = {a for a in addresses if re.fullmatch(r"[\d.]+", a) and not a.startswith("10.")}
    geo = made.out / "geo"
    with maxminddb.open_database(geo / "city.mmdb") as cities, maxminddb.open_database(geo / "asn.mmdb") as systems:
        assert all(cities.get(address)["location"]["latitude"] for address in public)
        assert all(systems.get(address)["autonomous_system_number"] for address in public)
        assert "city" not in cities.get(MOBILE.address(1))  # known by country only


@pytest.mark.parametrize("wrong", [{"accounts": 2}, {"days": 7}, {"events_per_day": 0}, {"events_per_object": 0}])
def test_parameters__refuse_what_makes_no_story(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Parameters(**wrong)


def test_parse__reads_the_command_line():
    out, parameters = parse(["somewhere", "--accounts", "3", "--end", "2026-05-01", "--events-per-object", "7"])
    assert out == Path("somewhere")
    assert parameters == Parameters(accounts=3, end=date(2026, 5, 1), events_per_object=7)


def role(event):
    return event["userIdentity"].get("type") == "AssumedRole"


def user(event):
    return event["userIdentity"].get("type") == "IAMUser"


def own_call(event, principal_id):
    return event["userIdentity"].get("principalId") == principal_id and role(event)


def context(event):
    return event["userIdentity"].get("sessionContext") or {}


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def event_ids(folder, day):
    paths = [path for path in folder.rglob("*.json.gz") if str(path.parent).endswith(day)]
    return [e["eventID"] for path in paths for e in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def distinct(out, day):
    paths = [path for path in (out / "logs").rglob("*_CloudTrail_*.json.gz") if "o-" in str(path)]
    records = (r for path in paths for r in json.loads(gzip.decompress(path.read_bytes()))["Records"])
    return {(r["recipientAccountId"], r["eventID"]) for r in records if r["eventTime"].startswith(day) and role(r)}


def compacted(moment):
    return moment.replace("-", "").replace(":", "").rstrip("Z")


def seconds(moment):
    day, clock = moment.split("T")
    number = date(int(day[:4]), int(day[4:6]), int(day[6:])).toordinal()
    return number * 86_400 + int(clock[:2]) * 3_600 + int(clock[2:4]) * 60 + int(clock[4:6])
