"""What in the records of a session does not fit together: some clock, or somebody, is wrong.

A doubt is a sentence in the table, and takes a little from the confidence. It never changes whom a session is attributed to.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

BEFORE_IT_BEGAN = "used before it began"
YOUNGER_CALLER = "the caller's session began after this one was issued"
NO_NUMBER = "its account is no number of twelve digits"
NO_KEY = "an access key id of an unknown form"
CIRCLE = "its callers lead in a circle"
DOUBT = 0.05  # of confidence, for each
_SKEW = "INTERVAL 5 SECONDS"


def doubted(confidence: Column) -> Column:
    """Return a confidence, less what the session's `doubts` take from it."""
    return F.round(confidence - F.lit(DOUBT) * F.size("doubts"), 2)


def is_in_circle() -> Column:
    """Whether a session's callers lead back to it, or to one of which that is so: only records that lie say so."""
    return F.coalesce(F.array_contains("doubts", CIRCLE), F.lit(False))


def doubts() -> Column:
    """Return the sentences, in a fixed order: of a session with its assumer (see `evidence.with_assumer`).

    That its callers lead in a circle is found last, when the chains are closed.
    """
    conditions = {
        BEFORE_IT_BEGAN: F.col("started_at") > F.col("first_event_at") + F.expr(_SKEW),
        YOUNGER_CALLER: F.col("bound_parent_is_younger"),
        NO_NUMBER: ~F.col("account_id").rlike("^[0-9]{12}$"),
        NO_KEY: F.exists("used_key_ids", lambda key: ~key.rlike("^A[A-Z]IA")),
    }
    said = [F.when(condition, F.lit(sentence)) for sentence, condition in conditions.items()]
    return F.array_compact(F.array(*said))
