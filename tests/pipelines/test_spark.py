"""Which Java Spark runs on: the first one that is new enough and can be run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from pipelines import spark
from pipelines.spark import JavaMissingError, java_home


def java(home: Path, version: str, mode: int = 0o755) -> Path:
    """Put a program there that says which Java it is."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(mode)
    return home


@pytest.fixture(autouse=True)
def no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the Javas of this machine: none on the path, none where Debian and macOS put theirs."""
    monkeypatch.setattr("pipelines.spark.shutil.which", lambda _name: None)
    monkeypatch.setattr("pipelines.spark.Path.glob", lambda _folder, _pattern: iter(()))


def test_java_home__takes_the_one_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", "21.0.1")))
    assert java_home() == tmp_path / "jdk"


@pytest.mark.parametrize(
    ("version", "mode"), [("1.8.0_392", 0o755), ("11.0.2", 0o755), ("no number", 0o755), ("17.0.1", 0)]
)
def test_java_home__passes_over_one_that_is_too_old_or_cannot_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, mode: int
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "named", version, mode)))
    good = java(tmp_path / "good", "17.0.9")
    monkeypatch.setattr("pipelines.spark.shutil.which", lambda _name: str(good / "bin" / "java"))
    assert java_home() == good.resolve()


def test_java_home__says_what_to_install_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing here"))
    with pytest.raises(JavaMissingError, match=r"Java 17 or newer and none was found: install one .*or set JAVA_HOME"):
        java_home()


def test_options_of_the_jvm__are_whole_where_a_path_has_spaces_and_quotes() -> None:
    settings = spark._of_place("local[1]", "1g", ['-XX:SharedArchiveFile=/a b/"c".jsa'])
    options = shlex.split(settings["spark.driver.extraJavaOptions"])  # what Spark's launcher does with them
    assert options[-2:] == ["-Xms1g", '-XX:SharedArchiveFile=/a b/"c".jsa']
    assert [each for each in options if "log4j2" in each] == [
        f"-Dlog4j2.configurationFile={Path(spark.__file__).with_name('log4j2.properties')}"
    ]
