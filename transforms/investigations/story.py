"""Stories: findings that share credentials, a session, a chain, an origin or an address are one (DETECTIVE: finding groups).

A page names those that it shares something with; the index puts together what pages name. That two findings are of one role or
account makes them no story: too many are.
"""

from __future__ import annotations

from transforms.investigations.case import Case, Row
from transforms.investigations.links import report_name

TIES = ("access_key", "session", "chain", "root", "address")


def story(case: Case) -> list[Row]:
    """Return the other findings of this one's story; those of a profile's."""
    told = []
    for row in case.rows("related"):
        shared = [each for each in row["shared"] if each in TIES]
        if shared:
            names = ("finding_id", "type", "severity", "severity_label", "account_id", "first_seen_at")
            told.append(
                {**{name: row[name] for name in names}, "shared": shared, "page": report_name(row["finding_id"], "")}
            )
    return sorted(told, key=lambda row: (row["first_seen_at"] or "", row["finding_id"]))
