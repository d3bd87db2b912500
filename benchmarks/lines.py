"""A line of the comparison: what was measured, beside what, and the limit it should keep; and how lines are printed and kept."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine

out = Console(highlight=False, width=150)
Fact = float | int | str | bool | None


@dataclass(frozen=True)
class Line:
    """One comparison.

    `name` is what benchmarks/README.md calls it. `ratio` is what the limit is about, in whatever direction `what` says: `at_most` and
    `at_least` bound it; without either the line only informs. `seconds` and `peer_seconds` are wall-clock.
    """

    name: str
    what: str
    seconds: float | None = None
    peer_seconds: float | None = None
    ratio: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    facts: dict[str, Fact] = field(default_factory=dict)
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    """The machine's load as the line was measured (1 minute): two cores are busy at 2 with ours alone."""

    @property
    def holds(self) -> bool | None:
        """Whether the limit is kept; None without a limit."""
        if self.at_most is None and self.at_least is None:
            return None
        if self.ratio is None:
            return False
        over = self.at_most is not None and self.ratio > self.at_most
        under = self.at_least is not None and self.ratio < self.at_least
        return not (over or under)

    @property
    def limit(self) -> str:
        """The limit in words."""
        words = [f"at most {self.at_most:g}"] if self.at_most is not None else []
        words += [f"at least {self.at_least:g}"] if self.at_least is not None else []
        return ", ".join(words)

    @property
    def distance(self) -> float | None:
        """How far the ratio is from its limit, as a factor: 1 is on it, 2 twice as good as it must be, below 1 too bad."""
        if not self.ratio:
            return None
        if self.at_most is not None:
            return self.at_most / self.ratio
        return None if self.at_least is None else self.ratio / self.at_least

    def as_document(self) -> dict[str, Any]:
        """Return it as the results have it."""
        return {**asdict(self), "limit": self.limit, "holds": self.holds}


def say(lines: Sequence[Line]) -> None:
    """Print lines as a table, and below it what stands beside those whose limit is not kept."""
    table = Table("what", "seconds", "peer", "ratio", "should be", "", "load")
    for line in lines:
        verdict = {True: "holds", False: "DOES NOT HOLD", None: ""}[line.holds]
        seconds, peer = _short(line.seconds), _short(line.peer_seconds)
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        table.add_row(line.what, seconds, peer, ratio, line.limit, verdict, f"{line.load:g}")
    out.print(table)
    for line in lines:
        if line.facts:
            told = ", ".join(f"{name.replace('_', ' ')} {_fact(value)}" for name, value in line.facts.items())
            out.print(f"  {line.name}: {told}")
    if missed := [line.name for line in lines if line.holds is False]:
        out.print(f"\nnot reached: {', '.join(missed)}. benchmarks/README.md says why, and what is tried next")


def keep(lines: Sequence[Line], target: Path, parameters: dict[str, Any]) -> None:
    """Write lines to a JSON file, with the machine and the versions they were measured with."""
    target.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine(), "parameters": parameters, "lines": [line.as_document() for line in lines]}
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def status_of(lines: Sequence[Line]) -> int:
    """Return the exit status: 1 if a limit does not hold."""
    return int(any(line.holds is False for line in lines))


def _short(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:,.1f}"


def _fact(value: Fact) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)
