"""What `rolescope status` prints, as far as it goes without Spark."""

from __future__ import annotations

import pytest

from pipelines import status

ACCOUNT = "111111111111"


def test_print__a_narrow_terminal_cuts_no_account(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    table = status._table("Ingested", "account", "events to")
    table.add_row(ACCOUNT, "2026-03-02 08:05:00")
    status._print(table)
    assert f"{ACCOUNT}   2026-03-02 08:05:00" in capsys.readouterr().out


def test_cell__takes_no_markup_and_no_commands() -> None:
    assert status._cell("\x1b[2J[red]x[/red]") == "[U+001B][2J\\[red]x\\[/red]"
