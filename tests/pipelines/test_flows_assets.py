"""Which days' calls are looked at for changes of network interfaces: none without flow logs, all with the first of them."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from expectations.tables import INTERFACE_CHANGES
from pipelines.assets import flows

OLD, NEW = date(2026, 3, 1), date(2026, 3, 5)


def changed(monkeypatch: pytest.MonkeyPatch, *, flow_version: int, had_flows: bool) -> Any:
    monkeypatch.setattr(flows, "build_interface_changes", lambda events: events)
    lake = SimpleNamespace(
        version=lambda _table: flow_version,
        touched_days=lambda _table, since: [OLD, NEW] if since == -1 else [NEW],
        read_days=lambda _table, days: days,
        spark=SimpleNamespace(createDataFrame=lambda rows, _schema: rows),
    )
    night: Any = SimpleNamespace(
        lake=lake, fact=lambda _table, _name: had_flows, touched_days=lambda _table, _of: [NEW]
    )
    return flows.change(night)[INTERFACE_CHANGES.name]


def test_change__a_lake_without_flow_logs_looks_at_no_call(monkeypatch):
    candidate = changed(monkeypatch, flow_version=0, had_flows=False)
    assert (candidate.rows, candidate.days) == ([], [])


def test_change__the_first_flows_bring_the_calls_of_all_days(monkeypatch):
    assert changed(monkeypatch, flow_version=1, had_flows=False).days == [OLD, NEW]


def test_change__afterwards_only_days_that_got_new_calls(monkeypatch):
    assert changed(monkeypatch, flow_version=3, had_flows=True).days == [NEW]
