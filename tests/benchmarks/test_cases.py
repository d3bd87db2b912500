"""The cases as logs: every one is there, in its logged shape, the same by seed, and its truth is true of its records."""

import gzip
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.cases import Parameters, generate
from benchmarks.cases.__main__ import parse
from benchmarks.cases.book import Book
from benchmarks.cases.company import build_company
from benchmarks.cases.registry import NUMBERED
from benchmarks.cases.scene import Scene

SMALL = Parameters(organisations=2, noise=6, depth=5)
OBJECT = re.compile(
    r"AWSLogs/(?:(o-[a-z0-9]{10})/)?(\d{12})/(CloudTrail|CloudTrail-Insight)/([a-z0-9-]+)/(\d{4})/(\d\d)/(\d\d)/"
    r"(\d{12})_(CloudTrail|CloudTrail-Insight)_([a-z0-9-]+)_(\d{8})T(\d{4})Z_[A-Za-z0-9]{16}\.json\.gz"
)
IN_SECTION_10 = range(1, 43)


@dataclass
class Made:
    """A generated folder, read back."""

    out: Path
    copies: list[tuple[str, dict]]  # object and record, every delivery
    events: list[dict]  # distinct by recipient account and event id
    sessions: list[dict]
    checks: list[dict]

    def of(self, case):
        return [session for session in self.sessions if session["case"] == case]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    out = tmp_path_factory.mktemp("cases")
    generate(out, SMALL)
    copies = [
        (str(path.relative_to(out / "logs/cloudtrail")), record)
        for path in sorted((out / "logs/cloudtrail").rglob("*.json.gz"))
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
    ]
    events = {(record["recipientAccountId"], record["eventID"]): record for _, record in copies}
    return Made(out, copies, list(events.values()), lines(out, "sessions"), lines(out, "checks"))


def test_registry__every_case_of_section_10_is_there_under_its_number():
    for number, case in NUMBERED:
        assert case.__name__.startswith(f"case_{number:02}_")
        assert case.__doc__
    assert [number for number, _ in NUMBERED][: len(IN_SECTION_10)] == list(IN_SECTION_10)


@pytest.mark.parametrize("number", [number for number, _ in NUMBERED])
def test_generate__every_case_has_its_truth_in_every_organisation(made, number):
    told = {line["organisation"] for line in (*made.sessions, *made.checks) if line["case"] == number}
    assert told == {1, 2}


def test_generate__what_is_told_apart_has_its_own_words(made):
    for told in (made.sessions, made.checks):
        words = Counter((line["organisation"], line["case"], line["what"]) for line in told)
        assert {key for key, count in words.items() if count > 1 and key[1] != 40} == set()


def test_generate__objects_have_the_true_layout(made):
    paths = [str(path.relative_to(made.out / "logs/cloudtrail")) for path in (made.out / "logs").rglob("*.json.gz")]
    matches = [OBJECT.fullmatch(path) for path in paths]
    assert all(matches)
    for match in matches:
        _, account, kind, region, year, month, day, *in_name = match.groups()
        assert in_name[:4] == [account, kind, region, year + month + day]
    assert {match[1] for match in matches} == {None, build_company(7, 1).id, build_company(7, 2).id}


def test_generate__the_same_seed_gives_the_same_bytes(tmp_path):
    for name in "ab":
        generate(tmp_path / name, SMALL)
    first, second = (tree(tmp_path / name) for name in "ab")
    assert first == second
    assert all(body[4:8] == bytes(4) for path, body in first.items() if path.endswith(".gz"))


def test_generate__another_seed_gives_other_organisations(made, tmp_path):
    generate(tmp_path, Parameters(organisations=2, noise=6, depth=5, seed=8))
    assert not accounts_in(made.out) & accounts_in(tmp_path)


def test_generate__organisations_are_disjoint(made):
    ids = defaultdict(set)
    for path, record in made.copies:
        organization = OBJECT.fullmatch(path)[1]
        if organization is not None:
            ids[organization] |= {record["recipientAccountId"], record["eventID"], *keys_of(record)}
    first, second = ids.values()
    assert first & second == {"ASIA" + "Z" * 28, "not-an-account"}  # the lies of case 45


def test_generate__an_organisation_does_not_depend_on_how_many_there_are(made, tmp_path):
    generate(tmp_path, Parameters(organisations=1, noise=6, depth=5))
    assert lines(tmp_path, "sessions") == [line for line in made.sessions if line["organisation"] == 1]
    alone, among = tree(tmp_path / "logs"), tree(made.out / "logs")
    assert alone.items() <= among.items()


