"""The command line, as far as it goes without Spark: every mistake of a user is one clear sentence and the right exit status."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipelines import commands
from pipelines.cli import exit_status_of
from pipelines.preflight import DONE, IN_PART, INTERRUPTED, NOTHING, WRONG_USE
from pipelines.sources.layout import SourceError
from tests.pipelines.conftest import put

STOPPED = "stopped; what was written stays, and the next run goes on from there"


class DagsterExecutionInterruptedError(BaseException):
    """What Dagster makes of Ctrl-C; its own takes seconds to import."""


@pytest.mark.parametrize("command", ["run", "investigate", "event", "status"])
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
        (["investigate"], "nothing to investigate: name one of --finding"),
        (["status", "more"], "unexpected extra argument"),
    ],
)
def test_exit_status_of__what_is_no_command_is_wrong_use(said, arguments, sentence):
    status, text = said(*arguments)
    assert (status, sentence in text) == (WRONG_USE, True)


def test_run__needs_a_folder(said):
    assert said("run") == (
        WRONG_USE,
        "rolescope: nothing to read: name a folder with --cloudtrail, --findings or --flows",
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


def test_run__what_was_left_out_is_done_in_part_and_cannot_command_the_terminal(said, tmp_path, monkeypatch):
    put(tmp_path / "logs", "2026-03-02")
    monkeypatch.setattr(
        commands, "run_job", lambda settings, *_: (SimpleNamespace(settings=settings), ["\x1b[2J: not [b]JSON[/b]"])
    )
    status, text = said("run", "--cloudtrail", "logs")
    assert (status, text.splitlines()[-1]) == (IN_PART, "left out: [U+001B][2J: not [b]JSON[/b]")


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

    monkeypatch.setattr(commands, "run_job", fail)
    status = exit_status_of(["run", *map(str, logs)])
    assert (status, capsys.readouterr().err) == (ended[0], f"rolescope: {ended[1]}\n")


def test_exit_status_of__a_mistake_of_ours_is_not_hidden(logs, monkeypatch):
    def fail(*_):
        raise KeyError("a column")

    monkeypatch.setattr(commands, "run_job", fail)
    with pytest.raises(KeyError, match="a column"):
        exit_status_of(["run", *map(str, logs)])
