"""What runs when: every table each night, and in between the findings that come in."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` itself.
import json
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipelines.night import ACCOUNTS_TAG
from pipelines.settings import Settings
from pipelines.sources.folder import GUARDDUTY, SourceError, list_objects

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    description="Read what was published, and bring every table up to date.",
    executor_def=dg.in_process_executor,  # the default starts a process, and so a JVM, for every step
)

# Publish days end at midnight UTC; the last objects of a day are there a quarter of an hour later.
nightly_schedule = dg.build_schedule_from_partitioned_job(
    nightly, name="nightly_schedule", hour_of_day=0, minute_of_hour=30
)


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
    folder = Settings().findings
    if folder is None:
        return dg.SkipReason("ROLESCOPE_FINDINGS is not set: there is no folder to look for findings in")
    today = datetime.now(UTC).date()
    try:
        listed = list_objects(folder, GUARDDUTY, today - timedelta(days=1), today)
    except SourceError as error:
        return dg.SkipReason(str(error))
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