def test_generate__noise_changes_no_case(made, tmp_path):
    generate(tmp_path, Parameters(organisations=2, noise=0, depth=5))
    assert lines(tmp_path, "sessions") == made.sessions
    without = {event["eventID"] for event in records_in(tmp_path)}
    assert without < {event["eventID"] for event in made.events}


def test_generate__refuses_a_folder_with_logs(tmp_path):
    (tmp_path / "logs/cloudtrail").mkdir(parents=True)
    with pytest.raises(FileExistsError):
        generate(tmp_path, SMALL)


def test_generate__every_account_has_logs_from_the_first_day_to_the_last(made):
    days = defaultdict(set)
    for path, _ in made.copies:
        match = OBJECT.fullmatch(path)
        days[match[2]].add("-".join(match.groups()[4:7]))
    assert {min(each) for each in days.values()} == {SMALL.start.isoformat()}
    assert {max(each) for each in days.values()} == {SMALL.end.isoformat()}


def test_generate__only_case_23_still_waits_at_the_end(made):
    pending_from = SMALL.end - timedelta(days=3)
    late = {line["case"] for line in made.sessions if line["started_at"] >= pending_from.isoformat()}
    assert late == {23, 45}  # 45 lies: it was made in ten years


def test_generate__depth_is_how_often_roles_are_handed_back_and_forth(tmp_path):
    generate(tmp_path, Parameters(organisations=1, noise=0, depth=40))
    hops = [line for line in lines(tmp_path, "sessions") if line["case"] == 22]
    assert [line["chain_depth"] for line in hops] == list(range(1, 41))
    assert {line["root_id"] for line in hops} == {hops[0]["root_id"]}
    assert hops[39]["chain"] is None  # too long to be written; its length is
    assert len(hops[11]["chain"]) == 12


def shape(number, what, holds):
    return pytest.param(number, holds, id=f"{number}: {what}")


