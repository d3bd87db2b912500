"""Investigations of findings, in one pass for all of them, and their reports."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` itself.
from collections.abc import Iterator
from datetime import date
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from expectations.contract import Table
from expectations.tables import (
    API_CALL_VOLUME_HOURLY,
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_ISSUANCES,
    CREDENTIAL_SESSIONS,
    GUARDDUTY_FINDINGS,
    INGEST_FILES,
    INTERFACE_CHANGES,
    INVESTIGATION_INDICATORS,
    INVESTIGATIONS,
    LOG_COVERAGE,
    PRINCIPAL_ACTIVITY_DAILY,
    PRINCIPAL_BASELINES,
    ROLE_ASSUMPTIONS,
    ROLE_SESSIONS,
    SESSION_USAGE,
    VPC_FLOWS,
)
from pipelines.folder_log import ChangesGoneError
from pipelines.lake import Lake
from pipelines.night import Night
from pipelines.notify import is_told_of, notify, of_report
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import Candidate, Made, table_asset
from pipelines.report import write_reports
from pipelines.report.files import consumed_version, page_of, remember_version, remove_reports
from pipelines.settings import FIRST_DAY
from transforms.findings import only_newest
from transforms.investigations import DaysNeeded, Sources, build_investigations, days_needed, only_due, with_scope
from transforms.investigations.links import report_name

_LINKS = 20
_CONTEXT = "context"  # fact of the table: the digest of the context file that its rows were made with


@table_asset(
    INVESTIGATIONS,
    INVESTIGATION_INDICATORS,
    upstream=[
        GUARDDUTY_FINDINGS,
        CLOUDTRAIL_EVENTS,
        SESSION_USAGE,
        CREDENTIAL_SESSIONS,
        CREDENTIAL_ISSUANCES,
        PRINCIPAL_ACTIVITY_DAILY,
        API_CALL_VOLUME_HOURLY,
        PRINCIPAL_BASELINES,
        ROLE_SESSIONS,
        ROLE_ASSUMPTIONS,
        INGEST_FILES,
        LOG_COVERAGE,
        VPC_FLOWS,
        INTERFACE_CHANGES,
    ],
    partitions=PUBLISH_DAYS,
    facts=lambda night: {_CONTEXT: night.context.digest},
)
def investigations(night: Night) -> Made:
    """Findings that logs which came since may say something new about, and all that stand near a finding that changed.

    All of them where the context file says something else than last time.
    """
    since = _earliest_news(night)
    findings = only_newest(night.lake.read(GUARDDUTY_FINDINGS))
    due = _still_told(night, only_due(with_scope(findings), since)).localCheckpoint()
    asked = only_due(asked_before(night), since)
    cut = night.lake.expired_before(CLOUDTRAIL_EVENTS)
    asked = (asked if cut is None else asked.where(F.col("scope_start_at") >= F.lit(cut))).localCheckpoint()
    scopes = due.select("scope_start_at", "scope_end_at").unionByName(asked.select("scope_start_at", "scope_end_at"))
    first, last = scopes.agg(F.min("scope_start_at"), F.max("scope_end_at")).collect()[0]
    if first is None:
        return {
            table.name: Candidate(night.lake.read(table).limit(0), by_key=True)
            for table in (INVESTIGATIONS, INVESTIGATION_INDICATORS)
        }
    night.progress.tell("investigations", f"{due.count():,} findings and what stands beside them")
    made = build_investigations(
        due,
        sources_of(night, days_needed(first, last)),
        settle=lambda frame: frame.localCheckpoint(),
        report_folder=night.settings.report_folder.resolve().as_uri(),
        asked=asked,
        context=night.context,
    )
    concerned = _concerned(night, due).unionByName(made.investigations.select("investigation_id")).distinct()
    return {
        INVESTIGATIONS.name: Candidate(made.investigations, only_of=concerned),
        INVESTIGATION_INDICATORS.name: Candidate(made.indicators, only_of=concerned),
    }


@dg.multi_asset(
    name="reports",
    specs=[
        dg.AssetSpec(
            "reports",
            deps=[dg.AssetKey(INVESTIGATIONS.name), dg.AssetKey(INVESTIGATION_INDICATORS.name)],
            description="One self-contained HTML page and one JSON document per finding, and an index of them.",
            group_name="investigations",
            kinds={"html"},
        )
    ],
    partitions_def=PUBLISH_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="spark",
)
def reports(night: dg.ResourceParam[Night]) -> Iterator[dg.MaterializeResult[None]]:
    """Write the reports of the investigations that changed; all of them into a folder that has none."""
    folder = night.settings.report_folder
    written = write_changed(night)
    pages = written.pages
    night.progress.finished("reports", f"{len(pages):>10,} pages in {folder}")
    links = [f"- [{page.stem}]({page.resolve().as_uri()})" for page in pages[:_LINKS]]
    more = [f"- {len(pages) - _LINKS:,} more in the index"] if len(pages) > _LINKS else []
    yield dg.MaterializeResult(
        metadata={
            "index": dg.MetadataValue.url((folder / "index.html").resolve().as_uri()),
            "reports written": len(pages),
            "notifications": written.unsent or written.sent_count,
            "reports": dg.MetadataValue.md("\n".join([*links, *more]) or "none"),
        }
    )


class Written(NamedTuple):
    """The pages written, how many reports the webhook was told of, and a sentence if it could not be told of some."""

    pages: list[Path]
    sent_count: int
    unsent: str | None


def write_changed(night: Night) -> Written:
    """Write the pages of the investigations that changed since the folder's were written, and tell the webhook of severe ones."""
    folder, lake = night.settings.report_folder, night.lake
    version, table_id = lake.version(INVESTIGATIONS), lake.table_id(INVESTIGATIONS)
    since = consumed_version(folder, table_id)
    try:
        is_changed = lake.has_changes(INVESTIGATIONS, since)
    except ChangesGoneError:  # the folder was not used for long: all of its pages are written
        is_changed, since = True, -1
    changed = _changed_since(lake, since) if is_changed else ()
    if is_changed and since > -1:
        remove_reports(_gone_since(lake, since), folder)
    severe: list[dict[str, Any]] = []
    pages = write_reports(_noting(night, (row.asDict() for row in changed), severe), folder)
    unsent = notify(night.settings, severe, lambda said: night.progress.tell("reports", said))
    night.warnings += [unsent] if unsent else []
    remember_version(folder, table_id, version)
    return Written(pages, len(severe), unsent)


