"""The four answers, in sentences, each with its evidence: event ids, or `#panel` of the page."""

from __future__ import annotations

from transforms.investigations.answers.consistency import consistency
from transforms.investigations.answers.gaps import gaps
from transforms.investigations.answers.sentences import Sentence, told
from transforms.investigations.answers.what_else import what_else
from transforms.investigations.answers.who import who
from transforms.investigations.case import Case

__all__ = ["answers", "told"]


def answers(case: Case) -> dict[str, list[Sentence]]:
    """Return who it was, what else they did, whether it is like them, and what the logs cannot show."""
    return {"who": who(case), "what_else": what_else(case), "consistency": consistency(case), "gaps": gaps(case)}