@pytest.mark.parametrize(
    ("number", "holds"),
    [
        shape(1, "a long-term key", lambda e: name(e, "AssumeRole") and who(e)["accessKeyId"].startswith("AKIA")),
        shape(2, "no assumedRoleUser", lambda e: issued(e) and "assumedRoleUser" not in e["responseElements"]),
        shape(2, "metadata 1.0", lambda e: context(e).get("ec2RoleDelivery") == "1.0"),
        shape(2, "a service with a sharedEventID", lambda e: who(e)["type"] == "AWSService" and "sharedEventID" in e),
        shape(4, "SwitchRole as the new role", lambda e: name(e, "SwitchRole") and set(who(e)) == ROLE_WITHOUT_KEY),
        shape(4, "SwitchFrom", lambda e: "SwitchFrom" in (e.get("additionalEventData") or {})),
        shape(4, "AWS Internal", lambda e: issued(e) and who(e)["invokedBy"] == e["userAgent"] == "AWS Internal"),
        shape(4, "no TLS by AWS Internal", lambda e: issued(e) and "tlsDetails" not in e and "arn" in who(e)),
        shape(
            5, "ConsoleLogin", lambda e: name(e, "ConsoleLogin") and e["responseElements"]["ConsoleLogin"] == "Success"
        ),
        shape(5, "no key in it", lambda e: name(e, "ConsoleLogin") and "accessKeyId" not in who(e)),
        shape(7, "SAML", lambda e: name(e, "AssumeRoleWithSAML") and set(who(e)) == SAML_USER),
        shape(7, "a service event", lambda e: name(e, "GetRoleCredentials") and e["eventType"] == "AwsServiceEvent"),
        shape(7, "its details", lambda e: set(e.get("serviceEventDetails") or {}) == {"role_name", "account_id"}),
        shape(7, "IdentityCenterUser", lambda e: who(e).get("type") == "IdentityCenterUser" and "arn" not in who(e)),
        shape(9, "forward access", lambda e: who(e).get("invokedBy") and who(e)["accessKeyId"].startswith("ASIA")),
        shape(9, "without TLS", lambda e: name(e, "Decrypt") and "tlsDetails" not in e),
        shape(11, "no key", lambda e: who(e)["type"] == "AssumedRole" and "accessKeyId" not in who(e)),
        shape(13, "the owner's copy", lambda e: set(who(e)) == {"type", "principalId", "accountId"}),
        shape(18, "an addendum", lambda e: set(e.get("addendum") or {}) == ADDENDUM and e["responseElements"]),
        shape(18, "the original", lambda e: name(e, "AssumeRole") and e["responseElements"] is None),
        shape(19, "denied", lambda e: e.get("errorCode") == "AccessDenied" and e["requestParameters"] is None),
        shape(
            19, "the role in the message", lambda e: ":role/admin" in e.get("errorMessage", "") and "resources" not in e
        ),
        shape(20, "incoming tags", lambda e: "incomingTransitiveTags" in (e["requestParameters"] or {})),
        shape(20, "source identity", lambda e: context(e).get("sourceIdentity") == "ines"),
        shape(25, "36 hours", lambda e: issued(e) and e["requestParameters"]["durationSeconds"] == 129_600),
        shape(26, "federatedUser", lambda e: "federatedUser" in (e["responseElements"] or {})),
        shape(26, "a federated user in the console", lambda e: who(e)["type"] == "FederatedUser"),
        shape(27, "CreateOAuth2Token", lambda e: name(e, "CreateOAuth2Token") and e["responseElements"] is None),
        shape(27, "signInSessionArn", lambda e: "signInSessionArn" in context(e) and "accessKeyId" in who(e)),
        shape(28, "AssumeRoot", lambda e: "targetPrincipal" in (e["requestParameters"] or {}) and issued(e)),
        shape(28, "assumedRoot", lambda e: who(e)["type"] == "Root" and context(e)["assumedRoot"] == "true"),
        shape(30, "no AROA", lambda e: re.fullmatch(r"\d{12}:aws:ec2-instance:i-\w+", who(e)["principalId"])),
        shape(30, "a data event", lambda e: e["eventCategory"] == "Data" and e["responseElements"] is None),
        shape(31, "a path", lambda e: "/aws-service-role/" in json.dumps(e["requestParameters"])),
        shape(33, "a pod's tags", lambda e: len((e["requestParameters"] or {}).get("transitiveTagKeys", [])) == 6),
        shape(33, "the node's call", lambda e: name(e, "AssumeRoleForPodIdentity") and e["responseElements"] is None),
        shape(
            34,
            "colons",
            lambda e: who(e)["principalId"].endswith(":sts.amazonaws.com:system:serviceaccount:billing:invoices"),
        ),
        shape(36, "Cognito's data event", lambda e: who(e) == {"type": "Unknown"} and e["eventCategory"] == "Data"),
        shape(37, "the old type", lambda e: name(e, "GetRoleCredentials") and who(e)["type"] == "Unknown"),
        shape(38, "version 1.10", lambda e: e["eventVersion"] == "1.10"),
        shape(38, "an empty issuer", lambda e: context(e).get("sessionIssuer") == {}),
        shape(38, "no readOnly", lambda e: "readOnly" not in e and "eventCategory" not in e),
        shape(38, "a compact date", lambda e: re.search(r'"creationDate": "\d{8}T\d{6}Z"', json.dumps(e))),
        shape(40, "no type", lambda e: "type" not in who(e) and e["eventType"] == "AwsServiceEvent"),
        shape(40, "insights", lambda e: e["eventCategory"] == "Insight" and "sharedEventID" in e),
        shape(41, "StopLogging", lambda e: name(e, "StopLogging")),
        shape(43, "inScopeOf", lambda e: who(e).get("inScopeOf", {}).get("issuerType") == "AWS::Lambda::Function"),
        shape(45, "made in the future", lambda e: (created(e) or "") > e["eventTime"]),
        shape(45, "no account", lambda e: e["recipientAccountId"] == "not-an-account"),
    ],
)
def test_case__has_records_of_the_shape(number, holds):
    assert any(holds(record) for record in alone(number))


def test_case_2__twins_share_second_and_name_and_nothing_tells_them_apart_but_the_key(made):
    of_first = [line for line in made.of(2) if line["organisation"] == 1]
    assert len({line["access_key_id"] for line in of_first}) == 2
    assert len({(line["principal_id"], line["started_at"]) for line in of_first}) == 1


@pytest.mark.parametrize("number", [3, 4, 7, 8, 39])
def test_case__the_used_key_is_not_the_issued_one(number):
    records = alone(number)
    of_roles = {
        key
        for record in records
        if issued(record)
        for key in [record["responseElements"]["credentials"]["accessKeyId"]]
    }
    assert of_roles
    assert not of_roles & {who(record).get("accessKeyId") for record in records}


def test_case_5__has_21_keys():
    assert len({who(record).get("accessKeyId") for record in alone(5)} - {None}) == 21


