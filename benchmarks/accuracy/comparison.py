"""A lake's rows against the truth: which roots are right, wrong, missed. Pure: rows in, judgements out.

Belongs here: what counts as right. Does not: reading lakes, running the job, printing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]

RIGHT, WRONG, AMBIGUOUS, UNRESOLVED, MISSING = "right", "wrong", "ambiguous", "unresolved", "missing"
LEAST_RECALL = 0.995

SESSION_COLUMNS = (
    "credential_session_id",
    "principal_id",
    "role_id",
    "role_arn",
    "session_name",
    "account_id",
    "started_at",
    "event_count",
    "failed_count",
    "access_key_ids",
    "issuing_event_ids",
    "assumed_by_type",
    "assumed_by_id",
    "parent_session_id",
    "root_type",
    "root_id",
    "root_account_id",
    "chain_depth",
    "chain",
    "attribution_method",
    "attribution_status",
    "attribution_reason",
    "candidates",
    "source_identity",
    "session_tags",
    "used_after_expiry",
    "forward_access_count",
    "has_misleading_name",
    "has_role_loop",
)
ASSUMPTION_COLUMNS = ("role_arn", "assumed_by_type", "assumed_by_id", "success_count", "denied_count")
TABLES = {"credential_sessions": SESSION_COLUMNS, "role_assumptions": ASSUMPTION_COLUMNS}


@dataclass(frozen=True)
class Judged:
    """A session of the truth and what became of it.

    `verdict` is about the root: right and wrong are rows marked resolved; missing has no row of its own. `differences` are
    what else is not as it should be, in words.
    """

    truth: Row
    verdict: str
    row: Row | None = None
    differences: tuple[str, ...] = ()

    @property
    def is_missed(self) -> bool:
        """Whether the logs are enough for a root, and there is not the right one."""
        return bool(self.truth["knowable"]) and self.verdict != RIGHT

    @property
    def method(self) -> str | None:
        """How the row's session was bound."""
        return self.row["attribution_method"] if self.row else None


@dataclass(frozen=True)
class Checked:
    """A check of the truth, and what does not hold, in words."""

    check: Row
    differences: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """All judgements. Precision is over rows marked resolved, recall over knowable sessions; null where there are none."""

    sessions: tuple[Judged, ...]
    checks: tuple[Checked, ...] = ()

    def count(self, verdict: str) -> int:
        """Return how many sessions have a verdict."""
        return sum(each.verdict == verdict for each in self.sessions)

    @property
    def precision(self) -> float | None:
        """Return the share of right roots among those marked resolved."""
        return _share(self.count(RIGHT), self.count(RIGHT) + self.count(WRONG))

    @property
    def recall(self) -> float | None:
        """Return the share of right roots among those that can be known."""
        knowable = [each for each in self.sessions if each.truth["knowable"]]
        return _share(sum(not each.is_missed for each in knowable), len(knowable))

    @property
    def holds(self) -> bool:
        """Whether no root is wrong and nearly all that can be known are found."""
        return self.count(WRONG) == 0 and (self.recall is None or self.recall >= LEAST_RECALL)

    @property
    def is_exact(self) -> bool:
        """Whether, besides, every check holds and nothing else differs."""
        differs = [each.differences for each in self.sessions] + [each.differences for each in self.checks]
        return self.holds and not any(differs)


def judge(truths: Iterable[Row], checks: Iterable[Row], tables: Mapping[str, Sequence[Row]]) -> Result:
    """Hold the rows of a lake against the truth.

    Args:
        truths: lines of sessions.jsonl.
        checks: lines of checks.jsonl.
        tables: rows of the tables in `TABLES`, by table; times are aware.
    """
    indexes = {name: _Index(rows) for name, rows in tables.items()}
    sessions = indexes["credential_sessions"]
    claimed: dict[str, Row] = {}
    judged = tuple(_judge_session(truth, sessions, claimed) for truth in truths)
    return Result(judged, tuple(Checked(check, _check(check, indexes[check["table"]])) for check in checks))


@dataclass
class _Index:
    """Rows by the values of any column; a list counts under each of its members."""

    rows: Sequence[Row]
    by_column: dict[str, dict[Any, list[Row]]] = field(default_factory=dict)

    def where(self, column: str, value: Any) -> list[Row]:
        if column not in self.by_column:
            index = self.by_column[column] = defaultdict(list)
            for row in self.rows:
                for each in _members(row[column]):
                    index[each].append(row)
        return self.by_column[column].get(value, [])


