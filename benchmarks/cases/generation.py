"""From parameters to a folder of logs and truth: every case in every organisation, ordinary life around it, quiet days after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.cases.book import Book, published_after
from benchmarks.cases.bucket import write_objects
from benchmarks.cases.company import Company, build_company
from benchmarks.cases.noise import live_around
from benchmarks.cases.parameters import Parameters
from benchmarks.cases.registry import NUMBERED
from benchmarks.cases.scene import MINUTE, Scene
from benchmarks.cases.truth import check_line, session_line
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import service_caller
from benchmarks.organisation.identifiers import seeded, uuid_text
from benchmarks.organisation.parameters import DAY_SECONDS, HOME_REGION

_QUIET_CALL = call("s3", "GetBucketAcl", {"bucketName": "acme-org-trail", "acl": ""}, version="1.11")
_QUIET_MINUTE = 5
Line = dict[str, Any]


@dataclass(frozen=True)
class Summary:
    """What was made."""

    parameters: Parameters
    records: int
    objects: int
    sessions: int
    checks: int


def generate(out: Path, parameters: Parameters) -> Summary:
    """Write `logs/cloudtrail`, `truth/sessions.jsonl`, `truth/checks.jsonl` and `truth/summary.json` below `out`.

    Raises FileExistsError where logs exist already: mixed logs would make the truth false.
    """
    logs, truth = out / "logs" / "cloudtrail", out / "truth"
    if logs.exists():
        raise FileExistsError(f"{logs} exists: give an empty folder")
    logs.mkdir(parents=True)
    truth.mkdir(parents=True, exist_ok=True)
    records = objects = sessions = checks = 0
    with (truth / "sessions.jsonl").open("wb") as session_lines, (truth / "checks.jsonl").open("wb") as check_lines:
        for number in range(1, parameters.organisations + 1):
            company = build_company(parameters.seed, number)
            scenes, book = play(company, parameters)
            rng = seeded(parameters.seed, "objects", number)
            objects += write_objects(logs, company.id, book.deliveries, rng)
            records += len(book.deliveries)
            sessions += _write(session_lines, (line for scene in scenes for line in sessions_of(scene)))
            checks += _write(check_lines, (line for scene in scenes for line in checks_of(scene)))
    summary = Summary(parameters, records, objects, sessions, checks)
    (truth / "summary.json").write_bytes(orjson.dumps(asdict(summary), option=orjson.OPT_INDENT_2))
    return summary


def play(company: Company, parameters: Parameters) -> tuple[list[Scene], Book]:
    """Play every case in an organisation; return the scenes, in order, and all that was delivered."""
    book = Book()
    scenes = []
    for number, case in NUMBERED:
        scene = Scene(number, company, parameters, book)
        case(scene)
        scenes.append(scene)
    live_around(company, parameters, book)
    own_accounts = [account for scene in scenes for account in scene.own_accounts]
    for account in (*company.accounts, *own_accounts):
        _stay_quiet(book, company, account, parameters)
    return scenes, book


def sessions_of(scene: Scene) -> list[Line]:
    """Return what is true of the sessions of a scene that was played."""
    return [session_line(scene.company.number, scene.number, each) for each in scene.expectations]


def checks_of(scene: Scene) -> list[Line]:
    """Return what else must hold after a scene that was played."""
    return [check_line(scene.company.number, scene.number, each) for each in scene.checks]


def _stay_quiet(book: Book, company: Company, account: str, parameters: Parameters) -> None:
    """Let CloudTrail look at its bucket once a day: an account's logs begin on the first day and go on to the last."""
    scene = Scene(0, company, parameters, book)
    scene.rng.seed(f"{parameters.seed}|quiet|{account}")
    service = service_caller("cloudtrail.amazonaws.com", account, HOME_REGION)
    first = parameters.start_at + _QUIET_MINUTE * MINUTE
    for at in range(first, parameters.end_at, DAY_SECONDS):
        record = scene.journal.record(service, _QUIET_CALL, at) | {"sharedEventID": uuid_text(scene.rng)}
        book.write(record, published_after(at))


def _write(lines: Any, documents: Iterable[Line]) -> int:
    count = 0
    for document in documents:
        lines.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
        count += 1
    return count