def test_case_7__on_behalf_of_is_on_one_of_five_events():
    used = [who(record) for record in alone(7) if who(record)["type"] == "AssumedRole"]
    assert Counter("onBehalfOf" in identity for identity in used) == {True: 2, False: 8}  # in each of its two sessions


def test_case_13__two_copies_share_all_but_who_and_where():
    pair = [record for record in alone(13) if name(record, "AssumeRole")]
    caller, owner = sorted(pair, key=lambda record: who(record)["type"] == "AWSAccount")
    differs = {key for key in caller if caller[key] != owner.get(key)}
    assert differs == {"userIdentity", "eventID", "recipientAccountId"}


@pytest.mark.parametrize("number", [14, 15])
def test_case__only_the_owner_has_a_copy(number):
    assumed = [record for record in alone(number) if name(record, "AssumeRole") and "sharedEventID" in record]
    assert assumed
    assert {who(record)["type"] for record in assumed} == {"AWSAccount"}


@pytest.mark.parametrize("number", [16, 23])
def test_case__a_record_is_published_days_after_it_happened(number):
    delays = [each.published_at - second(json.loads(each.body)["eventTime"]) for each in book_of(number).deliveries]
    assert max(delays) > 2 * 86_400
    assert Counter(delay > 86_400 for delay in delays)[True] == 1


def test_case_17__every_record_is_in_two_trails():
    trails = defaultdict(set)
    for each in book_of(17).deliveries:
        trails[each.body].add(each.trail)
    assert set(map(frozenset, trails.values())) == {frozenset({"organization", "account"})}


def test_case_28__the_root_is_used_in_the_member_and_taken_in_the_management_account(made):
    company = build_company(SMALL.seed, 1)
    records = alone(28)
    assert {r["recipientAccountId"] for r in records if name(r, "AssumeRoot")} == {company.management}
    assert company.management not in {r["recipientAccountId"] for r in records if who(r)["type"] == "Root"}


def test_case_29__the_same_key_is_in_three_accounts():
    issued_in = {record["recipientAccountId"] for record in alone(29) if issued(record)}
    used_in = {record["recipientAccountId"] for record in alone(29) if who(record)["type"] == "AssumedRole"}
    assert len(issued_in) == 2
    assert len(used_in) == 3
    assert len({who(record)["accessKeyId"] for record in alone(29) if who(record)["type"] == "AssumedRole"}) == 1


def test_case_40__nothing_of_it_is_a_session(made):
    assert made.of(40) == []
    ids = {check["where"].get("issuing_event_ids") for check in made.checks if check["case"] == 40} - {None}
    assert ids <= {event["eventID"] for event in made.events}
    assert len(ids) == 2 * 4


def test_case_41__the_session_was_made_while_nothing_was_logged():
    records = alone(41)
    stopped, started = (next(r["eventTime"] for r in records if name(r, n)) for n in ("StopLogging", "StartLogging"))
    assert any(stopped < created(record) < started for record in records if context(record))
    assert not [record for record in records if stopped < record["eventTime"] < started]


