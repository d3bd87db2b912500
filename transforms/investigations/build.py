"""From findings and tables to investigations: gather the evidence of all of them, then write each one's document."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.tables import INVESTIGATION_INDICATORS, INVESTIGATIONS
from transforms.investigations import surroundings
from transforms.investigations.addresses import build_addresses, build_visits
from transforms.investigations.context import EMPTY, Context
from transforms.investigations.deeds import build_deeds, since_scope
from transforms.investigations.explore import (
    DIMENSIONS,
    MOST_BRANCHES,
    MOST_VALUES,
    build_counted,
    build_series,
    build_tree,
    ranked,
    with_known,
)
from transforms.investigations.family import build_entities, build_family, build_tuples
from transforms.investigations.flows import panels_of_flows
from transforms.investigations.novelty import (
    LEVELS,
    build_history,
    build_levels,
    build_past,
    build_standing,
    build_values,
    with_novelty,
)
from transforms.investigations.panels import gather, names, panel
from transforms.investigations.principals import build_principals
from transforms.investigations.profiles import beside_findings, profile_subjects, requested
from transforms.investigations.related import build_related, build_shareable
from transforms.investigations.scope import with_scope
from transforms.investigations.subjects import find_subjects
from transforms.investigations.techniques import TECHNIQUES
from transforms.investigations.volume import build_account_calls, build_hourly, build_hours, build_windows
from transforms.investigations.writing import write_documents

Settle = Callable[[DataFrame], DataFrame]
"""Materialises a frame that is used many times: `lambda frame: frame.localCheckpoint()`."""


class Sources(NamedTuple):
    """Tables (by contract), cut by the caller to the days that `days_needed` names; the others are whole.

    A lake without flow logs has none of the last two.
    """

    events: DataFrame
    usage: DataFrame
    sessions: DataFrame
    issuances: DataFrame
    activity: DataFrame
    volume: DataFrame
    baselines: DataFrame
    role_sessions: DataFrame
    assumptions: DataFrame
    findings: DataFrame
    files: DataFrame
    coverage: DataFrame
    flows: DataFrame | None = None
    interface_changes: DataFrame | None = None


class Investigations(NamedTuple):
    """INVESTIGATIONS and INVESTIGATION_INDICATORS."""

    investigations: DataFrame
    indicators: DataFrame


def build_investigations(  # noqa: PLR0913, PLR0917
    findings: DataFrame | None,
    sources: Sources,
    settle: Settle = lambda frame: frame,
    report_folder: str | None = None,
    asked: DataFrame | None = None,
    context: Context = EMPTY,
) -> Investigations:
    """Return the investigations of findings, the profiles beside them, and those asked for, in one pass for all of them.

    Args:
        findings: GUARDDUTY_FINDINGS, one row (the newest version) each; null for profiles alone.
        sources: see `Sources`.
        settle: materialises what several panels use, and the written documents.
        report_folder: URI of the folder where reports will be; `report_uri` is null without it.
        asked: profiles that people asked for, see `profiles.REQUEST`.
        context: what the organisation says of itself.

    The same findings and rows give the same documents, byte for byte. Memory of the driver does not grow with either.
    """
    parts = _parts(findings, asked, sources, settle)
    subjects, family, window, entities = (reduce(DataFrame.unionByName, frames) for frames in zip(*parts, strict=True))
    deeds = since_scope(window)
    evidence = [
        *_of_chain(subjects, family, entities, sources),
        *_of_deeds(deeds),
        *_of_addresses(entities, window),
        *_of_behaviour(subjects, entities, window, sources, settle),
        *_of_surroundings(subjects, family, entities, deeds, sources),
        *panels_of_flows(subjects, family, sources.flows, sources.interface_changes, settle),
    ]
    written = settle(write_documents(gather(subjects, evidence), report_folder, context))
    investigations = written.drop("indicators")
    indicators = written.select("investigation_id", "finding_id", F.inline("indicators"))
    return Investigations(
        INVESTIGATIONS.conform(INVESTIGATIONS.columns_of(investigations)),
        INVESTIGATION_INDICATORS.conform(INVESTIGATION_INDICATORS.columns_of(indicators)),
    )


class _Part(NamedTuple):
    """What is investigated, the sessions it is about, what they did, and whose behaviour is looked at; all materialised."""

    subjects: DataFrame
    family: DataFrame
    window: DataFrame
    entities: DataFrame


def _parts(findings: DataFrame | None, asked: DataFrame | None, sources: Sources, settle: Settle) -> list[_Part]:
    """Return the findings' part, from which it is known what stands beside them, and the profiles'."""
    if findings is None:
        if asked is None:
            raise ValueError("nothing to investigate: neither findings nor profiles")
        return [_part(profile_subjects(asked), sources, settle)]
    of_findings = _part(find_subjects(with_scope(findings), sources.usage, sources.sessions), sources, settle)
    beside = beside_findings(of_findings.subjects, of_findings.entities, since_scope(of_findings.window))
    requests = beside if asked is None else requested(beside, asked)
    return [of_findings, _part(profile_subjects(requests), sources, settle)]


def _part(subjects: DataFrame, sources: Sources, settle: Settle) -> _Part:
    subjects = settle(subjects)
    family = settle(build_family(subjects, sources.usage, sources.sessions))
    tuples = build_tuples(subjects, family, sources.usage, sources.sessions)
    window = settle(build_deeds(subjects, tuples, sources.events, sources.usage))
    return _Part(subjects, family, window, settle(build_entities(subjects, family)))


_SESSION = names(
    "credential_session_id principal_type role_session_id principal_id role_arn role_name session_name "
    "account_id started_at expires_at first_event_at last_event_at event_count failed_count "
    "access_key_ids issuing_api issuing_event_ids assumed_by_type assumed_by_id assumed_by_name "
    "assumed_by_account_id parent_session_id root_type root_id root_name root_account_id chain_depth "
    "chain is_chained is_cross_account attribution_method attribution_confidence attribution_status "
    "attribution_reason candidates source_identity mfa_authenticated used_after_expiry binding_confidence "
    "top_session_id"
)

_OBSERVED = names(
    "role_session_id first_observed_at last_observed_at credential_session_count event_count failed_count relation"
)
_VALUE = names(
    "relation entity_id is_in_scope dimension value success_count failed_count first_at last_at event_ids "
    "source_ips latitude longitude"
)
_RELATED = names(
    "finding_id type title severity severity_label account_id region first_seen_at last_seen_at "
    "updated_at remote_ip shared addresses"
)
_NOTABLE = names(
    "event_id event_at account_id principal_id identity_arn api outcome error_code is_failed source_ip target"
)


def _of_chain(subjects: DataFrame, family: DataFrame, entities: DataFrame, sources: Sources) -> list[DataFrame]:
    near = _near("started_at")
    by_id = F.col("credential_session_id").asc()
    observed = surroundings.build_observed(entities, sources.sessions, sources.role_sessions)
    return [
        panel("family", family, [*_SESSION, "relation", "hops", "entity_id", "family_size"], [near, by_id], limit=500),
        panel("assumptions", surroundings.build_assumptions(subjects, sources.sessions), _SESSION, [near, by_id], limit=50),
        panel("involved", surroundings.build_involved(subjects, sources.sessions), _SESSION, [near, by_id], limit=50),
        panel(
            "role_sessions", observed,
            _OBSERVED,
            [F.col("relation").desc(), F.col("role_session_id").asc()], limit=50,
        ),
        panel(
            "entities", entities, names("entity_id entity_kind relation role_arn root_id account_id"),
            [F.col("relation").desc(), F.col("entity_id").asc()], limit=50,
        ),
        panel(
            "past_use", surroundings.build_past_use(entities, sources.sessions),
            names("entity_id started_date root_id session_count event_count failed_count"),
            [F.col("started_date").desc()], limit=50, per=("entity_id",),
        ),
        panel(
            "past_calls", surroundings.build_past_calls(entities, sources.activity),
            names("entity_id api success_count failed_count first_at last_at active_days"),
            [(F.col("success_count") + F.col("failed_count")).desc(), F.col("api").asc()], limit=25, per=("entity_id",),
        ),
    ]  # fmt: skip


def _of_deeds(deeds: DataFrame) -> list[DataFrame]:
    """What they did: the notable first, then what changes something, then the rest; the document puts it in order of time."""
    order = [
        F.col("api").isin(*TECHNIQUES).desc(),
        F.col("is_in_scope").desc(),
        F.coalesce("read_only", F.lit(False)).asc(),
        F.col("event_at").asc(),
        F.col("event_id").asc(),
    ]
    shown = names(
        "relation entity_id credential_session_id event_id event_at is_in_scope is_failed api region "
        "read_only outcome error_code error_message source_ip source_host user_agent city country_code aso "
        "access_key_id recipient_account_id invoked_by mfa_authenticated target is_management"
    )
    totals = deeds.groupBy("investigation_id", "relation", "entity_id", "is_in_scope").agg(
        F.count_if(~F.col("is_failed")).alias("success_count"),
        F.count_if("is_failed").alias("failed_count"),
        F.min("event_at").alias("first_at"),
        F.max("event_at").alias("last_at"),
    )
    return [
        panel("deeds", deeds, shown, order, limit=200),
        panel(
            "totals", totals, names("relation entity_id is_in_scope success_count failed_count first_at last_at"),
            [F.col("relation").desc(), F.col("entity_id").asc(), F.col("is_in_scope").desc()], limit=200,
        ),
    ]  # fmt: skip


def _of_addresses(entities: DataFrame, window: DataFrame) -> list[DataFrame]:
    place = "source_ip city country_code latitude longitude asn aso"
    return [
        panel(
            "addresses", build_addresses(since_scope(window)),
            names(f"entity_id is_in_scope {place} success_count failed_count first_at last_at event_ids"),
            [F.col("is_in_scope").desc(), F.col("first_at").asc(), F.col("source_ip").asc()], limit=1_000, per=("entity_id",),
        ),
        panel(
            "visits", build_visits(entities, window),
            names(f"entity_id {place} source_host invoked_by call_count first_at last_at event_ids"),
            [_near("last_at"), F.col("first_at").asc(), F.col("visit").asc()], limit=500, per=("entity_id",),
        ),
    ]  # fmt: skip


def _of_behaviour(
    subjects: DataFrame, entities: DataFrame, window: DataFrame, sources: Sources, settle: Settle
) -> list[DataFrame]:
    deeds = since_scope(window)
    levels = build_levels(entities)
    history = settle(build_history(sources.activity, sources.baselines, levels))
    values = with_novelty(build_values(deeds), levels, history)
    calls = (F.col("success_count") + F.col("failed_count")).desc()
    is_known = F.coalesce("session_is_recent", F.lit(False))
    known = [f"{level}_{what}" for level in LEVELS for what in ("first_at", "last_at", "is_recent")]
    hourly = build_hourly(entities, sources.volume)
    return [
        panel(
            "values", values,
            [*_VALUE, *known],
            [is_known.asc(), calls, F.col("value").asc()], limit=60, per=("entity_id", "is_in_scope", "dimension"),
        ),
        panel(
            "standing", build_standing(levels, history),
            names("entity_id level principal_kind principal_id first_at active_days since_at"),
            [F.col("entity_id").asc(), F.col("level").asc()], limit=200,
        ),
        panel(
            "hours", build_hours(hourly), names("relation entity_id hour_at success_count failed_count"),
            [_near("hour_at"), F.col("hour_at").asc()], limit=1_500, per=("entity_id",),
        ),
        panel(
            "windows", build_windows(hourly),
            names("relation entity_id api scope_count window_total window_total_of_squares window_most"),
            [F.col("scope_count").desc(), F.col("entity_id").asc(), F.col("api").asc()], limit=500,
        ),
        panel(
            "account_calls", build_account_calls(subjects, sources.volume), names("account_id api success_count failed_count"),
            [calls, F.col("api").asc()], limit=20,
        ),
        panel(
            "principals",
            build_principals(subjects, deeds, sources.sessions, build_past(sources.activity, sources.baselines)),
            names(
                "principal_kind principal_id role_arn root_type root_id root_name account_id success_count failed_count "
                "first_at last_at seen_first_at seen_last_at"
            ),
            [calls, F.col("principal_id").asc_nulls_last(), F.col("principal_kind").asc_nulls_last()], limit=100,
        ),
        *_of_window(window, hourly, levels, history, settle),
    ]  # fmt: skip


def _of_window(
    window: DataFrame, hourly: DataFrame, levels: DataFrame, history: DataFrame, settle: Settle
) -> list[DataFrame]:
    """What the page follows a moved scope with: the values with most calls, and the others in one sum."""
    most_calls = (F.col("calls").desc(), F.col("relation").desc(), F.col("entity_id").asc())
    counted = settle(build_counted(window))
    series, other_series = ranked(
        settle(build_series(counted, hourly)), [*most_calls, F.col("value").asc()], MOST_VALUES, per=("dimension",)
    )
    by_branch = [F.col(name).asc_nulls_last() for name in ("source_ip", "api", "access_key")]
    tree, other_branches = ranked(settle(build_tree(counted)), [*most_calls, *by_branch], MOST_BRANCHES)
    known = [f"{level}_known" for level in LEVELS]
    return [
        panel(
            "series", with_known(series, levels, history),
            names("entity_id dimension value hours latitude longitude source_ips calls") + known,
            [*most_calls, F.col("dimension").asc(), F.col("value").asc()], limit=len(DIMENSIONS) * MOST_VALUES,
        ),
        panel("series_rest", other_series, names("dimension hours rest_count"), [F.col("dimension").asc()], limit=20),
        panel(
            "tree", tree, names("entity_id source_ip api access_key hours"), [*most_calls, *by_branch], limit=MOST_BRANCHES,
        ),
        panel("tree_rest", other_branches, names("hours rest_count"), [F.col("rest_count").desc()], limit=1),
    ]  # fmt: skip


def _of_surroundings(
    subjects: DataFrame, family: DataFrame, entities: DataFrame, deeds: DataFrame, sources: Sources
) -> list[DataFrame]:
    accounts = surroundings.build_accounts(subjects, family)
    assumption = names(
        "role_arn assumed_by_type assumed_by_id assumed_by_name assumed_by_account_id first_at last_at "
        "success_count denied_count is_cross_account"
    )
    latest = [
        F.col("last_at").desc_nulls_last(),
        F.col("role_arn").asc(),
        F.col("assumed_by_type").asc(),
        F.col("assumed_by_id").asc(),
    ]
    return [
        panel(
            "assumers", surroundings.build_assumers(subjects, sources.issuances, sources.assumptions),
            assumption, latest, limit=50,
        ),
        panel(
            "assumed_roles", surroundings.build_assumed_roles(subjects, sources.issuances, sources.assumptions),
            assumption, latest, limit=50,
        ),
        panel(
            "refusals", surroundings.build_refusals(entities, sources.issuances),
            names("entity_id issued_at issuing_api outcome issued_role_arn issuing_event_ids"),
            [F.col("issued_at").asc(), F.col("action_id").asc()], limit=50,
        ),
        panel(
            "related",
            build_related(
                subjects, build_shareable(subjects, family, entities, deeds, sources.sessions), sources.findings
            ),
            _RELATED,
            [F.col("severity").desc(), F.col("first_seen_at").asc(), F.col("finding_id").asc()], limit=30,
        ),
        panel(
            "notable", surroundings.build_notable(accounts, sources.events),
            _NOTABLE,
            [_near("event_at"), F.col("event_at").asc(), F.col("event_id").asc()], limit=60,
        ),
        panel(
            "logs", surroundings.build_logs(accounts, sources.files),
            names("account_id from_at complete_to_at file_count rejected_file_count rejected_count"),
            [F.col("account_id").asc()], limit=50,
        ),
        panel(
            "log_gaps", surroundings.build_log_gaps(accounts, sources.coverage),
            names("account_id region coverage_date stopped_by stopped_hours unlinked_hours silent_hours"),
            [F.col("coverage_date").asc(), F.col("account_id").asc(), F.col("region").asc()], limit=500,
        ),
    ]  # fmt: skip


def _near(time: str) -> Column:
    """How far from the scope's start: what is nearest comes first."""
    return F.abs(F.unix_timestamp(time) - F.unix_timestamp("scope_start_at")).asc_nulls_last()
