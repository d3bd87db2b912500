"""The command line, as far as it goes without Spark: every mistake of a user is one clear sentence and the right exit status."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from expectations.tables import CLOUDTRAIL_EVENTS, INGEST_FILES
from pipelines import cli, preflight, status
from pipelines.cli import exit_status_of
from pipelines.preflight import DONE, IN_PART, INTERRUPTED, NOTHING, WRONG_USE
from pipelines.sources.folder import SourceError
from pipelines.spark import JavaMissingError

ACCOUNT = "111111111111"


STOPPED = "stopped; what was written stays, and the next run goes on from there"


class DagsterExecutionInterruptedError(BaseException):
    """What Dagster makes of Ctrl-C; its own takes seconds to import."""


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No variables, a folder of one's own, a Java that is never asked, and no Spark."""
    for name in [name for name in os.environ if name.upper().startswith("ROLESCOPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preflight, "java_home", lambda: tmp_path)


@pytest.fixture
def ran(monkeypatch):
    """What the job was asked to run; it says that nothing was left out."""
    asked = []

    def run_job(settings, first, last, accounts=None):
        asked.append((first, last))
        return SimpleNamespace(settings=settings), []

    monkeypatch.setattr(cli, "_run_job", run_job)
    return asked


@pytest.fixture
def said(capsys):
    """Run the command line; return its exit status and what it says, on either stream."""

    def run(*arguments):
        status = exit_status_of(list(map(str, arguments)))
        told = capsys.readouterr()
        return status, (told.out + told.err).strip()

    return run


def put(root: Path, *days: str, kind="CloudTrail", name="a.json.gz") -> Path:
    for day in days:
        folder = root / "AWSLogs" / ACCOUNT / kind / "us-east-1" / day.replace("-", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return root


def database(path: Path, kind: str) -> Path:
    writer = MMDBWriter(database_type=kind)
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"a": "b"})
    writer.to_db_file(str(path))
    return path


# -- help, and wrong use ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "investigate", "status"])
def test_exit_status_of__help_is_done(said, command):
    status, text = said(command, "--help")
    assert (status, f"rolescope {command}" in text) == (DONE, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Usage: rolescope"),
        (["nonsense"], "No such command 'nonsense'"),
        (["run", "--nonsense"], "No such option: --nonsense"),
        (["run", "--lake"], "Option '--lake' requires an argument"),
        (["investigate"], "Missing option '--finding'"),
        (["status", "more"], "unexpected extra argument"),
    ],
)
def test_exit_status_of__what_is_no_command_is_wrong_use(said, arguments, sentence):
    status, text = said(*arguments)
    assert (status, sentence in text) == (WRONG_USE, True)


def test_run__needs_a_folder(said):
    assert said("run") == (
        WRONG_USE,
        "rolescope: nothing to read: name a folder with --cloudtrail, --findings or both",
    )
    assert said("run", "--cloudtrail", "")[0] == WRONG_USE


@pytest.mark.parametrize("text", ["2026-13-40", "2026-02-31", "yesterday", "01.03.2026", "2026-3-1", ""])
@pytest.mark.parametrize("option", ["--from", "--to"])
def test_run__needs_days_that_exist(said, tmp_path, option, text):
    put(tmp_path, "2026-03-02")
    assert said("run", "--cloudtrail", tmp_path, option, text) == (
        WRONG_USE,
        f"rolescope: {option} {text}: not a day, write it as 2026-03-04",
    )


