"""Upkeep as assets, of the job `upkeep`: each a step of pipelines.upkeep, one after the other."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` itself.
from collections.abc import Callable
from inspect import getdoc

import dagster as dg

from pipelines import upkeep
from pipelines.night import Night

GROUP = "upkeep"


def _asset(name: str, step: Callable[[Night], list[str]], after: list[str]) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=after, group_name=GROUP, kinds={"deltalake"}, pool="spark", description=getdoc(step))
    def do(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> dg.MaterializeResult[None]:
        done = step(night) if upkeep.has_news(night) else []
        for sentence in (*done, *night.warnings):
            context.log.info(sentence)
        return dg.MaterializeResult(
            metadata={"done": dg.MetadataValue.md("\n".join(f"- {each}" for each in done) or "nothing to do")}
        )

    return do


expired_days = _asset("expired_days", upkeep.expire, [])
compacted_days = _asset("compacted_days", upkeep.compact, ["expired_days"])
vacuumed_files = _asset("vacuumed_files", upkeep.vacuum, ["compacted_days"])
