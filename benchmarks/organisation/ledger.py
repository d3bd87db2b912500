"""The truth, written as it comes: a line per session in `sessions.jsonl`, in the identifiers and enums of DESIGN §3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

import orjson

from benchmarks.organisation.credentials import Session
from benchmarks.organisation.instants import iso


@dataclass
class Ledger:
    """Where finished sessions go. A session is finished when its event count no longer grows."""

    lines: IO[bytes]
    sessions: int = 0
    session_events: int = 0

    def close(self, *sessions: Session) -> None:
        """Write finished sessions, each once."""
        for session in sessions:
            self.lines.write(orjson.dumps(truth_of(session), option=orjson.OPT_APPEND_NEWLINE))
            self.sessions += 1
            self.session_events += session.event_count


def truth_of(session: Session) -> dict[str, Any]:
    """Return a session's line."""
    return {
        "principal_id": session.principal_id,
        "role_arn": session.role.arn if session.role else None,
        "session_name": session.session_name,
        "account_id": session.account_id,
        "started_at": iso(session.started_at),
        "access_key_ids": session.access_key_ids,
        "unlisted_key_count": session.unlisted_key_count,
        "case": session.case,
        "assumed_by_type": session.assumed_by.type,
        "assumed_by_id": session.assumed_by.id,
        "parent": session.parent.key if session.parent else None,
        "root_type": session.root.type,
        "root_id": session.root.id,
        "root_name": session.root.name,
        "root_account_id": session.root.account_id,
        "chain": session.chain,
        "chain_depth": len(session.chain),
        "event_count": session.event_count,
    }
