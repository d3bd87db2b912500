"""What a run tells while it goes: stage, days, rows. A bar on a terminal, lines elsewhere, the run's log in Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Somebody who is told how far a run is."""

    def tell(self, stage: str, message: str) -> None:
        """Say something about a stage that is under way."""

    def finished(self, stage: str, message: str) -> None:
        """Say that a stage is done."""


class Silent:
    """Tells nobody: the run's own log in Dagster has it all."""

    def tell(self, stage: str, message: str) -> None:
        """Say nothing."""

    def finished(self, stage: str, message: str) -> None:
        """Say nothing."""


class Console:
    """A bar over the stages on a terminal; a line per step where the output is a file."""

    def __init__(self, stages: int) -> None:
        """Expect so many stages."""
        from rich.console import Console as RichConsole  # noqa: PLC0415
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        self._console = RichConsole(stderr=True, highlight=False)
        self._bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=stages)

    @contextmanager
    def running(self) -> Iterator[Console]:
        """Show the bar while inside."""
        with self._bar:
            yield self

    def tell(self, stage: str, message: str) -> None:
        """Say something about a stage that is under way."""
        self._bar.update(self._task, description=f"{stage}: {message}")
        if not self._console.is_terminal:
            self._console.print(f"{stage}: {message}", markup=False, soft_wrap=True)

    def finished(self, stage: str, message: str) -> None:
        """Say that a stage is done."""
        self._bar.update(self._task, advance=1)
        self._console.print(f"{stage:<26} {message}", markup=False, soft_wrap=True)
