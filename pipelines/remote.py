"""The nightly job as another Dagster's step: where EMR or Databricks runs Python beside its Spark (Dagster Pipes).

    python -m pipelines.remote [--messages s3]

Settings come from `ROLESCOPE_…` variables, or from the step's extras (`{"settings": {"lake": "s3a://…"}}`), which win. Days are those
of the step's partition, else the extras' `from` and `to`, else all that is there. What each table has then is reported as a
materialization of the step's asset of that name, and what was left out is logged. Without a Dagster that asks, it is a plain run.

Exit status: as `rolescope run`, but 0 where something was left out.
"""

from __future__ import annotations

import sys
import warnings
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import dagster as dg
import typer
from dagster_pipes import (
    DagsterPipesWarning,
    PipesContext,
    PipesS3ContextLoader,
    PipesS3MessageWriter,
    open_dagster_pipes,
)

from expectations.tables import TABLES
from pipelines.preflight import NOTHING, WRONG_USE, StopError, days_to_run
from pipelines.settings import SettingError, Settings, load_settings

if TYPE_CHECKING:
    from pipelines.night import Night


class Messages(StrEnum):
    """How the step's parameters and its messages travel: as the launcher's variables say, or through objects in S3."""

    DEFAULT = "default"
    S3 = "s3"


TABLE_SPECS = tuple(
    dg.AssetSpec(table.name, description=table.comment, kinds={"spark", "deltalake"}) for table in TABLES
)
"""The tables as assets of the Dagster that launches the job: what it reports is about these."""

app = typer.Typer(add_completion=False)


@app.command()
def main(
    messages: Annotated[
        Messages, typer.Option(help="How messages travel: as the launcher says, or through S3.")
    ] = Messages.DEFAULT,
) -> None:
    """Run the nightly job here, and tell the Dagster that asked for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DagsterPipesWarning)  # that nobody asked: then it is a plain run
        pipes = _open(messages)
    with pipes:
        status = run_step(pipes)
    raise typer.Exit(status)


def _open(messages: Messages) -> PipesContext:
    if messages is Messages.DEFAULT:
        return open_dagster_pipes()
    import boto3  # noqa: PLC0415

    client = boto3.client("s3")
    return open_dagster_pipes(context_loader=PipesS3ContextLoader(client), message_writer=PipesS3MessageWriter(client))


def run_step(pipes: PipesContext) -> int:
    """Run the job for a step; return its exit status."""
    from pipelines.night import Night  # noqa: PLC0415
    from pipelines.run import run_nightly  # noqa: PLC0415

    try:
        settings = load_settings(**_extra(pipes, "settings", {}))
        first, last = _days(pipes)
        left_out: list[str] = []
        if first is None or last is None:  # a day that is named may have nothing: it is run all the same
            (first, last), left_out = days_to_run(settings, first, last)
    except SettingError as error:
        return _failed(pipes, str(error), WRONG_USE)
    except StopError as stop:
        return _failed(pipes, str(stop), stop.status)
    night = Night(settings)
    outcome = run_nightly(night, first, last)
    if not outcome.succeeded:
        return _failed(pipes, "; ".join(outcome.failures) or f"run {outcome.run_id} failed", NOTHING)
    _report(pipes, settings, night)
    left_out = [*left_out, *night.warnings]
    for line in left_out:
        pipes.log.warning(f"left out: {line}")
    return 0  # a launcher takes any other status for a failure


def _extra(pipes: PipesContext, name: str, otherwise: Any) -> Any:
    return pipes.extras.get(name, otherwise) if _is_asked(pipes) else otherwise


def _is_asked(pipes: PipesContext) -> bool:
    return isinstance(pipes, PipesContext)


def _days(pipes: PipesContext) -> tuple[date | None, date | None]:
    if not _is_asked(pipes):
        return None, None
    window = pipes.partition_time_window if pipes.is_partition_step else None
    if window is not None:
        first, end = (date.fromisoformat(str(each)[:10]) for each in (window["start"], window["end"]))
        return first, max(first, end - timedelta(days=1))
    given = [pipes.extras.get(name) for name in ("from", "to")]
    first_day, last_day = (None if each is None else date.fromisoformat(each) for each in given)
    return first_day, last_day


def _report(pipes: PipesContext, settings: Settings, night: Night) -> None:
    asked = set(pipes.asset_keys) if _is_asked(pipes) and pipes.is_asset_step else set()
    for table in TABLES:
        if table.name in asked:
            told: dict[str, Any] = {
                "dagster/row_count": night.lake.row_count(table),
                "dagster/uri": f"{settings.lake_uri}/{table.name}",
                "version": night.lake.version(table),
            }
            pipes.report_asset_materialization(told, asset_key=table.name)


def _failed(pipes: PipesContext, sentence: str, status: int) -> int:
    pipes.log.error(sentence)
    sys.stderr.write(f"rolescope: {sentence}\n")
    return status


if __name__ == "__main__":
    app(prog_name="python -m pipelines.remote")
