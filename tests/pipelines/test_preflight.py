"""Before a command begins: which days it runs, and everything that would otherwise fail an hour later."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from expectations.tables import CLOUDTRAIL_EVENTS, INGEST_FILES
from pipelines import preflight
from pipelines.preflight import DONE, IN_PART, NOTHING, WRONG_USE
from pipelines.spark import JavaMissingError
from tests.pipelines.conftest import put
from tests.s3_server import TestBucket

# -- sources ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "source"), [("--cloudtrail", "cloudtrail"), ("--findings", "guardduty")])
@pytest.mark.parametrize("command", [["run"], ["investigate", "--finding", "x"]])
def test_exit_status_of__a_folder_that_is_not_there_is_named(said, tmp_path, command, option, source):
    assert said(*command, option, "none") == (NOTHING, f"rolescope: {source}: there is no folder none")
    assert list(tmp_path.iterdir()) == []


def test_run__what_a_folder_is_named_cannot_command_the_terminal(said):
    assert said("run", "--cloudtrail", "\x1b[2J\x07\n[red]x[/red]") == (
        NOTHING,
        "rolescope: cloudtrail: there is no folder [U+001B][2J[U+0007][U+000A][red]x[/red]",
    )


def test_run__what_a_folder_has_cannot_command_the_terminal(said, tmp_path):
    (tmp_path / "logs" / "\x1b]0;pwned\x07").mkdir(parents=True)
    status, text = said("run", "--cloudtrail", "logs")
    assert (status, "it has [U+001B]]0;pwned[U+0007]" in text) == (NOTHING, True)


def test_run__says_what_it_looked_for_where_nothing_was_published(said, tmp_path):
    put(tmp_path / "logs", "2026-03-02")
    put(tmp_path / "exported", "2026-03-02", kind="GuardDuty")
    folders = ("--cloudtrail", "logs", "--findings", "exported")
    trail = "logs/AWSLogs/<account>/CloudTrail/<region>/YYYY/MM/DD/*.json.gz"
    findings = "exported/AWSLogs/<account>/GuardDuty/<region>/YYYY/MM/DD/*.jsonl.gz"
    assert said("run", *folders, "--from", "2026-03-03") == (
        NOTHING,
        f"rolescope: nothing was published from 2026-03-03 to the end as {trail} or {findings}",
    )
    assert said("run", *folders[:2], "--to", "2026-03-01") == (
        NOTHING,
        f"rolescope: nothing was published from the beginning to 2026-03-01 as {trail}",
    )


def test_run__objects_that_are_not_for_us_are_nothing(said, tmp_path):
    put(tmp_path / "logs", "2026-03-02", name="notes.txt")
    status, text = said("run", "--cloudtrail", "logs")
    assert (status, text.startswith("rolescope: nothing was published as logs/AWSLogs/")) == (NOTHING, True)


# -- days ------------------------------------------------------------------------------------------------------------


def test_run__needs_days_in_order(said, tmp_path):
    put(tmp_path, "2026-03-02")
    assert said("run", "--cloudtrail", tmp_path, "--from", "2026-03-05", "--to", "2026-03-01") == (
        WRONG_USE,
        "rolescope: --from 2026-03-05 is after --to 2026-03-01",
    )


def test_run__runs_all_days_of_all_folders(said, asked, tmp_path):
    put(tmp_path / "logs", "2026-03-02", "2026-03-04")
    put(tmp_path / "exported", "2026-02-27", kind="GuardDuty")
    status, text = said("run", "--cloudtrail", "logs", "--findings", "exported")
    assert (status, asked) == (DONE, [(date(2026, 2, 27), date(2026, 3, 4))])
    assert text.splitlines() == [
        "rolescope: 2026-02-27 to 2026-03-04 into lake",
        "done: tables in lake, reports in lake/reports",
    ]


def test_run__runs_the_days_that_are_asked_for(said, asked, tmp_path):
    put(tmp_path / "logs", "2026-03-02", "2026-03-04", "2026-03-08")
    assert said("run", "--cloudtrail", "logs", "--from", "2026-03-01", "--to", "2026-03-05")[0] == DONE
    assert asked == [(date(2026, 3, 1), date(2026, 3, 5))]


def test_run__asks_for_no_day_before_there_were_logs_or_after_today(said, asked, tmp_path):
    put(tmp_path / "logs", "2026-03-02")
    said("run", "--cloudtrail", "logs", "--from", "0001-01-01", "--to", "9999-12-31")
    [(first, last)] = asked
    today = datetime.now(UTC).date()
    assert first == date(2013, 11, 13)
    assert today - timedelta(days=1) <= last <= today


def test_run__objects_below_impossible_days_are_left_out_and_named(said, asked, tmp_path):
    put(tmp_path / "logs", "0001-01-01", "2013-11-12", "2026-03-02", "9999-12-31")
    status, text = said("run", "--cloudtrail", "logs")
    assert (status, asked) == (IN_PART, [(date(2026, 3, 2), date(2026, 3, 2))])
    assert text.splitlines()[-1] == (
        "left out: 3 objects below days before CloudTrail began or still to come "
        f"(this machine's clock says {datetime.now(UTC).date()}): 0001-01-01, 2013-11-12, 9999-12-31"
    )


def test_run__only_impossible_days_are_nothing(said, asked, tmp_path):
    put(tmp_path / "logs", *(f"9999-12-{day}" for day in range(10, 17)))
    status, text = said("run", "--cloudtrail", "logs")
    assert (status, asked) == (NOTHING, [])
    assert f"still to come (this machine's clock says {datetime.now(UTC).date()}): 9999-12-10, " in text
    assert text.endswith(" and 2 more)")


def test_run__where_the_clock_is_behind_nothing_is_lost_and_the_sentence_says_what_it_says(
    said, asked, tmp_path, monkeypatch
):
    class Behind(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 3, 1, tzinfo=tz)

    put(tmp_path / "logs", "2026-03-01", "2026-03-02")
    with monkeypatch.context() as patch:
        patch.setattr(preflight, "datetime", Behind)
        status, text = said("run", "--cloudtrail", "logs")
    assert (status, asked) == (IN_PART, [(date(2026, 3, 1), date(2026, 3, 1))])
    assert text.splitlines()[-1] == (
        "left out: 1 object below days before CloudTrail began or still to come (this machine's clock says 2026-03-01): 2026-03-02"
    )
    asked.clear()
    assert said("run", "--cloudtrail", "logs")[0] == DONE
    assert asked == [(date(2026, 3, 1), date(2026, 3, 2))]


def test_run__of_a_bucket_asks_for_the_days_it_has_and_says_which_account_is_denied(said, asked, bucket, monkeypatch):
    for account, day in (
        ("111111111111", "2026/03/02"),
        ("111111111111", "2026/03/04"),
        ("222222222222", "2026/03/09"),
    ):
        bucket.put(f"AWSLogs/{account}/CloudTrail/us-east-1/{day}/a.json.gz")
    denied = "AWSLogs/222222222222/CloudTrail/"
    bucket.deny("ListBucket", denied)
    monkeypatch.setenv("ROLESCOPE_S3_ENDPOINT", bucket.address)
    status, text = said("run", "--cloudtrail", f"s3://{bucket.name}")
    assert (status, asked) == (IN_PART, [(date(2026, 3, 2), date(2026, 3, 4))])
    assert text.splitlines()[-1] == (
        f"left out: cloudtrail of account 222222222222: s3://{bucket.name}/{denied}: access denied (AccessDenied); "
        "it is read in a later night"
    )
    assert said("run", "--cloudtrail", f"s3://{bucket.name}/AWSLogs/222222222222") == (
        NOTHING,
        f"rolescope: cloudtrail: s3://{bucket.name}/{denied} cannot be listed: access denied (AccessDenied)",
    )


def test_run__a_bucket_that_is_denied_does_not_stop_what_else_can_be_read(said, asked, bucket, monkeypatch, tmp_path):
    put(tmp_path / "found", "2026-03-02", kind="GuardDuty", name="a.jsonl.gz")
    bucket.put("AWSLogs/111111111111/CloudTrail/us-east-1/2026/03/01/a.json.gz")
    bucket.deny("ListBucket", "AWSLogs/")
    monkeypatch.setenv("ROLESCOPE_S3_ENDPOINT", bucket.address)
    refusal = f"s3://{bucket.name}/AWSLogs/ cannot be listed: access denied (AccessDenied)"
    status, text = said("run", "--cloudtrail", f"s3://{bucket.name}", "--findings", "found")
    assert (status, asked) == (IN_PART, [(date(2026, 3, 2), date(2026, 3, 2))])
    assert text.splitlines()[-1].startswith("left out: cloudtrail: ")
    assert refusal in text
    assert said("run", "--cloudtrail", f"s3://{bucket.name}") == (NOTHING, f"rolescope: cloudtrail: {refusal}")
    assert said("run", "--cloudtrail", "nowhere", "--findings", "found") == (
        NOTHING, "rolescope: cloudtrail: there is no folder nowhere"
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        ("S3_ENDPOINT", "127.0.0.1:9000", "write it as https://host or https://host:port"),
        ("AWS_ROLE", "reader", "write it as arn:aws:iam::111111111111:role/name"),
        ("AWS_REGION", "Frankfurt", "write it as eu-west-1"),
        ("S3_THREADS", "0", "input should be greater than or equal to 1"),
    ],
)
def test_run__a_wrong_setting_of_aws_is_named(said, asked, logs, monkeypatch, wrong):
    variable, value, expected = wrong
    monkeypatch.setenv(f"ROLESCOPE_{variable}", value)
    name = f"setting {variable.lower()} (ROLESCOPE_{variable})"
    assert said("run", *logs) == (WRONG_USE, f"rolescope: {name}: {value!r}: {expected}")


@pytest.mark.parametrize("root", ["https://bucket/prefix", "s3://", "gs://bucket"])
def test_run__an_address_that_is_none_is_refused(said, asked, root):
    status, text = said("run", "--cloudtrail", root)
    assert (status, asked) == (NOTHING, [])
    assert "s3://bucket/prefix" in text


# -- lake, reports and Java --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["lake", "reports"])
def test_run__a_file_is_no_folder_to_write_to(said, asked, logs, tmp_path, what):
    (tmp_path / "file").touch()
    assert said("run", *logs, f"--{what}", "file") == (NOTHING, f"rolescope: {what}: file is a file, not a folder")
    status, text = said("run", *logs, f"--{what}", "file/below")
    assert (status, text) == (NOTHING, f"rolescope: {what}: file/below cannot be written (Not a directory)")
    assert asked == []


@pytest.mark.parametrize("what", ["lake", "reports"])
def test_run__a_folder_that_cannot_be_written_is_named(said, asked, logs, monkeypatch, what):
    def refuse(dir):  # noqa: A002
        if dir == Path("sealed"):
            raise PermissionError(13, "Permission denied")
        return open(os.devnull)

    monkeypatch.setattr(preflight.tempfile, "TemporaryFile", refuse)
    assert said("run", *logs, f"--{what}", "sealed") == (
        NOTHING,
        f"rolescope: {what}: sealed cannot be written (Permission denied)",
    )
    assert asked == []


def test_run__what_lies_in_the_place_of_a_table_is_named(said, asked, logs, tmp_path):
    (tmp_path / "lake" / CLOUDTRAIL_EVENTS.name / "mine").mkdir(parents=True)
    status, text = said("run", *logs)
    assert (status, asked) == (NOTHING, [])
    assert text.startswith(f"rolescope: lake/{CLOUDTRAIL_EVENTS.name} is in the way: it is no table of a lake")


def test_run__other_things_in_the_lake_folder_do_no_harm(said, asked, logs, tmp_path):
    (tmp_path / "lake" / CLOUDTRAIL_EVENTS.name / "_delta_log").mkdir(parents=True)
    (tmp_path / "lake" / INGEST_FILES.name).mkdir()
    (tmp_path / "lake" / "notes.txt").touch()
    assert said("run", *logs)[0] == DONE


@pytest.fixture
def on_s3(at_a_prompt: None, bucket: TestBucket, monkeypatch: pytest.MonkeyPatch) -> TestBucket:
    """A bucket for a lake, and as if Spark had what it needs for it."""
    monkeypatch.setenv("ROLESCOPE_S3_ENDPOINT", bucket.address)
    monkeypatch.setattr("pipelines.jars.has_s3_jars", lambda: True)
    return bucket


def test_run__a_remote_lake_needs_a_folder_for_reports_and_is_tried(said, logs, tmp_path, on_s3, asked):
    bucket = on_s3
    lake = f"s3a://{bucket.name}/lake"
    assert said("run", *logs, "--lake", lake) == (
        WRONG_USE,
        f"rolescope: the lake {lake} is no local folder: name one for the reports with --reports",
    )
    assert said("run", *logs, "--lake", lake, "--reports", "reports")[0] == DONE
    assert not list(tmp_path.glob("s3a*"))
    assert "Contents" not in bucket.client.list_objects_v2(Bucket=bucket.name)  # what was tried is gone again
    assert said("run", *logs, "--lake", "s3a://not-there", "--reports", "reports") == (
        NOTHING,
        "rolescope: lake: s3a://not-there cannot be read: there is no such bucket (NoSuchBucket)",
    )


def test_run__a_lake_on_s3_without_its_jars_names_the_command(said, asked, logs, monkeypatch):
    monkeypatch.setattr("pipelines.jars.has_s3_jars", lambda: False)
    for command in (["run", *logs, "--reports", "reports"], ["event", "x"]):
        assert said(*command, "--lake", "s3a://bucket/lake") == (
            NOTHING,
            "rolescope: the lake s3a://bucket/lake needs Hadoop's client of S3, which is not installed: fetch it with `make s3`",
        )
    assert said("run", *logs, "--lake", "s3://bucket/lake", "--reports", "reports") == (
        WRONG_USE,
        "rolescope: the lake s3://bucket/lake: write it as s3a://…, which is what Spark calls it",
    )


def test_status__of_a_bucket_without_a_lake_makes_none(said, on_s3):
    status, text = said("status", "--lake", f"s3a://{on_s3.name}/none")
    assert (status, text.startswith(f"rolescope: there is no lake in s3a://{on_s3.name}/none")) == (NOTHING, True)


@pytest.mark.parametrize("command", [["status"], ["investigate", "--finding", "x"]])
def test_exit_status_of__looking_for_a_lake_does_not_make_one(said, tmp_path, command):
    (tmp_path / "other" / "things").mkdir(parents=True)
    (tmp_path / "file").touch()
    for lake in ("none", "other", "file"):
        assert said(*command, "--lake", lake) == (
            NOTHING,
            f"rolescope: there is no lake in {lake}: make one with `rolescope run`, or name it with --lake",
        )
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "other", "things"]


@pytest.mark.parametrize(
    "command", [["run"], ["investigate", "--finding", "x"], ["status", "--lake", "hdfs://bucket/lake"]]
)
def test_exit_status_of__no_java_is_nothing_done(said, logs, monkeypatch, command):
    def none():
        raise JavaMissingError("install one")

    monkeypatch.setattr(preflight, "java_home", none)
    sources = logs if command[0] != "status" else ()
    assert said(*command, *sources) == (NOTHING, "rolescope: install one")


def test_run__spark_elsewhere_needs_no_java_here(said, asked, logs, monkeypatch):
    def none():
        raise JavaMissingError("install one")

    monkeypatch.setattr(preflight, "java_home", none)
    monkeypatch.setenv("ROLESCOPE_SPARK_MASTER", "sc://elsewhere")
    assert said("run", *logs)[0] == DONE
