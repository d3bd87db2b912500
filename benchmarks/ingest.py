"""Ingest alone, for the comparison: objects to the tables of bronze, through the same asset and checks as every night.

    python -m benchmarks.ingest CLOUDTRAIL_FOLDER LAKE_FOLDER

Prints, as JSON, the seconds from the session's first query on: beginning Spark and importing Great Expectations (eight seconds)
are the same for any amount of logs, and `make bench` measures them in the whole job.
"""

from __future__ import annotations

import json
import sys
import time

import dagster as dg

from expectations.suites import load_expectations
from expectations.tables import CLOUDTRAIL_EVENTS
from pipelines.assets.ingest import ingest
from pipelines.night import FIRST_DAY_TAG, Night
from pipelines.settings import FIRST_DAY, load_settings
from pipelines.sources.folder import list_objects
from pipelines.sources.layout import CLOUDTRAIL


def main(logs: str, target: str) -> None:
    """Ingest everything below a folder."""
    night = Night(load_settings(cloudtrail=logs, lake=target))
    night.lake.spark.sql("SELECT 1").collect()
    load_expectations()
    begun = time.monotonic()
    last = max(each.publish_date for each in list_objects(logs, CLOUDTRAIL))
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            [ingest],
            partition_key=last.isoformat(),
            tags={FIRST_DAY_TAG: FIRST_DAY.isoformat()},
            resources={"night": night},
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    seconds = time.monotonic() - begun
    events = night.lake.read(CLOUDTRAIL_EVENTS).count()
    sys.stdout.write(json.dumps({"events": events, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
