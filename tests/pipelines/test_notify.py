"""The webhook: what it is told of, and that it neither fails a night nor is named anywhere. Its server is on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import jsonschema
import pytest
import urllib3

from expectations.tables import INVESTIGATIONS
from pipelines import commands, jobs, notify
from pipelines.assets.investigations import _noting
from pipelines.lock import LakeHeldError, lake_lock
from pipelines.night import Night
from pipelines.preflight import WRONG_USE
from pipelines.run import Outcome
from pipelines.settings import Settings, load_settings
from tests.builders import row
from tests.transforms.investigations.cases import document

pytestmark = pytest.mark.filterwarnings("default")
SECRET = "T000-secret"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "notification.schema.json").read_text(encoding="utf-8"))
FAST = notify._RETRY.new(backoff_factor=0)


class Webhook(HTTPServer):
    """Keeps what it was sent; answers with the next of `statuses`, the last one from then on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.statuses = [204]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), json.loads(body)))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("Retry-After", "3600")
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def investigation(severity: str = "HIGH", **overrides: Any) -> dict[str, Any]:
    told = {
        "who": "alice",
        "what_else": "StopLogging",
        "consistency": "No",
        "gaps": "none",
        "report_uri": "file:///r/1.html",
    }
    return row(INVESTIGATIONS, severity=severity, score=60.0, document=json.dumps(document()), **told, **overrides)


def settings(webhook: Webhook, **more: Any) -> Settings:
    return load_settings(webhook=webhook.url, **more)


def test_notify__posts_the_answers_and_the_link(webhook):
    told = notify.of_report(investigation())
    assert notify.notify(settings(webhook), [told]) is None
    [(headers, got)] = webhook.got
    assert (got["schema"], got["kind"], got["severity"]) == ("rolescope.notification/1", "report", "HIGH")
    assert got["answers"] == {"who": "alice", "what_else": "StopLogging", "consistency": "No", "gaps": "none"}
    assert (got["entity"]["name"], got["finding"]["finding_id"], got["report"]) == (
        "admin/sara",
        "finding-1",
        "file:///r/1.html",
    )
    assert (headers["Content-Type"], headers["Idempotency-Key"]) == ("application/json", got["id"])


def test_notifications__fit_their_schema():
    bare = json.loads(investigation()["document"]) | {"finding": None}
    made = [
        notify.of_report(investigation()),
        notify.of_report(investigation() | {"document": json.dumps(bare), "report_uri": None}),
        notify.of_failed_night("run-1", "/lake", ["no space left"]),
        notify.of_failed_night("run-1", "/lake", ["access denied"], "unread"),
    ]
    for each in made:
        jsonschema.Draft202012Validator(SCHEMA).validate(each)


def test_of_report__an_entity_without_a_finding_has_none():
    bare = json.loads(investigation()["document"]) | {"finding": None}
    assert notify.of_report(investigation() | {"document": json.dumps(bare)})["finding"] is None


def test_of_report__another_version_of_it_has_another_id():
    one, same, other = (notify.of_report(investigation(investigation_id=each)) for each in ("1", "1", "2"))
    assert one["id"] == same["id"] != other["id"]


def test_reports__only_what_is_severe_enough_is_noted(webhook):
    rows = [investigation(each) for each in ("INFORMATIONAL", "MEDIUM", "HIGH", "CRITICAL")]
    for least, count in (("HIGH", 2), ("medium", 3), ("CRITICAL", 1)):
        severe: list[dict[str, Any]] = []
        night = Night(settings(webhook, webhook_severity=least))
        assert list(_noting(night, iter(rows), severe)) == rows
        assert len(severe) == count
        # The page that this run writes, wherever the lake's rows say that theirs was.
        assert {each["report"] for each in severe} == {(night.settings.report_folder / "1.html").resolve().as_uri()}
    beside = [investigation(finding_id=None)]  # its profiles say the same once more
    severe = []
    assert list(_noting(Night(settings(webhook)), iter(beside), severe)) == beside
    assert severe == []
    severe = []
    assert list(_noting(Night(load_settings()), iter(rows), severe)) == rows
    assert severe == []


def test_notify__tries_again_with_the_same_key_and_waits_no_longer_than_it_wants(webhook):
    webhook.statuses = [503, 429, 200]
    assert notify.notify(settings(webhook), [notify.of_report(investigation())], retry=FAST) is None
    assert len({headers["Idempotency-Key"] for headers, _ in webhook.got}) == 1
    assert len(webhook.got) == 3


@pytest.mark.parametrize(("status", "tries"), [(500, 4), (404, 1), (302, 1), (307, 1)])
def test_notify__a_webhook_that_refuses_is_a_sentence_and_what_follows_is_not_tried(webhook, caplog, status, tries):
    webhook.statuses = [status]
    caplog.set_level("DEBUG")
    said = notify.notify(settings(webhook), [notify.of_report(investigation())] * 3, retry=FAST)
    assert said == f"the webhook answers with status {status}: 3 of 3 notifications were not sent"
    assert len(webhook.got) == tries
    assert SECRET not in caplog.text


def test_notify__a_webhook_that_is_not_there_is_a_sentence_without_its_address(webhook, caplog):
    webhook.server_close()
    caplog.set_level("DEBUG")
    said = notify.notify(settings(webhook), [notify.of_report(investigation())], retry=FAST)
    assert said == "the webhook cannot be reached (NewConnectionError): 1 of 1 notifications were not sent"
    assert (SECRET in caplog.text, "127.0.0.1" in caplog.text) == (False, False)


