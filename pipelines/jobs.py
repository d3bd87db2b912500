"""What runs when: every table each night, and in between the findings that come in."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` itself.
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from pydantic import Field

from pipelines.assets.upkeep import GROUP as UPKEEP
from pipelines.night import ACCOUNTS_TAG, Night
from pipelines.notify import notify, of_failed_night
from pipelines.preflight import StopError, hour_of
from pipelines.profile import OPTIONS, find_entity, investigate_entity, window_of
from pipelines.run import cause_of
from pipelines.settings import load_settings
from pipelines.slots import PROCESS_TAG
from pipelines.sources.failures import Failure
from pipelines.sources.layout import GUARDDUTY, SourceError
from pipelines.sources.listing import access_of, open_sources

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups(UPKEEP),
    description="Read what was published, and bring every table up to date.",
    executor_def=dg.in_process_executor,  # the default starts a process, and so a JVM, for every step
)

upkeep = dg.define_asset_job(
    "upkeep",
    selection=dg.AssetSelection.groups(UPKEEP),
    description="Expire what is older than the retention, put closed days together, delete what left the tables.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=upkeep,
    cron_schedule="30 4 * * *",
    execution_timezone="UTC",
    description="Every night, when the job has long ended; if it has not, upkeep waits for it.",
)
def upkeep_schedule() -> dg.RunRequest:
    """Keep the lake up."""
    return dg.RunRequest()


@dg.schedule(
    job=nightly,
    cron_schedule="30 0 * * *",  # publish days end at midnight UTC; their last objects are there a quarter of an hour later
    execution_timezone="UTC",
    description="Every night, the publish day that has ended.",
)
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Run the day before the tick's."""
    day = context.scheduled_execution_time.date() - timedelta(days=1)
    return dg.RunRequest(run_key=day.isoformat(), partition_key=day.isoformat())


@dg.sensor(
    job=nightly,
    minimum_interval_seconds=60,
    description=(
        "Findings that come in between two nights: the newest objects of their accounts are ingested first, then they are "
        "investigated. At three in the morning the answer must not be that no session matches."
    ),
)
def findings_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Look for findings that were exported today or yesterday and were not seen before."""
    settings = load_settings()
    if settings.findings is None:
        return dg.SkipReason("ROLESCOPE_FINDINGS is not set: there is no folder to look for findings in")
    today = this_day()
    failures: list[Failure] = []
    try:
        listed = [
            each
            for source in open_sources(settings.findings, access_of(settings))
            for each in source.objects(GUARDDUTY, today - timedelta(days=1), today, None, failures.append)
        ]
    except SourceError as error:
        return dg.SkipReason(str(error))
    for failure in failures:
        context.log.warning(failure.sentence)
    seen = set(json.loads(context.cursor or "[]"))
    new = [each for each in listed if each.skipped is None and f"{each.uri} {each.etag}" not in seen]
    if not new:
        return dg.SkipReason("no new findings")
    accounts = ",".join(sorted({each.account_id for each in new}))
    cursor = json.dumps(sorted(f"{each.uri} {each.etag}" for each in listed))
    request = dg.RunRequest(
        run_key=f"{max(each.etag for each in new)}-{len(listed)}",
        partition_key=today.isoformat(),
        tags={ACCOUNTS_TAG: accounts},
    )
    return dg.SensorResult(run_requests=[request], cursor=cursor)


@dg.run_failure_sensor(
    monitored_jobs=[nightly, upkeep],
    minimum_interval_seconds=60,
    description="Runs of the schedule and of the sensor that failed, to the webhook; the command line tells of its own.",
)
def failed_night(context: dg.RunFailureSensorContext) -> None:
    """Tell the webhook what failed in a run, also one that ended with its process."""
    settings, run = load_settings(), context.dagster_run
    if PROCESS_TAG in run.tags:
        return
    failures = [cause_of(event)[0] for event in context.get_step_failure_events()] or [
        context.failure_event.message or ""
    ]
    unsent = notify(settings, [of_failed_night(run.run_id, settings.lake_uri, failures)])
    if unsent:
        context.log.warning(unsent)


@dg.resource(description="The run's night. It holds the lake from its begin to its end: one run writes at a time.")
def writing_night(context: dg.InitResourceContext) -> Iterator[Night]:
    """Make the night of a run of the UI or the daemon; runs of the command line bring their own."""
    night = Night(load_settings(), _Logged(context))
    with night.writing(f"Dagster run {context.run.run_id if context.run else ''}".strip()):
        yield night


class _Logged:
    """Progress in the log of a Dagster run."""

    def __init__(self, context: dg.InitResourceContext) -> None:
        self._log = context.log

    def tell(self, stage: str, message: str) -> None:
        """Say something about a stage that is under way."""
        if self._log is not None:
            self._log.info(f"{stage}: {message}")

    def finished(self, stage: str, message: str) -> None:
        """Say that a stage is done."""
        self.tell(stage, message)


class Asked(dg.Config):
    """What a profile is asked for of: as the options of `rolescope investigate`."""

    option: str = Field(description="role-session, role, user, root, account, ip or user-agent")
    name: str = Field(description="its id, or a name that only one has")
    first: str | None = Field(default=None, description="start of the scope, UTC: 2026-03-04T10")
    last: str | None = Field(default=None, description="end of the scope, UTC; by default with the last event")


@dg.op(
    description="Make the investigation of an entity over a window, and its page; it is kept up to date from then on."
)
def profile(context: dg.OpExecutionContext, config: Asked, night: dg.ResourceParam[Night]) -> None:
    """Find what is meant, investigate it, and leave the link in the log."""
    if config.option not in OPTIONS:
        raise dg.Failure(f"{config.option}: not one of {', '.join(OPTIONS)}", allow_retries=False)
    try:
        entity = find_entity(night, config.option, config.name)
        window = window_of(entity, hour_of("first", config.first), hour_of("last", config.last))
        page = investigate_entity(night, entity, window)
    except StopError as stop:
        raise dg.Failure(str(stop), allow_retries=False) from stop
    uri = (night.settings.report_folder / f"{page}.html").resolve().as_uri()
    context.add_output_metadata({"report": dg.MetadataValue.url(uri)})


@dg.job(
    name="investigate",
    description="Investigate a role session, role, user, root principal, account, address or user agent over any window.",
    executor_def=dg.in_process_executor,
)
def investigate() -> None:
    """Make one profile."""
    profile()


def this_day() -> date:
    """Return the publish day that is under way (UTC)."""
    return datetime.now(UTC).date()
