"""The report that the whole job makes of the story, in a real browser, held against the truth and against other scopes made anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from pipelines.assets.investigations import sources_of
from pipelines.night import Night
from tests.pipelines.conftest import Ran
from tests.pipelines.report.browsing import launched, open_page, rows_of
from transforms.investigations import build_investigations, days_needed
from transforms.investigations.profiles import REQUEST

# Warnings of Dagster and Great Expectations about themselves are not ours to raise.
pytestmark = pytest.mark.filterwarnings("default")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def truth(ran: Ran) -> Row:
    told: Row = json.loads((ran.organisation / "truth" / "story.json").read_text(encoding="utf-8"))["finding"]
    return told


@pytest.fixture(scope="module")
def report(ran: Ran, truth: Row) -> Path:
    return ran.settings.report_folder / f"{truth['id']}.html"


@pytest.fixture(scope="module")
def document(report: Path) -> Row:
    told: Row = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    return told


def test_report__tells_the_story(browser: Browser, report: Path, document: Row) -> None:
    with open_page(browser, report) as page:
        answers = page.locator("#answers").inner_text()
        assert "sara (federated user) was behind" in answers
        assert "AttachRolePolicy by DemoRole1/sara failed" in answers
        for sentences in document["answers"].values():
            assert all(" ".join(sentence["text"].split()) in " ".join(answers.split()) for sentence in sentences)
        assert page.locator("svg.lanes").count() == 1
        places = document["behaviour"]["geolocations"]
        assert page.locator("svg.world .place.fresh").count() == sum(row["is_new"] for row in places)
        assert page.locator("svg.world .place.known").count() == sum(not row["is_new"] for row in places)
        assert places
        for section in (
            "indicators",
            "overview",
            "chain",
            "timeline",
            "volume",
            "drilldown",
            "behaviour",
            "interaction",
            "logs",
        ):
            assert page.locator(f"#{section}").count() == 1
    assert report.stat().st_size < 600_000


def test_report__leads_to_what_the_person_did_through_every_role(browser: Browser, report: Path, document: Row) -> None:
    start, end = (document["scope"][name][:13] for name in ("start_at", "end_at"))
    earlier = (datetime.fromisoformat(start) - timedelta(hours=5)).strftime("%Y-%m-%dT%H")
    [root] = [each for each in document["profiles"] if each["kind"] == "root"]
    with open_page(browser, report, f"#scope={earlier}/{end}") as page:
        page.locator(f'a[href*="{root["page"]}.html"]').first.click()
        page.wait_for_load_state()
        assert page.locator("h1").inner_text() == "Root principal sara"
        assert f"scope={earlier}/{end}" in page.url
        assert "DemoRole1" in page.locator("#answers").inner_text()


@pytest.mark.parametrize("moved", [(6, 130), (0, 30)], ids=["nearly a week", "the whole day"])
def test_scope__moved_in_the_page_says_what_an_investigation_of_those_hours_says(
    browser: Browser, ran: Ran, report: Path, document: Row, moved: tuple[int, int]
) -> None:
    """The lists of new behaviour of the session itself; sessions chained from it are those of the page's own scope."""
    back, hours = moved
    own = datetime.fromisoformat(document["scope"]["start_at"].replace("Z", "+00:00")).astimezone(UTC)
    start = own.replace(hour=0) - timedelta(days=back)
    end = start + timedelta(hours=hours)
    made_anew = _investigated(ran, document["entity"], start, end)
    with open_page(browser, report, f"#scope={start:%Y-%m-%dT%H}/{end:%Y-%m-%dT%H}") as page:
        for panel in ("geolocations", "api_calls", "asos", "user_agents"):
            shown = {
                row["value"]: (row["ok"], row["failed"], row["statuses"])
                for row in rows_of(page, panel)
                if row["entity"] == 0
            }
            levels = ("session", "role", "root", "account")
            assert shown == {
                row["value"]: (
                    f"{row['success_count']:,}",
                    f"{row['failed_count']:,}",
                    [row[level]["status"] if row[level] else "none" for level in levels],
                )
                for row in made_anew["behaviour"][panel]
                if row["is_subject"]
            }, panel


def _investigated(ran: Ran, entity: Row, start: datetime, end: datetime) -> Row:
    night = Night(ran.settings)
    asked = night.lake.spark.createDataFrame(
        [(entity["kind"], entity["id"], entity["account_id"], entity["role_arn"], start, end, [], True)], REQUEST
    )
    made = build_investigations(
        None, sources_of(night, days_needed(start, end)), settle=lambda frame: frame.localCheckpoint(), asked=asked
    )
    [row] = made.investigations.select("document").collect()
    told: Row = json.loads(row.document)
    assert any(each["is_subject"] for each in told["behaviour"]["api_calls"]), (
        "a scope with calls, or nothing is compared"
    )
    return told