def test_notify__goes_through_the_proxy_of_the_environment_but_not_to_this_machine(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    kinds = [
        type(notify._client(url, FAST)) for url in ("https://a.example", "https://inside.example", "http://localhost/")
    ]
    assert kinds == [urllib3.ProxyManager, urllib3.PoolManager, urllib3.PoolManager]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://hooks.example/T000-secret", "http is for this machine only (127.0.0.1, localhost): use https"),
        ("ftp://hooks.example/T000-secret", "write it as https://host/path"),
        ("T000-secret", "write it as https://host/path"),
        ("https://me:T000-secret@hooks.example/", "a user and password before the host would not be sent"),
        ("https://[T000-secret", "not an address"),
    ],
)
def test_settings__a_wrong_webhook_is_refused_without_showing_it(said, monkeypatch, url, sentence):
    monkeypatch.setenv("ROLESCOPE_WEBHOOK", url)
    assert said("status") == (WRONG_USE, f"rolescope: setting webhook (ROLESCOPE_WEBHOOK): {sentence}")


@pytest.mark.parametrize(
    "url", ["https://hooks.example/x", "http://localhost:8/x", "http://[::1]/x", "http://127.1.2.3/"]
)
def test_settings__a_webhook_shows_itself_to_nobody(url):
    made = load_settings(webhook=url)
    assert made.webhook.get_secret_value() == url
    assert url not in repr(Night(made)) + str(made) + made.model_dump_json()


def test_settings__a_severity_that_there_is_not(said, monkeypatch):
    monkeypatch.setenv("ROLESCOPE_WEBHOOK_SEVERITY", "bad")
    status, text = said("status")
    assert (status, "ROLESCOPE_WEBHOOK_SEVERITY): 'BAD': input should be" in text) == (WRONG_USE, True)


def test_run_job__what_was_not_sent_is_left_out_of_a_night_that_ended_well(monkeypatch):
    def ran(night: Night, *_: Any) -> Outcome:
        night.warnings.append("the webhook …")
        return Outcome(succeeded=True, run_id="run-1", failures=())

    monkeypatch.setattr("pipelines.run.run_nightly", ran)
    monkeypatch.setattr(Night, "open_early", lambda _self: None)
    monkeypatch.setattr(commands, "_left_out", lambda _night, _run_id: [])
    assert commands.run_job(Settings(), None, None)[1] == ["the webhook …"]


def failed_run(instance: dg.DagsterInstance, tags: dict[str, str]) -> Any:
    @dg.op
    def break_it() -> None:
        raise OSError("no space left on /lake?token=abcdefghij")

    @dg.job
    def night() -> None:
        break_it()

    result = night.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    return dg.build_run_status_sensor_context(
        "failed_night", result.get_run_failure_event(), instance, result.dagster_run
    ).for_run_failure()


def test_failed_night__is_told_of_once_by_whoever_ran_it(webhook, monkeypatch):
    monkeypatch.setenv("ROLESCOPE_WEBHOOK", webhook.url)
    monkeypatch.setenv("ROLESCOPE_LAKE", "/lake")
    with dg.DagsterInstance.ephemeral() as instance:
        context = failed_run(instance, {})
        jobs.failed_night(context)
        jobs.failed_night(failed_run(instance, {jobs.PROCESS_TAG: "1"}))
    [(_, got)] = webhook.got
    assert (got["kind"], got["id"], got["lake"]) == ("failed_night", context.dagster_run.run_id, "/lake")
    assert got["failures"] == ["no space left on /lake?token=[removed]"]


def test_run_nightly__tells_of_its_own_failure(webhook, monkeypatch, dagster_home, tmp_path):
    from pipelines.run import run_nightly  # noqa: PLC0415

    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "cloudtrail_events").write_text("in the way")
    night = Night(settings(webhook, lake=str(tmp_path / "lake")))
    outcome = run_nightly(night, jobs.this_day(), jobs.this_day())
    [(_, got)] = webhook.got
    assert (got["run_id"], tuple(got["failures"])) == (outcome.run_id, outcome.failures)
    webhook.statuses = [404]
    run_nightly(night, jobs.this_day(), jobs.this_day())
    assert night.warnings == ["the webhook answers with status 404: 1 of 1 notifications were not sent"]


def test_run_nightly__a_night_that_could_not_begin_is_told_of_too(webhook, tmp_path):
    from pipelines.run import run_nightly  # noqa: PLC0415

    night = Night(settings(webhook, lake=str(tmp_path), lock_wait_minutes=0))
    with lake_lock(str(tmp_path), "upkeep", night.progress, 0), pytest.raises(LakeHeldError) as stop:
        run_nightly(night, jobs.this_day(), jobs.this_day())
    [(_, got)] = webhook.got
    assert (got["kind"], got["run_id"], got["failures"]) == ("failed_night", None, [str(stop.value)])
    jsonschema.Draft202012Validator(SCHEMA).validate(got)


@pytest.mark.parametrize(("has_succeeded", "told"), [(True, ["run-1"]), (False, [])])
def test_run_nightly__a_lake_that_was_lost_is_told_of_unless_the_run_has_failed_and_told_so(
    webhook, monkeypatch, has_succeeded, told
):
    from pipelines import run  # noqa: PLC0415

    @contextmanager
    def losing(_night: Night, _what: str) -> Iterator[None]:
        yield
        raise LakeHeldError("taken over")

    monkeypatch.setattr(Night, "writing", losing)
    monkeypatch.setattr(run, "_run", lambda *_: Outcome(succeeded=has_succeeded, run_id="run-1", failures=()))
    with pytest.raises(LakeHeldError):
        run.run_nightly(Night(settings(webhook)), jobs.this_day(), jobs.this_day())
    assert [got["run_id"] for _, got in webhook.got] == told
