"""The whole job over a small generated organisation, held against the truth that was generated with it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expectations.tables import (
    CHAIN_EDGES,
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_SESSIONS,
    INGEST_FILES,
    INVESTIGATIONS,
    LOG_COVERAGE,
    LOG_DIGESTS,
    PRINCIPAL_BASELINES,
    SESSION_USAGE,
    TABLES,
)
from pipelines.lake import Lake
from pipelines.night import Night
from pipelines.run import run_nightly
from tests.pipelines.conftest import FIRST, LAST, Ran

if TYPE_CHECKING:
    pass

# Warnings of Dagster and Great Expectations about themselves are not ours to raise.
pytestmark = pytest.mark.filterwarnings("default")


def test_nightly__succeeds(ran: Ran) -> None:
    assert ran.outcome.failures == ()
    assert ran.outcome.succeeded


def test_nightly__every_event_is_there_once(ran: Ran) -> None:
    summary = json.loads((ran.organisation / "truth" / "summary.json").read_text(encoding="utf-8"))
    assert ran.lake.read(CLOUDTRAIL_EVENTS).count() == summary["distinct_events"]


def test_nightly__what_is_not_for_us_is_counted(ran: Ran) -> None:
    skipped = ran.lake.read(INGEST_FILES).where("status = 'skipped'").groupBy("source").count().collect()
    assert {row.source for row in skipped} == {"cloudtrail-insight"}


def test_nightly__every_digest_is_there_and_no_hour_is_missing(ran: Ran) -> None:
    """The organisation's trail logs throughout; the one that the story stops is another, which the digests show."""
    written = [path.name for path in (ran.organisation / "logs").rglob("*_CloudTrail-Digest_*")]
    found = ran.lake.read(LOG_DIGESTS).collect()
    assert sorted(row.object_key.rsplit("/", 1)[1] for row in found) == sorted(written)
    coverage = ran.lake.read(LOG_COVERAGE)
    assert coverage.where("size(gap_hours) > 0").collect() == []
    [stop] = coverage.where("size(trail_changes) > 0").collect()
    assert [(each.event_name, each.trail_name) for each in stop.trail_changes] == [("StopLogging", "demo-trail-2")]
    objects = ran.lake.read(INGEST_FILES).where("source = 'cloudtrail'").count()
    assert coverage.agg({"file_count": "sum"}).collect()[0][0] == objects


def test_nightly__no_root_is_wrong(ran: Ran) -> None:
    """A resolved session leads to the root that truly was behind it; what is not resolved says why."""
    truth = _truth(ran.organisation)
    sessions = ran.lake.read(CREDENTIAL_SESSIONS).collect()
    found: Counter[tuple[str, str]] = Counter()
    wrong = []
    for session in sessions:
        true = truth.get((session.principal_id, session.started_at.isoformat() if session.started_at else None))
        if true is None or session.attribution_status != "resolved":
            assert session.attribution_status == "resolved" or session.attribution_reason
            continue
        if session.root_id == true["root_id"] and session.chain_depth == true["chain_depth"]:
            found[true["case"], "right"] += 1
        else:
            wrong.append((true["case"], session.root_id, true["root_id"], session.chain_depth, true["chain_depth"]))
    assert wrong == []
    assert {case for case, _ in found} >= {"story_sso", "story_chain", "user_assumes", "ec2", "ci_oidc", "console"}


def test_nightly__edges_usage_and_baselines_follow_the_sessions(ran: Ran) -> None:
    lake = ran.lake
    sessions = lake.read(CREDENTIAL_SESSIONS)
    edges = lake.read(CHAIN_EDGES)
    assert edges.count() == sessions.where("attribution_method IS NOT NULL").count()
    used = lake.read(SESSION_USAGE).where("credential_session_id IS NOT NULL")
    assert used.join(sessions, on="credential_session_id", how="left_anti").isEmpty()
    assert not lake.read(PRINCIPAL_BASELINES).where("principal_kind = 'root'").isEmpty()


def test_nightly__tells_the_story(ran: Ran) -> None:
    """DETECTIVE §1, in the report of its finding."""
    story = json.loads((ran.organisation / "truth" / "story.json").read_text(encoding="utf-8"))["finding"]
    [row] = ran.lake.read(INVESTIGATIONS).where(f"finding_id = '{story['id']}'").collect()
    for told in ("sara", "AWSReservedSSO_AdministratorAccess_598c5f73f8b2b4e5"):
        assert told in row.who
    for told in (
        "StopLogging and AssumeRole",
        "DemoRole1/sara",
        "DescribeInstances",
        "RunInstances",
        "AttachRolePolicy",
    ):
        assert told in row.what_else
    assert "StopLogging (new for the whole account" in row.consistency
    page = ran.settings.report_folder / f"{story['id']}.html"
    assert "demo-trail-2" in page.read_text(encoding="utf-8")
    assert page.name in (ran.settings.report_folder / "index.html").read_text(encoding="utf-8")


def test_nightly__again_changes_nothing_and_reads_nothing(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {table.name: ran.lake.version(table) for table in TABLES}
    monkeypatch.setattr("pipelines.sources.listing.read_object", _unexpected)
    assert run_nightly(Night(ran.settings), FIRST, LAST).succeeded
    again = Lake(ran.lake.uri, lambda: ran.lake.spark)
    assert {table.name: again.version(table) for table in TABLES} == before


def _unexpected(uri: str) -> bytes:
    raise AssertionError(f"{uri} was read again")


def _truth(organisation: Path) -> dict[tuple[str, str], dict[str, object]]:
    lines = (organisation / "truth" / "sessions.jsonl").read_text(encoding="utf-8").splitlines()
    sessions = [json.loads(line) for line in lines]
    return {(session["principal_id"], session["started_at"].removesuffix("Z")): session for session in sessions}
