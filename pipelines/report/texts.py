"""Texts that an attacker may have chosen, made fit to be looked at: whole, visible, and never in command of the page."""

from __future__ import annotations

import unicodedata

from markupsafe import Markup, escape

# Characters that turn the direction of text around, join or hide what stands beside them.
_INVISIBLE = {
    *range(0x20), *range(0x7F, 0xA0), 0x00AD, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x2028, 0x202F),
    *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080),
}  # fmt: skip
SHORT = 96


def shown(text: object) -> Markup:
    """Return a text as HTML: escaped, isolated from the direction of what is around it, control characters named."""
    pieces = [_named(char) if ord(char) in _INVISIBLE else escape(char) for char in str(text)]
    return Markup("<bdi>{}</bdi>").format(Markup("").join(pieces))


def shortened(text: object, most: int = SHORT) -> Markup:
    """Return a text as HTML; what is longer than `most` characters opens on a click (and in print) to its whole length."""
    whole = str(text)
    if len(whole) <= most:
        return shown(whole)
    start = shown(whole[: most - 1])
    return Markup(
        '<details class="long"><summary>{}… <small>{} characters</small></summary><span class="whole">{}</span></details>'
    ).format(start, f"{len(whole):,}", shown(whole))


def plain(text: object, most: int) -> str:
    """Return a text for a place that takes no markup (an SVG label, a title): control characters named, cut at `most`."""
    whole = visible(str(text))
    return whole if len(whole) <= most else whole[: most - 1] + "…"


def visible(text: str) -> str:
    """Return a text with its control characters named: `[U+202E]`."""
    return "".join(f"[U+{ord(char):04X}]" if ord(char) in _INVISIBLE else char for char in text)


def _named(char: str) -> Markup:
    name = unicodedata.name(char, "control character")
    return Markup('<span class="control" title="{}">U+{}</span>').format(name, f"{ord(char):04X}")
