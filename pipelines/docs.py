"""Documentation made from the contracts and settings: the README's list of tables, `docs/tables.md`, `docs/settings.md`, those of S3.

`make check` sees that it is fresh.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from expectations.contract import Column, Table
from expectations.tables import TABLES
from pipelines.settings import Settings

ROOT = Path(__file__).parent.parent
README, REFERENCE, ON_S3 = ROOT / "README.md", ROOT / "docs" / "tables.md", ROOT / "docs" / "s3.md"
SETTINGS = ROOT / "docs" / "settings.md"
_SETTINGS = re.compile(r"(<!-- settings: made by `make docs` -->\n).*?(<!-- end of settings -->)", re.DOTALL)
_OF_S3 = (
    "cloudtrail", "findings", "lake", "lookback_days", "chunk_objects", "chunk_megabytes", "aws_region", "aws_role",
    "aws_external_id", "s3_endpoint", "s3_requester_pays", "s3_threads",
)  # fmt: skip
_MARKED = re.compile(r"(<!-- tables: made by `make docs` -->\n).*?(<!-- end of tables -->)", re.DOTALL)


def overview() -> str:
    """Return the tables, a line each, as Markdown."""
    lines = ["| table | one row | key |", "|---|---|---|"]
    lines += [f"| [`{t.name}`](docs/tables.md#{t.name}) | {_cell(t.comment)} | {_names(t.key)} |" for t in TABLES]
    return "\n".join(lines)


def settings(names: Iterable[str]) -> str:
    """Return settings, a line each, as Markdown."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name in names:
        field = Settings.model_fields[name]
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        lines.append(f"| `ROLESCOPE_{name.upper()}` | {default} | {_cell(field.description or '')} |")
    return "\n".join(lines)


def reference() -> str:
    """Return every table with its columns and rules, as Markdown."""
    parts = [
        "# Tables\n\nMade from the contracts in `expectations/tables` by `make docs`. `_at` is a UTC timestamp, "
        "`_date` a UTC date, null means unknown. Every row rule is a Delta constraint and an expectation.\n",
        *[_section(table) for table in TABLES],
    ]
    return "\n".join(parts)


def _section(table: Table) -> str:
    partition = f", partitioned by `{table.partitioned_by}`" if table.partitioned_by else ""
    differs = (
        f"\nMay differ between two runs over the same records: {_names(table.bookkeeping)}.\n"
        if table.bookkeeping
        else ""
    )
    rules = "".join(f"- {name.replace('_', ' ')}: `{rule.strip()}`\n" for name, rule in table.rules.items())
    rows = "\n".join(_row(column) for column in table.columns)
    return (
        f"## {table.name}\n\n{table.comment} Key: {_names(table.key)}{partition}.\n{differs}\n"
        f"| column | type | meaning |\n|---|---|---|\n{rows}\n\n{rules}"
    )


def _row(column: Column) -> str:
    values = f" ({', '.join(column.values)})" if column.values else ""
    null = "" if column.required else "?"
    return f"| `{column.name}` | `{column.type}{null}` | {_cell(column.comment + values)} |"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def pages() -> dict[Path, str]:
    """Return the pages as they should be."""
    readme = _MARKED.sub(lambda marks: f"{marks[1]}{overview()}\n{marks[2]}", README.read_text(encoding="utf-8"))
    on_s3 = _SETTINGS.sub(lambda marks: f"{marks[1]}{settings(_OF_S3)}\n{marks[2]}", ON_S3.read_text(encoding="utf-8"))
    return {README: readme, REFERENCE: reference(), ON_S3: on_s3, SETTINGS: _all_settings()}


def _all_settings() -> str:
    return (
        "# Settings\n\nMade from `pipelines/settings.py` by `make docs`. An option of the command line wins over its variable: "
        f"`--lake` over `ROLESCOPE_LAKE`.\n\n{settings(Settings.model_fields)}\n"
    )


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which are not fresh."""
    stale = [page for page, text in pages().items() if not page.is_file() or page.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for page in stale:
            sys.stderr.write(f"{page.relative_to(ROOT)} is not as the contracts say: run `make docs`\n")
        return 1 if stale else 0
    for page in stale:
        page.parent.mkdir(exist_ok=True)
        page.write_text(pages()[page], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
