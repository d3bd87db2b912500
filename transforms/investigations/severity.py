"""How severe an investigation is: points per indicator, by a table that every report prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

POINTS = {"INFORMATIONAL": 1, "LOW": 5, "MEDIUM": 15, "HIGH": 30, "CRITICAL": 50}

# What one type of indicator counts for at most: fifty new calls are not ten times as bad as five.
MOST_POINTS = {
    "TTP_OBSERVED": 90,
    "RELATED_FINDING": 30,
    "NEW_GEOLOCATION": 30,
    "NEW_ASO": 20,
    "NEW_USER_AGENT": 20,
    "NEW_API_CALL": 20,
    "INCREASED_VOLUME": 30,
    "IMPOSSIBLE_TRAVEL": 45,
    "FLAGGED_IP_ADDRESS": 60,
    "INSTANCE_CREDENTIALS_ELSEWHERE": 60,
    "NEW_ROLE_PAIR": 20,
    "CROSS_ACCOUNT_HOP": 15,
    "CHAIN_DEPTH": 15,
    "USED_AFTER_EXPIRY": 30,
    "LOG_GAP": 30,
}

# The least score of each label.
BANDS = (("CRITICAL", 100), ("HIGH", 60), ("MEDIUM", 30), ("LOW", 10), ("INFORMATIONAL", 0))


def score(severities: Iterable[tuple[str, str]]) -> tuple[float, list[dict[str, object]]]:
    """Return the score of indicators given as (type, severity), and how it comes about, one line per type."""
    given = Counter(severities)
    lines = []
    for kind, most in MOST_POINTS.items():
        counts = {severity: number for (each, severity), number in given.items() if each == kind}
        points = sum(POINTS[severity] * number for severity, number in counts.items())
        if counts:
            lines.append(
                {
                    "type": kind,
                    "count": sum(counts.values()),
                    "points": points,
                    "most_points": most,
                    "counted_points": min(points, most),
                }
            )
    return float(sum(int(str(line["counted_points"])) for line in lines)), lines


def label(points: float) -> str:
    """Return the severity of a score."""
    return next(name for name, least in BANDS if points >= least)
