"""A real browser: Debian's Chromium, driven by Playwright. It is installed where it is missing; nothing is skipped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from pipelines.report import write_reports

CHROMIUM = "chromium"


def chromium() -> str:
    """Return the path of Chromium, installed by apt-get if it is not there.

    Raises:
        RuntimeError: it is not there and cannot be installed.
    """
    found = shutil.which(CHROMIUM)
    if found is None:
        sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "--yes", CHROMIUM]):
            done = subprocess.run([*sudo, *command], capture_output=True, text=True, check=False)
        found = shutil.which(CHROMIUM)
        if found is None:
            raise RuntimeError(
                f"The report's tests need Chromium, and apt-get could not install it: {done.stderr.strip()[-300:]}"
            )
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """Start Chromium; it ends with the block, and with it Playwright's event loop, which no other test should meet."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_page(
    browser: Browser,
    path: Path,
    fragment: str = "",
    *,
    width: int = 1280,
    scheme: Any = "light",
    script: bool = True,
    complains: bool = False,
) -> Iterator[Page]:
    """Open a file as a user does. At the end nothing may have been requested but files, nor complained of in the console, nor asked."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script, accept_downloads=True, locale="de-DE"
    )  # fmt: skip
    page = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(path.resolve().as_uri() + fragment)
    try:
        yield page
        assert complains or complaints == []
        assert {url.split(":", 1)[0] for url in requests} <= {"file", "blob"}
    finally:
        context.close()


def written(folder: Path, **documents: dict[str, Any]) -> dict[str, Path]:
    """Write reports of documents, by the name of the page; return their paths."""
    names = {name.replace("_", "-"): document for name, document in documents.items()}
    rows = [
        {"report_uri": f"file:///somewhere/{name}.html", "document": json.dumps(document)}
        for name, document in names.items()
    ]
    return dict(zip(documents, write_reports(rows, folder), strict=True))


def follow_scope(page: Page, start: str, end: str) -> None:
    """Change the scope by its two fields, as somebody who types does."""
    if start < page.locator("#scope-from").input_value():
        order = (("#scope-from", start), ("#scope-to", end))
    else:
        order = (("#scope-to", end), ("#scope-from", start))
    for field, text in order:
        page.locator(field).fill(text)
        page.locator(field).press("Enter")


def rows_of(page: Page, panel: str) -> list[dict[str, Any]]:
    """Return the rows of a panel of new behaviour that follows the scope."""
    found: list[dict[str, Any]] = page.evaluate(
        """panel => [...document.querySelectorAll(`[data-follow="${panel}"] tr[data-value]`)].map(row => ({
          value: row.dataset.value, entity: Number(row.dataset.entity), ok: row.cells[2].textContent, failed: row.cells[3].textContent,
          statuses: [...row.querySelectorAll("[data-status]")].map(cell => cell.dataset.status) }))""",
        panel,
    )
    return found


def tree_of(page: Page, panel: str) -> list[tuple[int, str, str, str]]:
    """Return the rows of an opened tree: level, label, successful, failed."""
    page.locator(f"#{panel}").get_by_role("button", name="Open all").click()
    rows = page.evaluate(
        """panel => [...document.querySelectorAll(`#${panel} tbody tr`)].map(row =>
          [Number(row.ariaLevel), row.cells[0].querySelector("bdi")?.textContent ?? row.cells[0].textContent,
           row.cells[1]?.textContent, row.cells[2]?.textContent])""",
        panel,
    )
    return [tuple(row) for row in rows]
