"""What `make accuracy` prints and writes: counts by case and by method, the two rates, and every session that is not right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, TypeVar

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
from benchmarks.cases.registry import NUMBERED

VERDICTS = (RIGHT, WRONG, AMBIGUOUS, UNRESOLVED, MISSING)
UNBOUND = "(not bound)"
COLUMNS = ("sessions", "found", RIGHT, WRONG, AMBIGUOUS, UNRESOLVED, "missed", "different")
Item = TypeVar("Item", Judged, Checked)


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
    console.print(_by_case(result))
    console.print(_by_method(result))
    wrong = [each for each in result.sessions if each.verdict == WRONG]
    missed = [each for each in result.sessions if each.is_missed and each.verdict != WRONG]
    others = [each for each in result.sessions if not each.is_missed and each.verdict != WRONG]
    _name("wrong, and marked resolved", wrong, console)
    _name("could be known, and is not", missed, console)
    _list("otherwise not as it should be", others, console)
    _list("does not hold", result.checks, console)
    console.print(
        f"\nprecision {_percent(result.precision)} of {result.count(RIGHT) + result.count(WRONG):,} marked resolved, "
        f"recall {_percent(result.recall)} of {sum(bool(e.truth['knowable']) for e in result.sessions):,} that can be known "
        f"(at least {LEAST_RECALL:.1%}), {result.count(WRONG)} wrong, "
        f"{sum(bool(each.differences) for each in result.checks)} of {len(result.checks):,} checks do not hold"
    )


def _case(item: Judged | Checked) -> int:
    return int(_line(item)["case"])


def _method(judged: Judged) -> str:
    return judged.method or UNBOUND


def _by(items: Iterable[Item], key: Callable[[Item], Any]) -> Iterable[tuple[Any, list[Item]]]:
    return ((value, list(group)) for value, group in groupby(sorted(items, key=key), key=key))


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


def _by_case(result: Result) -> Table:
    """Return a row for every case, with how many of its checks hold: of some cases there is no session at all."""
    table = _table("case", "checks")
    sessions, checks = dict(_by(result.sessions, _case)), dict(_by(result.checks, _case))
    for number, case in NUMBERED:
        of_case = checks.get(number, [])
        held = f"{sum(not each.differences for each in of_case)} of {len(of_case)}" if of_case else ""
        words = case.__name__.split("_", 2)[2].replace("_", " ")
        table.add_row(f"{number:>2} {words}", *_cells(sessions.get(number, [])), held)
    return table


def _by_method(result: Result) -> Table:
    table = _table("method")
    for method, group in _by(result.sessions, _method):
        table.add_row(method, *_cells(group))
    return table


def _table(title: str, *more: str) -> Table:
    table = Table(title, box=None, header_style="bold", pad_edge=False)
    for column in (*COLUMNS, *more):
        table.add_column(column, justify="right")
    return table


def _cells(group: Sequence[Judged]) -> list[str]:
    counts = _counts(group)
    return [str(counts[column] or "") for column in COLUMNS]


def _name(title: str, offenders: Sequence[Judged], console: Console) -> None:
    """Name every session: the first of a kind with what is wrong with it, the same of other organisations below it."""
    if offenders:
        console.print(f"\n{title}:")
    for _, same in _by(offenders, _label):
        console.print(f"  {_titled(same[0])}, organisation {same[0].truth['organisation']}: {_told(same[0])}")
        for other in same[1:]:
            console.print(f"      so is, organisation {other.truth['organisation']}: {_identified(other)}")


def _list(title: str, items: Sequence[Judged] | Sequence[Checked], console: Console) -> None:
    """Print a line for what differs, however many organisations it differs in; the document has every one."""
    differing = [each for each in items if each.differences]
    if differing:
        console.print(f"\n{title}:")
    for _, same in groupby(sorted(differing, key=_label), key=_label):
        group = list(same)
        where = f"in {len(group)} of the organisations" if len(group) > 1 else "in one organisation"
        console.print(f"  {_titled(group[0])} ({where}): {'; '.join(group[0].differences)}")


def _titled(item: Judged | Checked) -> str:
    line = _line(item)
    return f"case {line['case']}{', ' if line['what'] else ''}{line['what']}"


def _line(item: Judged | Checked) -> Row:
    return item.truth if isinstance(item, Judged) else item.check


def _label(item: Judged | Checked) -> tuple[int, str]:
    line = _line(item)
    return int(line["case"]), str(line["what"])


def _identified(judged: Judged) -> str:
    return f"{judged.truth['principal_id']} at {judged.truth['started_at']}"


def _told(judged: Judged) -> str:
    truth, row = judged.truth, judged.row
    name = _identified(judged)
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
