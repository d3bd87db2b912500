"""Which hours of an account and region the logs cover, and which they do not (DESIGN §3, log_coverage).

Belongs here: what shows that logs are missing. Does not: reading digests (digests), and what a gap means for an attribution.
"""

from transforms.coverage.build import DIGEST_DAYS, FACT_DAYS, build_log_coverage
from transforms.coverage.chains import last_before
from transforms.coverage.gaps import find_account_gaps
from transforms.coverage.hours import LOGS, count_hours, newest_second

__all__ = [
    "DIGEST_DAYS",
    "FACT_DAYS",
    "LOGS",
    "build_log_coverage",
    "count_hours",
    "find_account_gaps",
    "last_before",
    "newest_second",
]
