"""One investigation's evidence, as the document is made from it: the subject, and panels of rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from transforms.investigations import labels
from transforms.investigations.context import EMPTY, Context
from transforms.investigations.relations import ANCESTOR, DESCENDANT, SELF
from transforms.investigations.scope import BASELINE_DAYS

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A subject (SUBJECT_COLUMNS) and the rows of its panels; times in rows are text, `2026-05-01T10:00:00Z`."""

    subject: Mapping[str, Any]
    panels: Mapping[str, list[Row]]
    totals: Mapping[str, int]
    context: Context = EMPTY

    @classmethod
    def read(cls, row: Mapping[str, Any], context: Context = EMPTY) -> Case:
        """Return the case of a row of `gather`."""
        panels: dict[str, list[Row]] = {}
        totals: dict[str, int] = {}
        for piece in row["evidence"] or []:
            panels.setdefault(piece["panel"], []).append(json.loads(piece["row"]))
            totals[piece["panel"]] = piece["total"]
        return cls({name: value for name, value in row.items() if name != "evidence"}, panels, totals, context)

    def rows(self, panel: str) -> list[Row]:
        """Return the rows of a panel, none if nothing was found."""
        return self.panels.get(panel, [])

    def total(self, panel: str) -> int:
        """Return how many rows the panel would have without its limit (of an ungrouped panel)."""
        return self.totals.get(panel, 0)

    @cached_property
    def finding(self) -> Row | None:
        """The finding as GuardDuty gave it, its document left out; none of a profile."""
        found: Row | None = json.loads(self.subject["finding"]) if self.subject["finding"] else None
        return found

    @property
    def account_id(self) -> str | None:
        """The account that it is about: the finding's, or the profile's."""
        found: str | None = self.subject["finding_account_id"] or self.subject["account_id"]
        return found

    @cached_property
    def scope_start(self) -> datetime:
        """Start of the scope, UTC."""
        return _utc(self.subject["scope_start_at"])

    @cached_property
    def scope_end(self) -> datetime:
        """End of the scope, UTC, not included."""
        return _utc(self.subject["scope_end_at"])

    @property
    def logs_complete_to(self) -> str | None:
        """Up to when the logs of all accounts concerned are here, of those that have logs."""
        return min((row["complete_to_at"] for row in self.rows("logs") if row["complete_to_at"]), default=None)

    @property
    def baseline_start(self) -> datetime:
        """Start of the 45 days before the scope, UTC."""
        return self.scope_start - timedelta(days=BASELINE_DAYS)

    @property
    def has_subject(self) -> bool:
        """Whether one session or user could be named."""
        return self.subject["matched_by"] not in ("none", "ambiguous")

    @property
    def entity_id(self) -> str:
        """Identifier of what is investigated."""
        return str(self.subject["entity_id"])

    def family(self, relation: str) -> list[Row]:
        """Return the sessions of a relation, in order of time."""
        return sorted(
            (row for row in self.rows("family") if row["relation"] == relation),
            key=lambda row: (row["started_at"] or "", row["hops"], row["credential_session_id"]),
        )

    @cached_property
    def own(self) -> list[Row]:
        """The investigated sessions."""
        return self.family(SELF)

    @cached_property
    def ancestors(self) -> list[Row]:
        """The sessions that the investigated ones came from."""
        return self.family(ANCESTOR)

    @cached_property
    def descendants(self) -> list[Row]:
        """The sessions chained from the investigated ones."""
        return self.family(DESCENDANT)

    @cached_property
    def names(self) -> dict[str, str]:
        """How each entity is called in sentences: `<role>/<session name>`, or the user's name; a root by its own name."""
        roots = {row["root_id"]: row["root_name"] for row in self.rows("family") if row["root_id"] and row["root_name"]}
        calling = {
            row["principal_id"]: f"{row['role_arn'].rsplit('/', 1)[-1]}/{row['principal_id'].split(':', 1)[-1]}"
            for row in self.rows("principals")
            if row["principal_id"] and row["role_arn"]
        }
        sessions = {
            row["role_session_id"]: f"{row['role_name']}/{row['session_name']}"
            for row in self.rows("family")
            if row["role_session_id"] and row["role_name"] and row["session_name"]
        }
        return roots | calling | sessions

    def name(self, entity_id: str | None) -> str:
        """Return how an entity is called in sentences."""
        if entity_id is None:
            return "an unknown principal"
        if entity_id in self.names:
            return self.names[entity_id]
        return entity_id.rsplit("/", 1)[-1] if entity_id.startswith("arn:") else entity_id

    def account(self, account_id: str | None) -> str:
        """Return how an account is called in sentences: `111111111111`, with its name if the context file has one."""
        name = self.context.account_name(account_id)
        return f"{account_id} ({name})" if name else account_id or "unknown"

    def assumer(self, row: Row) -> str:
        """Return what assumed a session, in words: a role session by its role and name, a person with its type."""
        if row["assumed_by_type"] == "AssumedRole" and row["assumed_by_id"] in self.names:
            return self.names[row["assumed_by_id"]]
        return labels.who(row["assumed_by_type"], row["assumed_by_name"], row["assumed_by_id"])

    def deeds(
        self, relation: str | None = None, entity_id: str | None = None, *, in_scope: bool | None = None
    ) -> list[Row]:
        """Return the events shown, in order of time."""
        return sorted(
            (
                row
                for row in self.rows("deeds")
                if relation in (None, row["relation"])
                and entity_id in (None, row["entity_id"])
                and in_scope in (None, row["is_in_scope"])
            ),
            key=lambda row: (row["event_at"], row["event_id"]),
        )

    def counted(
        self, relation: str | None = None, entity_id: str | None = None, *, in_scope: bool | None = None
    ) -> tuple[int, int]:
        """Return how many calls succeeded and failed, of all, shown or not."""
        rows = [
            row
            for row in self.rows("totals")
            if relation in (None, row["relation"])
            and entity_id in (None, row["entity_id"])
            and in_scope in (None, row["is_in_scope"])
        ]
        return sum(row["success_count"] for row in rows), sum(row["failed_count"] for row in rows)

    def values(self, dimension: str, *, in_scope: bool = True, entity_id: str | None = None) -> list[Row]:
        """Return the values seen of a dimension, the subject's first, then by count."""
        return sorted(
            (
                row
                for row in self.rows("values")
                if row["dimension"] == dimension
                and row["is_in_scope"] == in_scope
                and entity_id in (None, row["entity_id"])
            ),
            key=lambda row: (
                row["relation"] != SELF,
                row["entity_id"],
                -(row["success_count"] + row["failed_count"]),
                row["value"],
            ),
        )


def text_of(instant: datetime) -> str:
    """Return an instant as the document writes it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_of(text: str) -> datetime:
    """Return the instant of a text in a row."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
