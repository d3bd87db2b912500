"""The partition of everything: the publish day, UTC. Accounts are a column, not a dimension."""

from __future__ import annotations

import dagster as dg

from pipelines.settings import FIRST_DAY

PUBLISH_DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), end_offset=1)