def asked_before(night: Night) -> DataFrame:
    """Return the profiles that people asked for, as `profiles.REQUEST`: they are kept up to date like those of findings."""
    asked = night.lake.read(INVESTIGATIONS).where("is_asked")
    document = {name: F.get_json_object("document", f"$.entity.{name}") for name in ("account_id", "role_arn")}
    return asked.select(
        "entity_kind", "entity_id", *[column.alias(name) for name, column in document.items()], "scope_start_at",
        "scope_end_at", F.array().cast("array<string>").alias("beside_finding_ids"), "is_asked",
    )  # fmt: skip


def _still_told(night: Night, due: DataFrame) -> DataFrame:
    """Leave out what was investigated when its logs were still there: of a scope that has expired nothing better will be found."""
    cut = night.lake.expired_before(CLOUDTRAIL_EVENTS)
    if cut is None:
        return due
    told = night.lake.read(INVESTIGATIONS).where("finding_id IS NOT NULL")
    told = told.select("finding_id", F.col("finding_updated_at").alias("updated_at")).distinct()
    has_expired = F.col("scope_start_at") < F.lit(cut)
    untold = due.where(has_expired).join(told, on=["finding_id", "updated_at"], how="left_anti")
    return due.where(~has_expired).unionByName(untold)


def _concerned(night: Night, due: DataFrame) -> DataFrame:
    """Return what was written of these findings and beside them, and may have to go: a new version has another scope."""
    made = night.lake.read(INVESTIGATIONS).where(~F.col("is_asked"))
    finding = F.explode_outer(
        F.when(F.col("finding_id").isNull(), F.col("beside_finding_ids")).otherwise(F.array("finding_id"))
    )
    return (
        made.select("investigation_id", finding.alias("finding_id"))
        .join(due.select("finding_id"), on="finding_id", how="left_semi")
        .select("investigation_id")
    )


