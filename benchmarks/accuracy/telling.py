"""What `make accuracy` prints and writes: counts by case and by method, the two rates, and every session that is not right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.accuracy.comparison import (
    AMBIGUOUS,
    LEAST_RECALL,
    MISSING,
    RIGHT,
    UNRESOLVED,
    WRONG,
    Checked,
    Judged,
    Result,
    Row,
)
from benchmarks.cases.registry import CASES, NUMBERED

VERDICTS = (RIGHT, WRONG, AMBIGUOUS, UNRESOLVED, MISSING)
UNBOUND = "(not bound)"
_WIDE = 150


def document(result: Result) -> dict[str, Any]:
    """Return the result as JSON has it. Lists of single sessions hold every one."""
    return {
        "sessions": len(result.sessions),
        "knowable": sum(bool(each.truth["knowable"]) for each in result.sessions),
        **{verdict: result.count(verdict) for verdict in VERDICTS},
        "precision": result.precision,
        "recall": result.recall,
        "least_recall": LEAST_RECALL,
        "holds": result.holds,
        "by_case": {str(case): _counts(group) for case, group in _by(result.sessions, _case)},
        "by_method": {method: _counts(group) for method, group in _by(result.sessions, _method)},
        "wrong": [_session(each) for each in result.sessions if each.verdict == WRONG],
        "missed": [_session(each) for each in result.sessions if each.is_missed and each.verdict != WRONG],
        "different": [_session(each) for each in result.sessions if each.differences],
        "failed_checks": [
            {**each.check, "differences": each.differences} for each in result.checks if each.differences
        ],
    }


def tell(result: Result, console: Console) -> None:
    """Print the tables, then what is not right."""
    console.print(_table("case", result.sessions, _case, _named_case))
    console.print(_table("method", result.sessions, _method, str))
    missed = [each for each in result.sessions if each.is_missed and each.verdict != WRONG]
    _list("wrong, and marked resolved", [e for e in result.sessions if e.verdict == WRONG], _told, console)
    _list("could be known, and is not", missed, _told, console)
    others = [each for each in result.sessions if each.differences and not each.is_missed and each.verdict != WRONG]
    _list("otherwise not as it should be", others, lambda each: "; ".join(each.differences), console)
    failed = [each for each in result.checks if each.differences]
    _list("does not hold", failed, lambda each: "; ".join(each.differences), console)
    console.print(
        f"\nprecision {_percent(result.precision)} of {result.count(RIGHT) + result.count(WRONG):,} marked resolved, "
        f"recall {_percent(result.recall)} of {sum(bool(e.truth['knowable']) for e in result.sessions):,} that can be known "
        f"(at least {LEAST_RECALL:.1%}), {result.count(WRONG)} wrong, "
        f"{sum(bool(each.differences) for each in result.checks)} of {len(result.checks):,} checks do not hold"
    )


def _case(judged: Judged) -> int:
    return int(judged.truth["case"])


def _method(judged: Judged) -> str:
    return judged.method or UNBOUND


def _named_case(case: int) -> str:
    words = CASES[case - 1].__name__.split("_", 2)[2].replace("_", " ")
    return f"{case:>2} {words}"


def _by(sessions: Iterable[Judged], key: Callable[[Judged], Any]) -> Iterable[tuple[Any, list[Judged]]]:
    return ((value, list(group)) for value, group in groupby(sorted(sessions, key=key), key=key))


def _counts(group: Sequence[Judged]) -> dict[str, int]:
    verdicts = Counter(each.verdict for each in group)
    return {
        "sessions": len(group),
        "found": len(group) - verdicts[MISSING],
        **{verdict: verdicts[verdict] for verdict in VERDICTS},
        "knowable": sum(bool(each.truth["knowable"]) for each in group),
        "missed": sum(each.is_missed for each in group),
        "different": sum(bool(each.differences) for each in group),
    }


def _table(title: str, sessions: Sequence[Judged], key: Callable[[Judged], Any], name: Callable[[Any], str]) -> Table:
    table = Table(title, box=None, header_style="bold", pad_edge=False)
    columns = ("sessions", "found", RIGHT, WRONG, AMBIGUOUS, UNRESOLVED, "missed", "different")
    for column in columns:
        table.add_column(column, justify="right")
    for value, group in _by(sessions, key):
        counts = _counts(group)
        table.add_row(name(value), *(str(counts[column] or "") for column in columns))
    without = {number for number, _ in NUMBERED} - {_case(each) for each in sessions}
    if key is _case and without:
        table.caption = f"only checks: {', '.join(map(str, sorted(without)))}"
        table.caption_justify = "left"
    return table


def _list(title: str, items: Sequence[Any], words: Callable[[Any], str], console: Console) -> None:
    """Print one line for what is the same in several organisations, with the first of them; the document has every one."""
    if not items:
        return
    console.print(f"\n{title}:")
    for _, same in groupby(sorted(items, key=_label), key=_label):
        group = list(same)
        where = f"organisation {_line(group[0])['organisation']}"
        times = f"{len(group)} times, first in {where}" if len(group) > 1 else where
        console.print(f"  case {_line(group[0])['case']:>2} {_line(group[0])['what']} ({times}): {words(group[0])}")


def _line(item: Judged | Checked) -> Row:
    return item.truth if isinstance(item, Judged) else item.check


def _label(item: Judged | Checked) -> tuple[int, str]:
    line = _line(item)
    return int(line["case"]), str(line["what"])


def _told(judged: Judged) -> str:
    truth, row = judged.truth, judged.row
    name = f"{truth['principal_id']} at {truth['started_at']}"
    wanted = f"{truth['root_type']} {truth['root_id']}" if truth["root_id"] else truth["status"]
    if row is None or judged.verdict == MISSING:
        return f"{name}: {'; '.join(judged.differences)}; should be {wanted}"
    if row["attribution_status"] == "resolved":
        got = f"{row['root_type']} {row['root_id']} by {row['attribution_method']}"
    else:
        got = f"{row['attribution_status']}, {row['attribution_reason']} ({row['attribution_method'] or 'not bound'})"
    return f"{name}: is {got}; should be {wanted}"


def _session(judged: Judged) -> dict[str, Any]:
    names = ("organisation", "case", "what", "principal_id", "started_at", "access_key_id", "status")
    row = judged.row or {}
    told = ("attribution_status", "attribution_reason", "attribution_method", "root_type", "root_id")
    return {
        **{name: judged.truth[name] for name in names},
        "verdict": judged.verdict,
        "wanted_root": {"type": judged.truth["root_type"], "id": judged.truth["root_id"]},
        "told": {name: row.get(name) for name in told},
        "differences": judged.differences,
    }


def _percent(share: float | None) -> str:
    return "(none)" if share is None else f"{share:.2%}"
