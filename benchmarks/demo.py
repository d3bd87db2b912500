"""`make demo`: a generated organisation, the nightly job over all its days."""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import Thread

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from benchmarks.organisation.generation import generate
from benchmarks.organisation.parameters import Parameters
from pipelines.cli import exit_status_of
from pipelines.settings import load_settings
from pipelines.spark import spark_session

DEMO = Path("demo")
out = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Make the demo and return its exit status."""
    begun = time.monotonic()
    # The logs are made on one core: meanwhile the other begins what the job is going to need.
    Thread(target=_begin_spark, daemon=True).start()
    make_organisation(DEMO, Parameters())
    status = exit_status_of(["run", *sources(DEMO)])
    if status != 0:
        return status
    say_what_next(DEMO, time.monotonic() - begun)
    return 0


def _begin_spark() -> None:
    with suppress(Exception):  # the job meets the same error, and tells it
        settings = load_settings(lake=str(DEMO / "lake"))
        spark_session(settings.spark_master, memory=settings.spark_memory).range(1).collect()


def sources(folder: Path) -> list[str]:
    """Return the options that name everything the demo has."""
    options = {
        "--cloudtrail": folder / "logs" / "cloudtrail",
        "--findings": folder / "logs" / "guardduty",
        "--flows": folder / "logs" / "flows",
        "--lake": folder / "lake",
        "--reports": folder / "reports",
        "--geo-city": folder / "geo" / "city.mmdb",
        "--geo-asn": folder / "geo" / "asn.mmdb",
    }
    return [part for name, path in options.items() for part in (name, str(path))]


def make_organisation(folder: Path, parameters: Parameters) -> None:
    """Generate the logs, unless a whole set of them is there already."""
    # Flow logs came later than the rest: a demo made before them is made anew.
    if (folder / "truth" / "summary.json").is_file() and (folder / "logs" / "flows").is_dir():
        out.print(f"generate: {folder}/logs is there already")
        return
    shutil.rmtree(folder, ignore_errors=True)
    columns = TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("generate", total=parameters.days)

        def told(day: date, events: int) -> None:
            bar.update(task, advance=1, description=f"generate: {day}, {events:,} events")

        summary = generate(folder, parameters, told)
    out.print(
        f"generate: {summary.distinct_events:,} events of {parameters.accounts} accounts in {parameters.days} days"
    )


def say_what_next(folder: Path, seconds: float) -> None:
    """Print where the report of the story's finding is, and three commands to try."""
    finding = json.loads((folder / "truth" / "story.json").read_text(encoding="utf-8"))["finding"]["id"]
    out.print(f"\ndemo: made in {seconds:.0f} s; the truth behind every session is in {folder}/truth")
    out.print(f"\nThe report of the finding, for a browser: {folder}/reports/{finding}.html\n")
    out.print("Try next:")
    out.print(
        f"    .venv/bin/rolescope investigate --finding {finding} --lake {folder}/lake --reports {folder}/reports"
    )
    out.print(f"    .venv/bin/rolescope status --lake {folder}/lake")
    out.print("    make dev        # the asset graph in the browser")


if __name__ == "__main__":
    sys.exit(main())