def _noting(night: Night, rows: Iterator[dict[str, Any]], severe: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Note what the webhook is told of while rows go by: only one document is in memory."""
    for row in rows:
        if is_told_of(row, night.settings):
            page = page_of(row["report_uri"], night.settings.report_folder)
            severe.append(of_report(row | {"report_uri": page.resolve().as_uri()}))
        yield row


def _gone_since(lake: Lake, version: int) -> Iterator[str]:
    """Return the names of the pages of profiles that are no more. A finding's page is of whatever version there is."""
    changes = lake.changes(INVESTIGATIONS, version, *INVESTIGATIONS.column_names)
    profiles = changes.where(F.col("finding_id").isNull()).select("investigation_id").distinct()
    gone = profiles.join(lake.read(INVESTIGATIONS), on="investigation_id", how="left_anti")
    return (report_name(None, row.investigation_id) for row in gone.toLocalIterator())


def _changed_since(lake: Lake, version: int) -> Iterator[Row]:
    ids = lake.changes(INVESTIGATIONS, version, *INVESTIGATIONS.column_names).select("investigation_id").distinct()
    changed = lake.read(INVESTIGATIONS).join(ids, on="investigation_id", how="left_semi")
    return changed.orderBy("report_uri").toLocalIterator()


def _earliest_news(night: Night) -> date | None:
    """Return the earliest day that something is known of now that was not when the table was written; null if there is none.

    What an investigation says ends at its horizon, so that findings whose horizon lies before this day stand as they are.
    """
    if night.fact(INVESTIGATION_INDICATORS, _CONTEXT) != night.context.digest:
        return FIRST_DAY
    news = [
        _touched(night, CLOUDTRAIL_EVENTS, "event_date"),
        _touched(night, CREDENTIAL_SESSIONS, "coalesce(started_at, first_event_at)"),
        _touched(night, GUARDDUTY_FINDINGS, "first_seen_at"),
        _touched(night, INGEST_FILES, "publish_date"),
        _touched(night, LOG_COVERAGE, "coverage_date"),
    ]
    day: date | None = reduce(DataFrame.unionByName, news).agg(F.min("day")).collect()[0][0]
    return min((each for each in (day, *_flow_days(night)) if each), default=None)


def _flow_days(night: Night) -> list[date | None]:
    """Return the days of new flows, and of new changes of interfaces: what their log says, no flow is read."""
    return [
        day for table in (VPC_FLOWS, INTERFACE_CHANGES) for day in night.touched_days(INVESTIGATION_INDICATORS, table)
    ]


def _touched(night: Night, table: Table, day: str) -> DataFrame:
    touched = night.lake.touched(table, night.since(INVESTIGATION_INDICATORS, table))
    return touched.select(F.to_date(F.expr(day)).alias("day"))


def sources_of(night: Night, days: DaysNeeded) -> Sources:
    """Read the days that are needed of each table; usage and sessions, which are looked at a score of times, once."""
    lake = night.lake
    sessions = lake.read(CREDENTIAL_SESSIONS).where(
        F.col("started_date").between(*map(F.lit, days.sessions)) | F.col("started_date").isNull()
    )
    return Sources(
        events=lake.read_between(CLOUDTRAIL_EVENTS, *days.events),
        usage=night.read_once(lake.read_between(SESSION_USAGE, *days.usage)),
        sessions=night.read_once(sessions),
        issuances=lake.read_between(CREDENTIAL_ISSUANCES, *days.issuances),
        activity=lake.read_between(PRINCIPAL_ACTIVITY_DAILY, *days.activity),
        volume=lake.read_between(API_CALL_VOLUME_HOURLY, *days.volume),
        baselines=lake.read(PRINCIPAL_BASELINES),
        role_sessions=lake.read(ROLE_SESSIONS),
        assumptions=lake.read(ROLE_ASSUMPTIONS),
        findings=lake.read(GUARDDUTY_FINDINGS),
        files=lake.read(INGEST_FILES),
        coverage=lake.read_between(LOG_COVERAGE, *days.coverage),
        flows=lake.read_between(VPC_FLOWS, *days.flows) if lake.version(VPC_FLOWS) else None,
        interface_changes=lake.read(INTERFACE_CHANGES) if lake.version(VPC_FLOWS) else None,
    )