def _members(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else (value,)


def _judge_session(truth: Row, sessions: _Index, claimed: dict[str, Row]) -> Judged:
    found = _rows_of(truth, sessions)
    if len(found) != 1:
        return Judged(truth, MISSING, differences=(f"{len(found)} rows are this session",))
    [row] = found
    first = claimed.setdefault(row["credential_session_id"], truth)
    if first is not truth:
        return Judged(truth, MISSING, row, (f"is one row with another session: {first['case']} {first['what']}",))
    return Judged(truth, _verdict(truth, row), row, tuple(_differences(truth, row, sessions)))


def _rows_of(wanted: Row, sessions: _Index) -> list[Row]:
    """Return the rows with this principal and second, and this key; without one the only row, or those without keys."""
    rows = [
        row for row in sessions.where("principal_id", wanted["principal_id"]) if _second(row) == wanted["started_at"]
    ]
    key = wanted["access_key_id"]
    if key is not None:
        return [row for row in rows if key in row["access_key_ids"]]
    return rows if len(rows) == 1 else [row for row in rows if not row["access_key_ids"]]


def _second(row: Row) -> str | None:
    started_at: datetime | None = row["started_at"]
    return None if started_at is None else f"{started_at:%Y-%m-%dT%H:%M:%SZ}"


def _verdict(truth: Row, row: Row) -> str:
    if row["attribution_status"] != "resolved":
        return AMBIGUOUS if row["attribution_status"] == "ambiguous" else UNRESOLVED
    is_right = truth["root_id"] is not None and _root(row) == _root(truth)
    return RIGHT if is_right else WRONG


def _root(row: Row) -> tuple[Any, Any]:
    return row["root_type"], row["root_id"]


def _differences(truth: Row, row: Row, sessions: _Index) -> Iterable[str]:
    """Say what else than the root is not as the truth has it. An empty list or a null in the truth is not compared."""
    yield from _unlike("status", row["attribution_status"], [truth["status"]])
    yield from _unlike("reason", row["attribution_reason"], truth["reasons"])
    yield from _unlike("method", row["attribution_method"], truth["methods"])
    if truth["status"] == "resolved" == row["attribution_status"]:
        yield from _unlike("root_account_id", row["root_account_id"], [truth["root_account_id"]])
        assumers = [(each["type"], each["id"]) for each in truth["assumed_by"]]
        yield from _unlike("assumed_by", (row["assumed_by_type"], row["assumed_by_id"]), assumers)
        yield from _unlike("chain_depth", row["chain_depth"], [truth["chain_depth"]])
        if truth["chain"] is not None:
            yield from _unlike("chain", row["chain"], [truth["chain"]])
        yield from _unlike("parent_session_id", row["parent_session_id"], [_parent_id(truth, sessions)])
    if truth["candidates"] is not None:
        yield from _unlike("candidates", _named(row["candidates"]), [_named(truth["candidates"])])
    for column, value in truth["facts"].items():
        yield from _unlike(column, row.get(column, "in no column"), [value])


def _unlike(what: str, got: Any, wanted: Sequence[Any]) -> Iterable[str]:
    if wanted and got not in wanted:
        yield f"{what} is {got}, not {' or '.join(str(each) for each in wanted)}"


def _named(principals: Sequence[Row] | None) -> list[tuple[str, str]]:
    return sorted((each["type"], each["id"]) for each in principals or ())


def _parent_id(truth: Row, sessions: _Index) -> str | None:
    if truth["parent"] is None:
        return None
    found = _rows_of(truth["parent"], sessions)
    return found[0]["credential_session_id"] if len(found) == 1 else "of a session that is not there"


def _check(check: Row, rows: _Index) -> tuple[str, ...]:
    (column, value), *others = check["where"].items()
    found = [row for row in rows.where(column, value) if all(each in _members(row[name]) for name, each in others)]
    differences = [] if len(found) == check["count"] else [f"{len(found)} rows, not {check['count']}"]
    for row in found:
        for name, wanted in check["facts"].items():
            differences += _unlike(name, row[name], [wanted])
    return tuple(differences)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
