"""Calls after which a trail logs less, or more: which of them do, and what the trail logs then.

Belongs here: what a call's parameters mean. Does not: how long that holds (stops).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pyarrow as pa
from pyspark.sql import functions as F

from expectations.columns import TRAIL_CHANGE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

STOP, DELETE, START, CREATE, SELECT = "StopLogging", "DeleteTrail", "StartLogging", "CreateTrail", "PutEventSelectors"
FIELDS_DDL = TRAIL_CHANGE.removeprefix("struct<").removesuffix(">").replace(":", " ").replace(",", ", ")
FIELDS = tuple(field.split()[0] for field in FIELDS_DDL.split(","))

_SOURCE = "cloudtrail.amazonaws.com"
_LONGEST_NAME = 1024  # AWS's own stay below 128, in an ARN below 256
# AWS's own advice is to leave these out where they are many (*Logging management events*); any other exception hides somebody.
_NOISE = frozenset({"kms.amazonaws.com", "rdsdata.amazonaws.com"})
_TRUTHS = {"true": True, "false": False}
_BOTH, _NEITHER = (True, True), (False, False)
_KINDS = {"all": _BOTH, "readonly": (True, False), "writeonly": (False, True)}
_Kinds = tuple[bool, bool]


class Change(NamedTuple):
    """What a trail logs of the management events after a call: those that only read, and the others."""

    trail_name: str | None
    logs_reads: bool
    logs_writes: bool


def find_trail_changes(events: DataFrame) -> DataFrame:
    """Return the successful calls (CLOUDTRAIL_EVENTS) that stop or resume logging: coverage_date, and the fields of a TRAIL_CHANGE.

    A call whose effect its parameters do not tell (CloudTrail leaves them out above 100 kB) is not among them.
    """
    calls = events.where(
        (F.col("event_source") == F.lit(_SOURCE))
        & F.col("event_name").isin(STOP, DELETE, START, CREATE, SELECT)
        & (F.col("outcome") == F.lit("success"))
    ).select(
        F.col("event_date").alias("coverage_date"),
        "event_id",
        "event_at",
        F.col("recipient_account_id").alias("account_id"),
        "region",
        "event_name",
        "request_parameters",
    )

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            asked = zip(batch["event_name"].to_pylist(), batch["request_parameters"].to_pylist(), strict=True)
            changes = [change(*each) for each in asked]
            found = [each or Change(None, *_NEITHER) for each in changes]
            columns = {
                **{name: batch[name] for name in ("coverage_date", "event_id", "event_at", "account_id", "region")},
                "trail_name": pa.array([each.trail_name for each in found], pa.string()),
                "event_name": batch["event_name"],
                "logs_reads": pa.array([each.logs_reads for each in found], pa.bool_()),
                "logs_writes": pa.array([each.logs_writes for each in found], pa.bool_()),
            }
            told = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
            yield told.filter(pa.array([each is not None for each in changes], pa.bool_()))

    return calls.mapInArrow(read, f"coverage_date date, {FIELDS_DDL}")


def change(event_name: str, request_parameters: str | None) -> Change | None:
    """Return what a trail logs after a successful call; None where the parameters do not say.

    `PutEventSelectors` puts its selectors in the place of those before, so what they name together is all that is logged. A
    selector that takes only some services, users or calls, or leaves some out (but for KMS and the RDS data API, which are many),
    takes neither all reads nor all writes: who leaves one caller out hides that caller.
    """
    asked = _document(request_parameters)
    name = _trail_name(asked)
    if event_name in (STOP, DELETE):
        return Change(name, *_NEITHER)
    if event_name in (START, CREATE):
        return Change(name, *_BOTH)
    kinds = _selected(asked)
    return None if kinds is None else Change(name, *kinds)


def _document(text: str | None) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _get(record: Mapping[str, Any], name: str) -> Any:
    """Return a field by its name, which the API writes with a capital and CloudTrail without."""
    return record.get(name, record.get(name[0].upper() + name[1:]))


def _trail_name(asked: Mapping[str, Any]) -> str | None:
    """Return the trail's name, of which the call may give the ARN."""
    name = _get(asked, "trailName") or _get(asked, "name")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        return None
    return name.rpartition(":trail/")[2] if name.startswith("arn:") else name


def _selected(asked: Mapping[str, Any]) -> _Kinds | None:
    for name, kinds_of in (("advancedEventSelectors", _kinds_of_advanced), ("eventSelectors", _kinds_of_basic)):
        selectors = _get(asked, name)
        if isinstance(selectors, list) and selectors:
            kinds = [kinds_of(each) if isinstance(each, dict) else None for each in selectors]
            known = [each for each in kinds if each is not None]
            if len(known) < len(kinds):
                return None
            return any(reads for reads, _ in known), any(writes for _, writes in known)
    return None


def _kinds_of_basic(selector: Mapping[str, Any]) -> _Kinds | None:
    """Return which management events a selector takes; both kinds where it does not say, as the API has it."""
    includes, kind = _get(selector, "includeManagementEvents"), _get(selector, "readWriteType")
    is_included = True if includes is None else _TRUTHS.get(str(includes).lower())
    if is_included is None:
        return None
    return _KINDS.get("all" if kind is None else str(kind).lower()) if is_included else _NEITHER


def _kinds_of_advanced(selector: Mapping[str, Any]) -> _Kinds | None:
    fields = _get(selector, "fieldSelectors")
    if not isinstance(fields, list) or not all(isinstance(each, dict) for each in fields):
        return None
    categories = [_values(each, "equals") for each in fields if _get(each, "field") == "eventCategory"]
    if not categories:
        return None
    if not any("Management" in values for values in categories):
        return _NEITHER
    only = [_values(each, "equals") for each in fields if _get(each, "field") == "readOnly"]
    others = [each for each in fields if _get(each, "field") not in ("eventCategory", "readOnly")]
    if not all(map(_leaves_out_noise, others)):
        return _NEITHER
    taken = set.intersection(*map(set, only)) if only else {"true", "false"}
    return "true" in taken, "false" in taken


def _values(field: Mapping[str, Any], operator: str) -> list[str]:
    values = _get(field, operator)
    return [str(each) for each in values] if isinstance(values, list) else []


def _leaves_out_noise(field: Mapping[str, Any]) -> bool:
    """Whether a condition does no more than leave out services that are noise."""
    names = {name[0].lower() + name[1:] for name, value in field.items() if name and value}
    is_noise = set(_values(field, "notEquals")) <= _NOISE
    return is_noise and _get(field, "field") == "eventSource" and names <= {"field", "notEquals"}
