"""The job as another Dagster's step: its settings, its days and its assets come from there, and what was made is told back."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` itself.
import os
import sys
from datetime import date

import dagster as dg
import pytest

from expectations.tables import CLOUDTRAIL_EVENTS, INVESTIGATIONS
from pipelines.remote import TABLE_SPECS
from tests.pipelines.conftest import LAST, Ran

pytestmark = pytest.mark.filterwarnings("default")  # of Dagster, about Pipes


def launched(settings: dict[str, str], day: date) -> dg.ExecuteInProcessResult:
    """Launch the job for a partition, as EMR's or Databricks' client would: here it is a process."""

    @dg.multi_asset(
        specs=TABLE_SPECS, can_subset=True, partitions_def=dg.DailyPartitionsDefinition("2026-01-01", end_offset=5_000)
    )
    def rolescope(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient):  # type: ignore[no-untyped-def]
        return pipes.run(
            command=[sys.executable, "-m", "pipelines.remote"],
            context=context,
            extras={"settings": settings},
            env={"DAGSTER_HOME": os.environ["DAGSTER_HOME"]},
        ).get_results()

    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [rolescope],
            partition_key=day.isoformat(),
            resources={"pipes": dg.PipesSubprocessClient()},
            instance=instance,
            raise_on_error=False,
        )


def test_remote__what_the_tables_have_is_told_to_the_dagster_that_asked(ran: Ran) -> None:
    settings = {
        "cloudtrail": str(ran.settings.cloudtrail),
        "findings": str(ran.settings.findings),
        "lake": ran.settings.lake,
        "geo_city": str(ran.settings.geo_city[0]),
        "geo_asn": str(ran.settings.geo_asn[0]),
    }
    result = launched(settings, LAST)
    assert result.success
    told = {each.asset_key.path[-1]: each.metadata for each in result.asset_materializations_for_node("rolescope")}
    assert set(told) == {spec.key.path[-1] for spec in TABLE_SPECS}
    for table in (CLOUDTRAIL_EVENTS, INVESTIGATIONS):
        assert told[table.name]["dagster/row_count"].value == ran.lake.row_count(table) > 0


def test_remote__a_wrong_setting_fails_the_step_with_a_sentence(
    dagster_home: object, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not launched({"lookback_days": "many"}, LAST).success
    assert "setting lookback_days (ROLESCOPE_LOOKBACK_DAYS): 'many': not a whole number" in capfd.readouterr().err
