"""Settings: of variables and options, each looked at before anything begins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from pipelines.preflight import DONE, WRONG_USE
from tests.pipelines.conftest import put


def database(path: Path, kind: str) -> Path:
    writer = MMDBWriter(database_type=kind)
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"a": "b"})
    writer.to_db_file(str(path))
    return path


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
        ("SPARK_MEMORY", "0g", "setting spark_memory (ROLESCOPE_SPARK_MEMORY): '0g': write it as 3g or 3000m"),
        (
            "SPARK_MASTER",
            "foo",
            "setting spark_master (ROLESCOPE_SPARK_MASTER): 'foo': write it as local[*], spark://host:7077, sc://host:15002, "
            "k8s://…, yarn or attached",
        ),
        ("GEO_CITY", "/none", "setting geo_city (ROLESCOPE_GEO_CITY): there is no file /none"),
        ("CLOUDTRIAL", "logs", "there is no setting ROLESCOPE_CLOUDTRIAL; is it ROLESCOPE_CLOUDTRAIL?"),
        ("XYZZY_PLUGH_1", "", "there is no setting ROLESCOPE_XYZZY_PLUGH_1"),
    ],
)
def test_exit_status_of__a_wrong_variable_is_named(said, monkeypatch, variable, value, sentence):
    monkeypatch.setenv(f"ROLESCOPE_{variable}", value)
    for command in (["run"], ["status"], ["investigate", "--finding", "x"]):
        assert said(*command) == (WRONG_USE, f"rolescope: {sentence}")


def test_run__a_variable_sets_what_no_option_does(said, asked, tmp_path, monkeypatch):
    put(tmp_path / "logs", "2026-03-02")
    monkeypatch.setenv("ROLESCOPE_CLOUDTRAIL", str(tmp_path / "logs"))
    monkeypatch.setenv("ROLESCOPE_LAKE", "one")
    monkeypatch.setenv("ROLESCOPE_SPARK_LOG", "warn")
    assert "into two" in said("run", "--lake", "two")[1]
    assert "into one" in said("run")[1]


def test_run__an_option_wins_over_a_wrong_variable(said, asked, tmp_path, monkeypatch):
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