def test_case_42__comes_in_another_order_and_some_of_it_twice():
    deliveries = sorted(book_of(42).deliveries)
    happened = [json.loads(each.body)["eventTime"] for each in deliveries]
    assert happened != sorted(happened)
    assert max(Counter(each.body for each in deliveries).values()) == 2
    assert len({each.published_at // 86_400 for each in deliveries}) == 3


def test_truth__every_session_is_in_the_records(made):
    used = {(who(e).get("principalId"), created(e)) for e in made.events}
    names = {(issued_id(e), e["eventTime"]) for e in made.events if issued(e)}
    signed_in = {(who(e)["principalId"], e["eventTime"]) for e in made.events if name(e, "ConsoleLogin")}
    missing = [
        line for line in made.sessions if (line["principal_id"], line["started_at"]) not in used | names | signed_in
    ]
    assert missing == []


def test_truth__every_key_is_in_the_records(made):
    keys = {key for event in made.events for key in keys_of(event)}
    assert {line["access_key_id"] for line in made.sessions} - {None} <= keys


def test_truth__event_counts_are_those_of_the_records(made):
    """Addenda and copies of the role's owner are no events of a session, nor is the command line's login (case 27)."""
    counted = Counter(
        (who(event)["principalId"], created(event))
        for event in made.events
        if created(event) and "addendum" not in event and not name(event, "ConsoleLogin")
    )
    told = Counter()
    for line in made.sessions:
        if "event_count" in line["facts"]:
            told[line["principal_id"], line["started_at"]] += line["facts"]["event_count"]
    assert told
    assert {key: count for key, count in told.items() if count != counted[key]} == {}


def test_truth__a_parent_is_a_session_of_the_truth_and_its_chain_goes_on(made):
    by_key = {(s["principal_id"], s["started_at"], s["access_key_id"]): s for s in made.sessions}
    children = [line for line in made.sessions if line["parent"]]
    assert children
    for line in children:
        parent = by_key[line["parent"]["principal_id"], line["parent"]["started_at"], line["parent"]["access_key_id"]]
        assert (parent["root_type"], parent["root_id"]) == (line["root_type"], line["root_id"])
        assert parent["chain_depth"] + (line["facts"].get("role_arn") is not None) == line["chain_depth"]


def test_truth__an_outcome_says_what_it_must(made):
    for line in made.sessions:
        assert line["knowable"] == (line["status"] == "resolved")
        assert (line["root_id"] is not None) >= line["knowable"]
        assert line["reasons"] == [] if line["knowable"] else True
        assert line["status"] in {"resolved", "ambiguous", "unresolved"}
    assert {line["case"] for line in made.sessions if line["status"] == "ambiguous"} == {8, 12, 15}


def test_truth__no_role_has_another_ones_arn_but_the_one_made_anew(made):
    ids = defaultdict(set)
    for line in made.sessions:
        if "role_arn" in line["facts"]:
            ids[line["organisation"], line["facts"]["role_arn"]].add(line["facts"]["role_id"])
    assert {arn.rsplit("/", 1)[1] for (_, arn), each in ids.items() if len(each) > 1} == {"phoenix"}


def test_truth__all_kinds_of_roots_are_there(made):
    assert {line["root_type"] for line in made.sessions} == {
        "IAMUser",
        "FederatedUser",
        "WebIdentityUser",
        "IdentityCenterUser",
        "AWSService",
        "EC2Instance",
        "LambdaFunction",
        "ECSTask",
        "EKSServiceAccount",
        "ManagedInstance",
        "ExternalPrincipal",
        "Unknown",
    }


@pytest.mark.parametrize("wrong", [{"organisations": 0}, {"depth": 0}, {"reuse_days": 0}, {"noise": -1}])
def test_parameters__refuse_what_makes_no_cases(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Parameters(**wrong)


def test_parse__reads_the_command_line():
    out, parameters = parse(["somewhere", "--organisations", "4", "--depth", "2160", "--start", "2026-04-01"])
    assert out == Path("somewhere")
    assert parameters == Parameters(organisations=4, depth=2160, start=date(2026, 4, 1))


ROLE_WITHOUT_KEY = {"type", "principalId", "arn", "accountId"}
SAML_USER = {"type", "principalId", "userName", "identityProvider"}
ADDENDUM = {"reason", "updatedFields", "originalRequestID", "originalEventID"}


def book_of(number):
    """Play one case alone and return its book."""
    book = Book()
    NUMBERED[number - 1][1](Scene(number, build_company(SMALL.seed, 1), SMALL, book))
    return book


def alone(number):
    return [json.loads(each.body) for each in book_of(number).deliveries]


def name(event, wanted):
    return event.get("eventName") == wanted


def who(event):
    return event.get("userIdentity") or {}


def context(event):
    return who(event).get("sessionContext") or {}


def created(event):
    """The creation date, as case 38 writes it once (20260304T021411Z) too."""
    date_ = (context(event).get("attributes") or {}).get("creationDate", "")
    compact = re.fullmatch(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", date_)
    return "{}-{}-{}T{}:{}:{}Z".format(*compact.groups()) if compact else date_ or None


def issued(event):
    return "credentials" in (event.get("responseElements") or {})


def issued_id(event):
    """The principal that an issuing call made, as far as its response says."""
    return (event["responseElements"].get("assumedRoleUser") or {}).get("assumedRoleId")


def keys_of(event):
    credentials = (event.get("responseElements") or {}).get("credentials") or {}
    return {key for key in (who(event).get("accessKeyId"), credentials.get("accessKeyId")) if key}


def second(text):
    return int(datetime.fromisoformat(text).timestamp())


def lines(out, which):
    return [json.loads(line) for line in (out / f"truth/{which}.jsonl").read_bytes().splitlines()]


def records_in(out):
    paths = sorted((out / "logs/cloudtrail").rglob("*.json.gz"))
    return [record for path in paths for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def accounts_in(out):
    return {record["recipientAccountId"] for record in records_in(out)} - {"not-an-account"}


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
