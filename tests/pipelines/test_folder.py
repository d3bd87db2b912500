"""A folder in the layout of S3: what is found in it, whichever folder is named, and what is said of a folder that is none."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.sources.folder import list_objects, read_object
from pipelines.sources.layout import CLOUDTRAIL, DIGESTS, FLOWS, GUARDDUTY, SourceError

ACCOUNT, OTHER = "111111111111", "222222222222"
DAY = date(2026, 3, 2)


def put(root: Path, name="a.json.gz", *, account=ACCOUNT, kind="CloudTrail", day="2026/03/02", org=None) -> Path:
    """Put an object where it would lie in S3; return its path."""
    above = root / "AWSLogs" / (org or "") / account / kind / "us-east-1" / day
    above.mkdir(parents=True, exist_ok=True)
    path = above / name
    path.write_bytes(b"content")
    return path


def names(listed) -> list[str]:
    return [each.uri.rsplit("/", 1)[1] for each in listed]


# -- what a path says ------------------------------------------------------------------------------------------------


def test_list_objects__says_what_the_path_says(tmp_path):
    path = put(tmp_path)
    [found] = list_objects(str(tmp_path), CLOUDTRAIL)
    assert (found.account_id, found.region, found.publish_date) == (ACCOUNT, "us-east-1", DAY)
    assert (found.source, found.size, found.skipped) == (CLOUDTRAIL, 7, None)
    assert found.uri == path.as_uri()


def test_list_objects__oldest_first_whatever_the_account(tmp_path):
    put(tmp_path, "late.json.gz", account=ACCOUNT, day="2026/03/03")
    put(tmp_path, "early.json.gz", account=OTHER, day="2025/12/31")
    assert names(list_objects(str(tmp_path), CLOUDTRAIL)) == ["early.json.gz", "late.json.gz"]


def test_list_objects__an_object_written_again_is_another_version(tmp_path):
    path = put(tmp_path)
    [before] = list_objects(str(tmp_path), CLOUDTRAIL)
    path.write_bytes(b"other content")
    [after] = list_objects(str(tmp_path), CLOUDTRAIL)
    assert (before.uri == after.uri, before.etag == after.etag) == (True, False)


@pytest.mark.parametrize("prefix", ["", "a-bucket", "a/bucket/prefix"])
@pytest.mark.parametrize("org", [None, "o-abcdefghij"])
def test_list_objects__finds_them_below_a_prefix_and_an_organisation(tmp_path, prefix, org):
    put(tmp_path / prefix, org=org)
    [found] = list_objects(str(tmp_path), CLOUDTRAIL)
    assert (found.account_id, found.publish_date) == (ACCOUNT, DAY)


@pytest.mark.parametrize("levels", range(9))
def test_list_objects__any_folder_above_the_objects_can_be_named(tmp_path, levels):
    path = put(tmp_path, org="o-abcdefghij")
    [found] = list_objects(str(path.parents[levels]), CLOUDTRAIL)
    assert (found.account_id, found.region, found.publish_date) == (ACCOUNT, "us-east-1", DAY)


def test_list_objects__a_relative_folder_gives_absolute_addresses(tmp_path, monkeypatch):
    path = put(tmp_path)
    monkeypatch.chdir(tmp_path / "AWSLogs")
    assert [each.uri for each in list_objects(".", CLOUDTRAIL)] == [path.as_uri()]


# -- what is asked for -----------------------------------------------------------------------------------------------


def test_list_objects__both_days_are_included(tmp_path):
    for day in ("01", "02", "03", "04"):
        put(tmp_path, f"{day}.json", day=f"2026/03/{day}")
    listed = list_objects(str(tmp_path), CLOUDTRAIL, date(2026, 3, 2), date(2026, 3, 3))
    assert names(listed) == ["02.json", "03.json"]


def test_list_objects__days_without_objects_are_an_empty_list(tmp_path):
    put(tmp_path)
    assert list_objects(str(tmp_path), CLOUDTRAIL, date(2027, 1, 1)) == []
    assert list_objects(str(tmp_path), CLOUDTRAIL, None, date(2013, 1, 1)) == []


def test_list_objects__only_of_the_accounts(tmp_path):
    put(tmp_path)
    put(tmp_path, account=OTHER)
    assert [e.account_id for e in list_objects(str(tmp_path), CLOUDTRAIL, accounts=frozenset({OTHER}))] == [OTHER]
    assert list_objects(str(tmp_path), CLOUDTRAIL, accounts=frozenset()) == []


def test_list_objects__each_source_has_its_own_kind_and_endings(tmp_path):
    put(tmp_path, "events.json.gz")
    put(tmp_path, "findings.jsonl.gz", kind="GuardDuty")
    assert names(list_objects(str(tmp_path), CLOUDTRAIL)) == ["events.json.gz"]
    assert names(list_objects(str(tmp_path), GUARDDUTY)) == ["findings.jsonl.gz"]


def test_list_objects__digests_lie_beside_the_logs_and_are_listed_alone(tmp_path):
    put(tmp_path, "events.json.gz")
    put(tmp_path, "insight.json.gz", kind="CloudTrail-Insight")
    put(tmp_path, "digest.json.gz", kind="CloudTrail-Digest")
    put(tmp_path, "notes.txt", kind="CloudTrail-Digest")
    skipped = {each.uri.rsplit("/", 1)[1]: each.skipped for each in list_objects(str(tmp_path), DIGESTS)}
    assert skipped == {"digest.json.gz": None, "notes.txt": "not one of .json.gz, .json"}
    assert sorted(names(list_objects(str(tmp_path), CLOUDTRAIL))) == ["events.json.gz", "insight.json.gz"]


def test_list_objects__a_trail_need_not_write_digests(tmp_path):
    put(tmp_path)
    assert list_objects(str(tmp_path), DIGESTS) == []


# -- flow logs -------------------------------------------------------------------------------------------------------

HIVE = f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/month=03/day=02"


def put_flows(root: Path, folder: str, name="a.log.gz") -> Path:
    path = root / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    return path


@pytest.mark.parametrize(
    "folder",
    [
        f"AWSLogs/{ACCOUNT}/vpcflowlogs/us-east-1/2026/03/02",
        f"AWSLogs/{ACCOUNT}/vpcflowlogs/us-east-1/2026/03/02/07",
        HIVE,
        f"{HIVE}/hour=07",
        f"a-bucket/a-prefix/{HIVE}/hour=23",
    ],
)
@pytest.mark.parametrize("name", ["a.log.gz", "a.log", "a.log.parquet"])
def test_list_objects__flow_logs_lie_plainly_or_in_hives_way_by_day_or_by_hour(tmp_path, folder, name):
    path = put_flows(tmp_path, folder, name)
    [found] = list_objects(str(tmp_path), FLOWS)
    said = found.account_id, found.region, found.publish_date, found.source, found.skipped
    assert said == (ACCOUNT, "us-east-1", DAY, FLOWS, None)
    assert found.uri.endswith(f"/{name}")
    assert read_object(found.uri) == path.read_bytes()


@pytest.mark.parametrize("levels", range(9))
def test_list_objects__any_folder_above_flow_logs_can_be_named_and_an_hours_too(tmp_path, levels):
    path = put_flows(tmp_path, f"{HIVE}/hour=07")
    [found] = list_objects(str(path.parents[levels]), FLOWS)
    assert (found.account_id, found.region, found.publish_date) == (ACCOUNT, "us-east-1", DAY)


def test_list_objects__flow_logs_are_left_to_whoever_wants_them(tmp_path):
    put(tmp_path)
    put_flows(tmp_path, HIVE)
    assert names(list_objects(str(tmp_path), CLOUDTRAIL)) == ["a.json.gz"]
    assert names(list_objects(str(tmp_path), FLOWS)) == ["a.log.gz"]


def test_list_objects__an_hour_of_flow_logs_below_another_kind_is_a_folder_not_an_object(tmp_path):
    put(tmp_path)
    (tmp_path / "AWSLogs" / ACCOUNT / "CloudTrail/us-east-1/2026/03/02/07").mkdir()
    assert sorted(each.skipped or "" for each in list_objects(str(tmp_path), CLOUDTRAIL)) == [
        "",
        "a folder, not an object",
    ]


# -- what is not for us ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("CloudTrail-Insight", "cloudtrail-insight"),
        ("CloudTrail-Aggregated", "cloudtrail-aggregated"),
        ("Config", "config"),
    ],
)
def test_list_objects__other_kinds_are_skipped_and_counted(tmp_path, kind, source):
    put(tmp_path)
    put(tmp_path, "other.json.gz", kind=kind)
    skipped = [(each.source, each.skipped) for each in list_objects(str(tmp_path), CLOUDTRAIL) if each.skipped]
    assert skipped == [(source, f"{source}, not cloudtrail")]


@pytest.mark.parametrize("name", ["notes.txt", "a.json.gz.tmp", "a.JSON", ".json.gz~"])
def test_list_objects__other_endings_are_skipped_and_counted(tmp_path, name):
    put(tmp_path, name)
    [found] = list_objects(str(tmp_path), CLOUDTRAIL)
    assert found.skipped == "not one of .json.gz, .json"


def test_list_objects__a_folder_in_place_of_an_object_is_skipped_and_counted(tmp_path):
    (put(tmp_path).parent / "folder.json.gz").mkdir()
    skipped = {each.uri.rsplit("/", 1)[1]: each.skipped for each in list_objects(str(tmp_path), CLOUDTRAIL)}
    assert skipped == {"a.json.gz": None, "folder.json.gz": "a folder, not an object"}


def test_list_objects__a_pipe_is_never_read(tmp_path):
    os.mkfifo(put(tmp_path).parent / "pipe.json.gz")
    skipped = {each.uri.rsplit("/", 1)[1]: each.skipped for each in list_objects(str(tmp_path), CLOUDTRAIL)}
    assert skipped == {"a.json.gz": None, "pipe.json.gz": "not a file"}


@pytest.mark.parametrize("day", ["2026/02/31", "2026/13/01", "2026/00/00", "2026/3/2", "x/y/z", "0000/01/01"])
def test_list_objects__a_folder_that_is_no_day_has_no_objects(tmp_path, day):
    put(tmp_path)
    put(tmp_path, "elsewhere.json.gz", day=day)
    assert names(list_objects(str(tmp_path), CLOUDTRAIL)) == ["a.json.gz"]


@pytest.mark.parametrize("account", ["11111111111", "1111111111111", "11111111111x", "\u0661" * 12])
def test_list_objects__an_account_has_twelve_digits(tmp_path, account):
    put(tmp_path)
    put(tmp_path, "elsewhere.json.gz", account=account)
    assert names(list_objects(str(tmp_path), CLOUDTRAIL)) == ["a.json.gz"]


# -- odd files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        b"a b.json",
        b"100%.json",
        b"%41.json",
        b"a#b?c=d.json",
        "é.json".encode(),
        b"not-utf-8-\xff\xfe.json",
        b"new\nline.json",
        b"\x1b[2J.json",
        b"-rf.json",
        b"a:b;c&d.json",
    ],
)
def test_read_object__opens_what_was_listed_whatever_its_name(tmp_path, name):
    put(tmp_path, os.fsdecode(name))
    [found] = list_objects(str(tmp_path), CLOUDTRAIL)
    assert found.uri.isascii()
    assert found.uri.isprintable()
    assert read_object(found.uri) == b"content"


@pytest.mark.parametrize("told", [0, 3, 100])
def test_read_object__reads_all_whatever_size_it_is_told(tmp_path, monkeypatch, told):
    uri = put(tmp_path).as_uri()
    monkeypatch.setattr("pipelines.sources.folder.os.fstat", lambda _file: SimpleNamespace(st_size=told))
    assert read_object(uri) == b"content"


def test_read_object__an_empty_object_is_empty(tmp_path):
    path = put(tmp_path)
    path.write_bytes(b"")
    assert read_object(path.as_uri()) == b""


def test_read_object__does_not_read_a_folder(tmp_path):
    with pytest.raises(OSError, match="Is a directory"):
        read_object(tmp_path.as_uri())


@pytest.mark.parametrize("target", ["/nowhere/at/all", "link.json.gz"])
def test_list_objects__a_link_to_nowhere_is_listed_and_fails_when_read(tmp_path, target):
    (put(tmp_path).parent / "link.json.gz").symlink_to(target)
    link = next(each for each in list_objects(str(tmp_path), CLOUDTRAIL) if each.uri.endswith("link.json.gz"))
    assert link.skipped is None
    with pytest.raises(OSError, match=r"No such file|Too many levels"):
        read_object(link.uri)


def test_list_objects__a_link_to_an_object_is_the_object(tmp_path):
    target = tmp_path / "elsewhere"
    target.write_bytes(b"elsewhere")
    (put(tmp_path).parent / "link.json.gz").symlink_to(target)
    found = {each.uri.rsplit("/", 1)[1]: each for each in list_objects(str(tmp_path), CLOUDTRAIL)}
    assert (found["link.json.gz"].size, read_object(found["link.json.gz"].uri)) == (9, b"elsewhere")


def test_list_objects__a_folder_that_leads_back_to_itself_has_an_end(tmp_path):
    region = put(tmp_path).parents[3]
    for name in ("2025", "2027", "again"):
        (region / name).symlink_to(region)
    assert names(list_objects(str(tmp_path), CLOUDTRAIL)) == ["a.json.gz"]


def test_list_objects__an_object_that_goes_meanwhile_is_left_out(tmp_path, monkeypatch):
    put(tmp_path)
    put(tmp_path, "gone.json.gz")
    scandir = os.scandir

    class Scanned:
        def __init__(self, folder):
            self.entries = list(scandir(folder))

        def __enter__(self):
            for entry in self.entries:
                if entry.name == "gone.json.gz":
                    Path(entry.path).unlink()
            return self.entries

        def __exit__(self, *_):
            return None

    monkeypatch.setattr("pipelines.sources.folder.os.scandir", Scanned)
    assert names(list_objects(str(tmp_path), CLOUDTRAIL)) == ["a.json.gz"]


# -- what is said of a folder that is none ------------------------------------------------------------------------------


def said_of(root: Path | str, wanted=CLOUDTRAIL) -> str:
    with pytest.raises(SourceError) as told:
        list_objects(str(root), wanted)
    return str(told.value)


def test_list_objects__says_that_there_is_no_folder(tmp_path):
    assert said_of(tmp_path / "none") == f"cloudtrail: there is no folder {tmp_path / 'none'}"


def test_list_objects__says_that_a_file_is_no_folder(tmp_path):
    path = put(tmp_path)
    assert said_of(path) == f"cloudtrail: {path} is a file, not a folder"


def test_list_objects__says_that_a_name_is_too_long():
    assert said_of("x" * 5000).endswith("cannot be listed (File name too long)")


def test_list_objects__says_that_a_folder_is_empty(tmp_path):
    assert said_of(tmp_path) == (
        f"cloudtrail: no AWSLogs/<account>/CloudTrail/<region>/YYYY/MM/DD/*.json.gz below {tmp_path}; it is empty"
    )


def test_list_objects__says_what_a_folder_has_instead(tmp_path):
    for name in ("a", "b", "c", "d", "e"):
        (tmp_path / name).mkdir()
    assert said_of(tmp_path, GUARDDUTY) == (
        f"guardduty: no AWSLogs/<account>/GuardDuty/<region>/YYYY/MM/DD/*.jsonl.gz below {tmp_path}; "
        "it has a, b, c and 2 more"
    )


def test_list_objects__the_other_source_is_not_the_wanted_one(tmp_path):
    put(tmp_path, kind="GuardDuty")
    assert said_of(tmp_path).endswith("it has AWSLogs")


@pytest.mark.parametrize("levels", [1, 4, 6])
def test_list_objects__a_folder_that_may_not_be_listed_is_named(tmp_path, monkeypatch, levels):
    forbidden = put(tmp_path).parents[levels - 1]
    scandir, iterdir = os.scandir, Path.iterdir

    def refuse(folder):
        if Path(folder) == forbidden:
            raise PermissionError(13, "Permission denied", str(folder))
        return folder

    monkeypatch.setattr("pipelines.sources.folder.os.scandir", lambda folder: scandir(refuse(folder)))
    monkeypatch.setattr(Path, "iterdir", lambda self: iterdir(refuse(self)))
    assert said_of(tmp_path) == f"cloudtrail: {forbidden} cannot be listed (Permission denied)"
