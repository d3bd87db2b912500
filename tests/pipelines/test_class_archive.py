"""The archive of Spark's classes: used where it fits the jars, never in the way where it does not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipelines import class_archive
from pipelines.spark import java_home


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive's path beside a folder of jars."""
    (tmp_path / "jars").mkdir()
    monkeypatch.setattr(class_archive, "archive_path", lambda: tmp_path / "classes.jsa")
    return tmp_path / "classes.jsa"


def test_options__name_an_archive_that_is_as_new_as_the_jars(beside: Path) -> None:
    assert class_archive.options() == []
    beside.write_bytes(b"classes")
    assert class_archive.options()[0] == f"-XX:SharedArchiveFile={beside}"
    jars = beside.parent / "jars"
    os.utime(jars, (jars.stat().st_atime, beside.stat().st_mtime + 1))  # a jar came: `make s3`
    assert class_archive.options() == []


def test_options__an_archive_that_is_none_stops_no_java_and_is_not_spoken_of(beside: Path) -> None:
    beside.write_bytes(b"no archive" * 1000)
    java = [java_home() / "bin" / "java", *class_archive.options(), "-version"]
    done = subprocess.run(java, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "jsa" not in done.stderr


def test_make_archive__what_went_wrong_is_a_line_and_nothing_is_left(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.class_archive.sys.executable", "/bin/false")
    assert class_archive.make_archive() == "the JVM made none"
    assert [each.name for each in beside.parent.iterdir()] == ["jars"]


def test_make_archive__one_that_is_there_is_left_alone(beside: Path) -> None:
    beside.write_bytes(b"classes")
    assert class_archive.make_archive() is None
    assert beside.read_bytes() == b"classes"
