"""What is asked of one finding at three in the morning. A local lake answers without Spark, whatever is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from expectations.tables import GUARDDUTY_FINDINGS, INVESTIGATIONS
from pipelines.investigate import accounts_of, answers_of, finding_of, newest_findings
from pipelines.night import Night

UNKNOWN = "no' OR 'a' = 'a\udcff"


@pytest.fixture
def night(ran, monkeypatch):
    def no_spark(_night: Night) -> Any:
        raise AssertionError("an answer that is there needs no Spark")

    monkeypatch.setattr(Night, "_begin_spark", no_spark)
    return Night(ran.settings)


@pytest.fixture
def story(ran):
    return json.loads((ran.organisation / "truth" / "story.json").read_text())["finding"]["id"]


def test_finding_of__is_the_newest_version(night, story):
    columns = ["account_id", "updated_at", "first_seen_at"]
    versions = night.lake.read_rows(GUARDDUTY_FINDINGS, columns, f"finding_id = '{story}'")
    found = finding_of(night, story)
    assert found is not None
    assert found["updated_at"] == max(version["updated_at"] for version in versions)
    assert {"finding_id": story, "account_id": versions[0]["account_id"]}.items() <= found.items()
    assert found["first_seen_at"].utcoffset().total_seconds() == 0


def test_finding_of__takes_what_is_asked_for_as_text(night):
    assert finding_of(night, UNKNOWN) is None


def test_newest_findings__are_those_updated_last(night):
    rows = night.lake.read_rows(GUARDDUTY_FINDINGS, ["finding_id", "updated_at"])
    updated = {
        id_: max(row["updated_at"] for row in rows if row["finding_id"] == id_)
        for id_ in {r["finding_id"] for r in rows}
    }
    in_order = sorted(updated, key=lambda id_: (-updated[id_].timestamp(), id_))
    assert len(in_order) > 2
    assert newest_findings(night, 2) == in_order[:2]
    assert newest_findings(night, 100) == in_order


def test_accounts_of__are_the_findings_own_and_those_it_was_led_to(night, story):
    [made] = night.lake.read_rows(INVESTIGATIONS, ["document"], f"finding_id = '{story}'")
    led_to = {account["account_id"] for account in json.loads(made["document"])["logs"]["accounts"]}
    own = finding_of(night, story)["account_id"]
    assert accounts_of(night, finding_of(night, story)) == led_to | {own}
    assert len(led_to) > 1
    assert accounts_of(night, {"finding_id": UNKNOWN, "account_id": own}) == {own}


def test_answers_of__are_those_of_the_investigation(night, story):
    [made] = night.lake.read_rows(
        INVESTIGATIONS,
        ["investigation_id", "who", "report_uri", "severity", "logs_complete_to_at"],
        f"finding_id = '{story}'",
    )
    answers = answers_of(night, finding_id=story)
    assert (answers["Who was behind it?"], answers["Report"]) == (made["who"], made["report_uri"])
    elsewhere = Night(night.settings.model_copy(update={"reports": "/elsewhere"}))
    assert answers_of(elsewhere, finding_id=story)["Report"] == f"file:///elsewhere/{Path(made['report_uri']).name}"
    assert answers["Severity"].startswith(made["severity"])
    assert answers["The logs are complete up to"] == f"{made['logs_complete_to_at']:%Y-%m-%d %H:%M:%S} UTC"
    assert answers_of(night, investigation_id=made["investigation_id"]) == answers
    assert answers_of(night, finding_id=UNKNOWN) == {}
