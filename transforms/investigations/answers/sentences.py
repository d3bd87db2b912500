"""What the four answers are made of: sentences with their evidence, and the phrases they share."""

from __future__ import annotations

from transforms.investigations import labels
from transforms.investigations.case import Row

Sentence = dict[str, object]


def told(sentences: list[Sentence]) -> str:
    """Return the text of an answer."""
    return " ".join(str(sentence["text"]) for sentence in sentences)


def say(text: str, *evidence: str | None) -> Sentence:
    """Return a sentence with its evidence."""
    return {"text": text, "evidence": [each for each in dict.fromkeys(evidence) if each]}


def failures(failed: int) -> str:
    """Return how many of some calls failed, as the end of a clause."""
    return f", {failed:,} of them failed" if failed else ""


def calls_of(rows: list[Row]) -> str:
    """List calls with their counts, each once: `StopLogging, AssumeRole 3 times (2 failed)`."""
    counts: dict[str, tuple[int, int]] = {}
    for row in rows:
        name = labels.call(row.get("value") or row["api"])
        success, failed = counts.get(name, (0, 0))
        counts[name] = (success + row["success_count"], failed + row["failed_count"])
    named = []
    for name, (success, failed) in counts.items():
        often = f" {success + failed:,} times" if success + failed > 1 else ""
        named.append(f"{name}{often}" + (f" ({failed:,} failed)" if failed else ""))
    return labels.listed(named, 8)
