"""Investigations: one set-based pass over the findings that are new, or whose evidence changed; and their reports."""

from __future__ import annotations
