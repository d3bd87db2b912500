"""A run of the job in this process: the same assets that the Dagster UI shows, with the range of days that is asked for."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.lock import LakeHeldError

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterInstance, RunRecord
    from dagster_shared.error import SerializableErrorInfo

    from pipelines.night import Night

# Dagster writes two events for every asset and partition: 1,000 for 30 days, 18 seconds. A longer span of days (a first
# load) is recorded under its last day.
_MOST_PARTITIONS = 7

HOME = Path(__file__).parent.parent / "dagster_home"


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    succeeded: bool
    run_id: str
    failures: tuple[str, ...]
    """A sentence for each step that failed."""
    stacks: tuple[str, ...] = ()
    """Where it failed, for what was not expected to."""


@contextmanager
def dagster_instance() -> Iterator[DagsterInstance]:
    """Open the instance that remembers runs: `DAGSTER_HOME`, else the one of this repository, so that the UI shows them too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Dagster's own imports
        import dagster as dg  # noqa: PLC0415

    if "DAGSTER_HOME" not in os.environ and HOME.is_dir():
        os.environ["DAGSTER_HOME"] = str(HOME)
    if "DAGSTER_HOME" not in os.environ:
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance
        return
    home = Path(os.environ["DAGSTER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():  # a home without one keeps telemetry, and some later process would send it
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    with dg.DagsterInstance.get() as instance:
        yield instance


def run_nightly(night: Night, first: date, last: date, accounts: frozenset[str] | None = None) -> Outcome:
    """Run the nightly job over publish days `first` to `last` (UTC, both included), in one pass.

    Only objects of `accounts` are ingested, if they are named; everything else is brought up to date with what that gives.

    Raises:
        KeyboardInterrupt: it was stopped. Dagster makes that a step which failed.
        LakeHeldError: another run writes to the lake, and did not end in time.
    """
    command = f"run {first} to {last}" + (f" of {len(accounts)} accounts" if accounts is not None else "")
    outcome = None
    try:
        with night.writing(command):
            outcome = _run(night, first, last, accounts)
    except LakeHeldError as error:
        if outcome is None or outcome.succeeded:  # a run that failed has told so itself
            unsent = _tell_of_failure(night, outcome.run_id if outcome else None, [str(error)])
            if unsent:
                night.progress.tell("run", unsent)
        raise
    return outcome


def _run(night: Night, first: date, last: date, accounts: frozenset[str] | None) -> Outcome:
    night.open_early()
    from pipelines.definitions import build_definitions  # noqa: PLC0415  (imports Dagster: seconds)
    from pipelines.night import ACCOUNTS_TAG, FIRST_DAY_TAG  # noqa: PLC0415
    from pipelines.slots import PROCESS_TAG, this_process, wait_for_slot  # noqa: PLC0415

    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    job = build_definitions(night).resolve_job_def("nightly")
    tags = {"rolescope/lake": night.settings.lake_uri, PROCESS_TAG: this_process()}
    partition = None
    if (last - first).days < _MOST_PARTITIONS:
        tags["dagster/asset_partition_range_start"] = first.isoformat()
        tags["dagster/asset_partition_range_end"] = last.isoformat()
    else:
        partition = last.isoformat()
        tags[FIRST_DAY_TAG] = first.isoformat()
    if accounts is not None:
        tags[ACCOUNTS_TAG] = ",".join(sorted(accounts))
    with dagster_instance() as instance:
        wait_for_slot(instance, night.progress)
        result = job.execute_in_process(
            instance=instance,
            partition_key=partition,
            tags=tags,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    failed = [event for event in result.all_node_events if event.is_step_failure]
    if any(_is_stop(event.step_failure_data.error) for event in failed):
        raise KeyboardInterrupt
    causes = [cause_of(event) for event in failed]
    failures = tuple(sentence for sentence, _ in causes)
    if not result.success:
        unsent = _tell_of_failure(night, result.run_id, failures)
        night.warnings += [unsent] if unsent else []
    return Outcome(result.success, result.run_id, failures, tuple(stack for _, stack in causes if stack))


def _tell_of_failure(night: Night, run_id: str | None, failures: Iterable[str]) -> str | None:
    """Tell the webhook; return a sentence if it could not be told."""
    from pipelines.notify import notify, of_failed_night  # noqa: PLC0415

    return notify(night.settings, [of_failed_night(run_id, night.settings.lake_uri, failures)])


# What these say is meant for the user: where in the code it was said is of no use to anybody.
SAID = frozenset(
    {
        "ExpectationFailedError",
        "JavaMissingError",
        "ChangesGoneError",
        "LakeError",
        "LakeHeldError",
        "LocationDatabaseError",
        "SettingError",
        "SourceError",
        # Of the machine: no room, no right. The message names the file.
        "FileExistsError",
        "IsADirectoryError",
        "NotADirectoryError",
        "OSError",
        "PermissionError",
    }
)


# The line that says what happened; what Spark and Python's workers put before it says that something did.
_SAYS = re.compile(r"^(: )?[\w.$]+(Error|Exception): (?!An (error|exception) )")


def _is_stop(error: SerializableErrorInfo | None) -> bool:
    while error is not None and error.cls_name not in {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}:
        error = error.cause
    return error is not None


def cause_of(event: DagsterEvent) -> tuple[str, str | None]:
    """Return the cause of a step's failure in one line, with the step it happened in if it is a mistake of ours."""
    sentence, stack = _cause(event.event_specific_data)
    return (sentence if stack is None else f"{event.step_key} failed: {sentence}"), stack


def _cause(failure: object) -> tuple[str, str | None]:
    """Return the cause of a step's failure in one line, and its stack if it is a mistake of ours: not Dagster's around it."""
    error = getattr(failure, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return str(failure), None
    lines = [line.strip() for line in str(error.message).strip().splitlines()]
    if error.cls_name in SAID:
        return lines[0].partition(": ")[2] or lines[0], None
    sentence = next((line.removeprefix(": ") for line in lines if _SAYS.search(line)), lines[0])
    return sentence, "".join(error.stack) + str(error.message)


def last_runs(lake_uri: str, limit: int = 5) -> list[tuple[str, str, str, str]]:
    """Return the last runs over a lake, newest first: id, begin (UTC), duration, how it ended."""
    with dagster_instance() as instance:
        import dagster as dg  # noqa: PLC0415

        records = instance.get_run_records(filters=dg.RunsFilter(tags={"rolescope/lake": lake_uri}), limit=limit)
    return [_run_line(record) for record in records]


def _run_line(record: RunRecord) -> tuple[str, str, str, str]:
    begun = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else None
    took = f"{record.end_time - record.start_time:.0f} s" if record.end_time and record.start_time else ""
    ended = record.dagster_run.status.value.lower()
    return record.dagster_run.run_id[:8], f"{begun:%Y-%m-%d %H:%M:%S}" if begun else "", took, ended
