"""The code location: what Dagster loads. `dagster dev` and the command line use the same."""

from __future__ import annotations

import dagster as dg

from pipelines import jobs
from pipelines.assets import activity, assumptions, coverage, flows, ingest, investigations, sessions, upkeep, usage
from pipelines.jobs import failed_night, findings_sensor, investigate, nightly, nightly_schedule, writing_night
from pipelines.night import Night
from pipelines.settings import load_settings

ASSETS: list[dg.AssetsDefinition] = [
    ingest.ingest,
    coverage.log_coverage,
    flows.interface_changes,
    usage.credential_issuances,
    usage.session_usage,
    sessions.credential_sessions,
    sessions.chain_edges,
    assumptions.role_sessions,
    assumptions.role_assumptions,
    activity.principal_activity,
    activity.principal_baselines,
    investigations.investigations,
    investigations.reports,
]


def build_definitions(night: Night | dg.ResourceDefinition) -> dg.Definitions:
    """Return everything, with the run's night (or what makes it) as the resource that assets ask for."""
    return dg.Definitions(
        assets=[*ASSETS, upkeep.expired_days, upkeep.compacted_days, upkeep.vacuumed_files],
        jobs=[nightly, investigate, jobs.upkeep],
        schedules=[nightly_schedule, jobs.upkeep_schedule],
        sensors=[findings_sensor, failed_night],
        resources={"night": night},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return what the UI and the daemon run, by the settings of the environment; not on import, since the CLI has its own."""
    load_settings()  # a wrong one is said when the code location is loaded, not in the middle of a night
    return build_definitions(writing_night)
