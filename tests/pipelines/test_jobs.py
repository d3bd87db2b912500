"""What runs when: every night, and for findings that come in between."""

from __future__ import annotations

import gzip
import importlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from expectations.tables import TABLES
from pipelines import definitions, jobs
from pipelines.jobs import findings_sensor, nightly_schedule
from pipelines.night import ACCOUNTS_TAG
from pipelines.settings import SettingError

pytestmark = pytest.mark.filterwarnings("default")
TODAY = date(2026, 5, 3)


def export(folder: Path, account: str, name: str, days_ago: int = 0) -> None:
    """Write an exported finding, as GuardDuty does."""
    day = TODAY - timedelta(days=days_ago)
    place = folder / "AWSLogs" / account / "GuardDuty" / "us-east-1" / f"{day:%Y/%m/%d}"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.jsonl.gz").write_bytes(gzip.compress(name.encode()))


def sensed(cursor: str | None = None) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        return findings_sensor(dg.build_sensor_context(instance=instance, cursor=cursor))


def test_findings_sensor__asks_for_the_accounts_of_new_findings_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLESCOPE_FINDINGS", str(tmp_path))
    monkeypatch.setattr(jobs, "this_day", lambda: TODAY)
    export(tmp_path, "111111111111", "first")
    export(tmp_path, "333333333333", "old", days_ago=9)
    result = sensed()
    [request] = result.run_requests
    assert request.tags[ACCOUNTS_TAG] == "111111111111"
    assert request.partition_key == TODAY.isoformat()

    assert isinstance(sensed(result.cursor), dg.SkipReason)

    export(tmp_path, "222222222222", "second")
    later = sensed(result.cursor)
    assert [each.tags[ACCOUNTS_TAG] for each in later.run_requests] == ["222222222222"]
    assert later.run_requests[0].run_key != request.run_key


@pytest.mark.parametrize(("folder", "reason"), [(None, "is not set"), ("nowhere", "there is no folder")])
def test_findings_sensor__says_why_it_sees_nothing(
    folder: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROLESCOPE_FINDINGS", raising=False)
    if folder:
        monkeypatch.setenv("ROLESCOPE_FINDINGS", str(tmp_path / folder))
    assert reason in str(sensed().skip_message)


def test_nightly_schedule__runs_the_day_that_ended() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=datetime(2026, 5, 2, 0, 30, tzinfo=UTC)
        )
        request = nightly_schedule(context)
    assert request.partition_key == "2026-05-01"  # type: ignore[union-attr]


def test_definitions__the_environment_is_read_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line imports this module too, and an option of its own wins over a wrong variable."""
    monkeypatch.setenv("ROLESCOPE_GEO_CITY", "/none")
    importlib.reload(definitions)
    with pytest.raises(SettingError, match=r"ROLESCOPE_GEO_CITY\): there is no file /none"):
        definitions.defs()


def test_definitions__every_table_is_an_asset_with_its_columns_and_a_blocking_check() -> None:
    graph = definitions.defs().resolve_asset_graph()
    for table in TABLES:
        node = graph.get(dg.AssetKey(table.name))
        schema = node.metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == table.column_names
        assert table.comment in (node.description or "")
        assert "\n    " not in (node.description or "")  # Markdown would show it as code, and cut it
        assert [key.name for key in graph.get_check_keys_for_assets({dg.AssetKey(table.name)})] == ["contract"]
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {
        *(table.name for table in TABLES),
        "reports",
        *("expired_days", "compacted_days", "vacuumed_files"),
    }