def test_run__needs_days_in_order(said, tmp_path):
    put(tmp_path, "2026-03-02")
    assert said("run", "--cloudtrail", tmp_path, "--from", "2026-03-05", "--to", "2026-03-01") == (
        WRONG_USE,
        "rolescope: --from 2026-03-05 is after --to 2026-03-01",
    )


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("CHUNK_OBJECTS", "abc", "setting chunk_objects (ROLESCOPE_CHUNK_OBJECTS): 'abc': not a whole number"),
        ("CHUNK_OBJECTS", "1.5", "setting chunk_objects (ROLESCOPE_CHUNK_OBJECTS): '1.5': not a whole number"),
        (
            "CHUNK_MEGABYTES",
            "0",
            "setting chunk_megabytes (ROLESCOPE_CHUNK_MEGABYTES): '0': input should be greater than or equal to 1",
        ),
        ("SPARK_MEMORY", "lots", "setting spark_memory (ROLESCOPE_SPARK_MEMORY): 'lots': write it as 3g or 3000m"),
        ("GEO_CITY", "/none", "setting geo_city (ROLESCOPE_GEO_CITY): there is no file /none"),
        ("CLOUDTRIAL", "logs", "there is no setting ROLESCOPE_CLOUDTRIAL; is it ROLESCOPE_CLOUDTRAIL?"),
        ("XYZZY_PLUGH_1", "", "there is no setting ROLESCOPE_XYZZY_PLUGH_1"),
    ],
)
def test_exit_status_of__a_wrong_variable_is_named(said, monkeypatch, variable, value, sentence):
    monkeypatch.setenv(f"ROLESCOPE_{variable}", value)
    for command in (["run"], ["status"], ["investigate", "--finding", "x"]):
        assert said(*command) == (WRONG_USE, f"rolescope: {sentence}")


def test_run__a_variable_sets_what_no_option_does(said, ran, tmp_path, monkeypatch):
    put(tmp_path / "logs", "2026-03-02")
    monkeypatch.setenv("ROLESCOPE_CLOUDTRAIL", str(tmp_path / "logs"))
    monkeypatch.setenv("ROLESCOPE_LAKE", "one")
    monkeypatch.setenv("ROLESCOPE_SPARK_LOG", "warn")
    assert "into two" in said("run", "--lake", "two")[1]
    assert "into one" in said("run")[1]


def test_run__an_option_wins_over_a_wrong_variable(said, ran, tmp_path, monkeypatch):
    put(tmp_path / "logs", "2026-03-02")
    monkeypatch.setenv("ROLESCOPE_GEO_CITY", "/none")
    city = database(tmp_path / "city.mmdb", "GeoLite2-City")
    assert said("run", "--cloudtrail", "logs", "--geo-city", city)[0] == DONE


def test_run__an_empty_lake_is_not_the_working_folder(said):
    assert said("run", "--lake", "") == (WRONG_USE, "rolescope: setting lake (ROLESCOPE_LAKE): '': it is empty")


@pytest.mark.parametrize("content", [b"", b"hello", b"x" * 200 + b"\xab\xcd\xefMaxMind.com"])
@pytest.mark.parametrize("kind", ["city", "asn"])
def test_run__a_location_database_is_looked_into_at_once(said, tmp_path, kind, content):
    (tmp_path / "geo.mmdb").write_bytes(content)
    assert said("run", f"--geo-{kind}", tmp_path / "geo.mmdb") == (
        WRONG_USE,
        f"rolescope: setting geo_{kind} (ROLESCOPE_GEO_{kind.upper()}): {tmp_path / 'geo.mmdb'} "
        "is not a readable location database (MMDB)",
    )


