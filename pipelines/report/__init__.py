"""Reports: one self-contained HTML page per investigation, and its document as JSON. It shows what the document says, no more.

No decision is made here and no number is computed but coordinates. Every text may have been chosen by an attacker.
"""

from pipelines.report.files import write_reports
from pipelines.report.page import render, render_index

__all__ = ["render", "render_index", "write_reports"]