def test_run__a_cut_location_database_is_not_readable(said, tmp_path):
    whole = database(tmp_path / "geo.mmdb", "GeoLite2-City").read_bytes()
    (tmp_path / "geo.mmdb").write_bytes(whole[: len(whole) // 2])
    assert said("run", "--geo-city", "geo.mmdb")[0] == WRONG_USE


@pytest.mark.parametrize(
    ("setting", "kind"), [("city", "GeoLite2-ASN"), ("asn", "DBIP-City-Lite"), ("asn", "GeoIP2-Country")]
)
def test_run__a_location_database_of_the_other_kind_is_refused(said, tmp_path, setting, kind):
    status, text = said("run", f"--geo-{setting}", database(tmp_path / "geo.mmdb", kind))
    assert (status, text.endswith(f"geo.mmdb is a database of another kind ({kind})")) == (WRONG_USE, True)


@pytest.mark.parametrize(
    ("setting", "kind"), [("city", "GeoIP2-Country"), ("city", "ipinfo standard"), ("asn", "ip-location-db-asn")]
)
def test_run__location_databases_that_fit_are_taken(said, tmp_path, setting, kind):
    assert "nothing to read" in said("run", f"--geo-{setting}", database(tmp_path / "geo.mmdb", kind))[1]


def test_run__every_file_of_a_list_is_looked_into(said, tmp_path):
    good = database(tmp_path / "geo.mmdb", "GeoLite2-City")
    assert "nothing to read" in said("run", "--geo-city", f"{good}{os.pathsep}{good}")[1]
    assert said("run", "--geo-city", f"{good}{os.pathsep}/none") == (
        WRONG_USE,
        "rolescope: setting geo_city (ROLESCOPE_GEO_CITY): there is no file /none",
    )


def test_run__a_folder_is_no_location_database(said, tmp_path):
    assert said("run", "--geo-asn", tmp_path) == (
        WRONG_USE,
        f"rolescope: setting geo_asn (ROLESCOPE_GEO_ASN): {tmp_path} is a folder, not a file",
    )


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


def test_run__runs_all_days_of_all_folders(said, ran, tmp_path):
    put(tmp_path / "logs", "2026-03-02", "2026-03-04")
    put(tmp_path / "exported", "2026-02-27", kind="GuardDuty")
    status, text = said("run", "--cloudtrail", "logs", "--findings", "exported")
    assert (status, ran) == (DONE, [(date(2026, 2, 27), date(2026, 3, 4))])
    assert text.splitlines() == [
        "rolescope: 2026-02-27 to 2026-03-04 into lake",
        "done: tables in lake, reports in lake/reports",
    ]


def test_run__runs_the_days_that_are_asked_for(said, ran, tmp_path):
    put(tmp_path / "logs", "2026-03-02", "2026-03-04", "2026-03-08")
    assert said("run", "--cloudtrail", "logs", "--from", "2026-03-01", "--to", "2026-03-05")[0] == DONE
    assert ran == [(date(2026, 3, 1), date(2026, 3, 5))]


def test_run__asks_for_no_day_before_there_were_logs_or_after_today(said, ran, tmp_path):
    put(tmp_path / "logs", "2026-03-02")
    said("run", "--cloudtrail", "logs", "--from", "0001-01-01", "--to", "9999-12-31")
    [(first, last)] = ran
    today = datetime.now(UTC).date()
    assert first == date(2013, 11, 13)
    assert today - timedelta(days=1) <= last <= today


def test_run__objects_below_impossible_days_are_left_out_and_named(said, ran, tmp_path):
    put(tmp_path / "logs", "0001-01-01", "2013-11-12", "2026-03-02", "9999-12-31")
    status, text = said("run", "--cloudtrail", "logs")
    assert (status, ran) == (IN_PART, [(date(2026, 3, 2), date(2026, 3, 2))])
    assert text.splitlines()[-1] == (
        "left out: 3 objects below days before CloudTrail began or still to come: 0001-01-01, 2013-11-12, 9999-12-31"
    )


def test_run__only_impossible_days_are_nothing(said, ran, tmp_path):
    put(tmp_path / "logs", *(f"9999-12-{day}" for day in range(10, 17)))
    status, text = said("run", "--cloudtrail", "logs")
    assert (status, ran) == (NOTHING, [])
    assert "(7 objects below days before CloudTrail began or still to come: 9999-12-10, " in text
    assert text.endswith(" and 2 more)")


def test_run__what_was_left_out_is_done_in_part_and_cannot_command_the_terminal(said, tmp_path, monkeypatch):
    put(tmp_path / "logs", "2026-03-02")
    monkeypatch.setattr(
        cli, "_run_job", lambda settings, *_: (SimpleNamespace(settings=settings), ["\x1b[2J: not [b]JSON[/b]"])
    )
    status, text = said("run", "--cloudtrail", "logs")
    assert (status, text.splitlines()[-1]) == (IN_PART, "left out: [U+001B][2J: not [b]JSON[/b]")


# -- lake and reports ------------------------------------------------------------------------------------------------


@pytest.fixture
def logs(tmp_path):
    return "--cloudtrail", put(tmp_path / "logs", "2026-03-02")


@pytest.mark.parametrize("what", ["lake", "reports"])
def test_run__a_file_is_no_folder_to_write_to(said, ran, logs, tmp_path, what):
    (tmp_path / "file").touch()
    assert said("run", *logs, f"--{what}", "file") == (NOTHING, f"rolescope: {what}: file is a file, not a folder")
    status, text = said("run", *logs, f"--{what}", "file/below")
    assert (status, text) == (NOTHING, f"rolescope: {what}: file/below cannot be written (Not a directory)")
    assert ran == []


@pytest.mark.parametrize("what", ["lake", "reports"])
def test_run__a_folder_that_cannot_be_written_is_named(said, ran, logs, monkeypatch, what):
    def refuse(dir):  # noqa: A002
        if dir == Path("sealed"):
            raise PermissionError(13, "Permission denied")
        return open(os.devnull)

    monkeypatch.setattr(preflight.tempfile, "TemporaryFile", refuse)
    assert said("run", *logs, f"--{what}", "sealed") == (
        NOTHING,
        f"rolescope: {what}: sealed cannot be written (Permission denied)",
    )
    assert ran == []


def test_run__what_lies_in_the_place_of_a_table_is_named(said, ran, logs, tmp_path):
    (tmp_path / "lake" / CLOUDTRAIL_EVENTS.name / "mine").mkdir(parents=True)
    status, text = said("run", *logs)
    assert (status, ran) == (NOTHING, [])
    assert text.startswith(f"rolescope: lake/{CLOUDTRAIL_EVENTS.name} is in the way: it is no table of a lake")


def test_run__other_things_in_the_lake_folder_do_no_harm(said, ran, logs, tmp_path):
    (tmp_path / "lake" / CLOUDTRAIL_EVENTS.name / "_delta_log").mkdir(parents=True)
    (tmp_path / "lake" / INGEST_FILES.name).mkdir()
    (tmp_path / "lake" / "notes.txt").touch()
    assert said("run", *logs)[0] == DONE


def test_run__a_remote_lake_needs_a_folder_for_reports(said, ran, logs, tmp_path):
    assert said("run", *logs, "--lake", "s3a://bucket/lake") == (
        WRONG_USE,
        "rolescope: the lake s3a://bucket/lake is no local folder: name one for the reports with --reports",
    )
    assert said("run", *logs, "--lake", "s3a://bucket/lake", "--reports", "reports")[0] == DONE
    assert not list(tmp_path.glob("s3a*"))


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


# -- what stops a command --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["run"], ["status"], ["investigate", "--finding", "x"]])
def test_exit_status_of__no_java_is_nothing_done(said, logs, monkeypatch, command):
    def none():
        raise JavaMissingError("install one")

    monkeypatch.setattr(preflight, "java_home", none)
    sources = logs if command != ["status"] else ()
    assert said(*command, *sources) == (NOTHING, "rolescope: install one")


def test_run__spark_elsewhere_needs_no_java_here(said, ran, logs, monkeypatch):
    def none():
        raise JavaMissingError("install one")

    monkeypatch.setattr(preflight, "java_home", none)
    monkeypatch.setenv("ROLESCOPE_SPARK_MASTER", "sc://elsewhere")
    assert said("run", *logs)[0] == DONE


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (KeyboardInterrupt(), (INTERRUPTED, STOPPED)),
        (DagsterExecutionInterruptedError(), (INTERRUPTED, STOPPED)),
        (SourceError("gone"), (NOTHING, "gone")),
        (OSError(28, "No space left on device"), (NOTHING, "[Errno 28] No space left on device")),
    ],
)
def test_exit_status_of__what_is_not_a_mistake_of_ours_is_a_sentence(capsys, logs, monkeypatch, error, ended):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli, "_run_job", fail)
    status = exit_status_of(["run", *map(str, logs)])
    assert (status, capsys.readouterr().err) == (ended[0], f"rolescope: {ended[1]}\n")


def test_exit_status_of__a_mistake_of_ours_is_not_hidden(logs, monkeypatch):
    def fail(*_):
        raise KeyError("a column")

    monkeypatch.setattr(cli, "_run_job", fail)
    with pytest.raises(KeyError, match="a column"):
        exit_status_of(["run", *map(str, logs)])


# -- what is printed -------------------------------------------------------------------------------------------------


def test_print__a_narrow_terminal_cuts_no_account(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    table = status._table("Ingested", "account", "events to")
    table.add_row(ACCOUNT, "2026-03-02 08:05:00")
    status._print(table)
    assert f"{ACCOUNT}   2026-03-02 08:05:00" in capsys.readouterr().out


def test_cell__takes_no_markup_and_no_commands():
    assert status._cell("\x1b[2J[red]x[/red]") == "[U+001B][2J\\[red]x\\[/red]"
