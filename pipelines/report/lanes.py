"""The picture of the chain: accounts are lanes, sessions are boxes, time and confidence stand on the arrows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from pipelines.report.texts import plain

_BOX_WIDTH, _BOX_HEIGHT, _COLUMN, _ROW, _LANE_LABEL = 216, 50, 318, 66, 24
MOST_BOXES = 14
NO_ACCOUNT = "outside AWS accounts"
_PICTURE = Markup(
    '<svg class="lanes" viewBox="0 0 {} {}" role="img" aria-label="{}" style="width:{}px;min-width:{}px">{}</svg>'
)
_LANE = Markup(
    '<rect class="lane" x="0" y="{}" width="{}" height="{}"/><text class="lane-label" x="10" y="{}">{}</text>'
)
_TIP = Markup(
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>'
)


@dataclass
class Box:
    """A principal of the picture and what it came from."""

    key: str
    title: str
    line: str
    lane: str
    column: int
    parent: str | None = None
    edge: str = ""
    kind: str = "session"
    place: tuple[float, float] = field(default=(0.0, 0.0))


def chain_picture(document: Mapping[str, Any]) -> Markup:
    """Return the chain as SVG; nothing if there is no chain."""
    boxes = _boxes(document)
    if len(boxes) < 2:
        return Markup("")
    lanes = list(dict.fromkeys(box.lane for box in boxes))
    height, bands = _placed(boxes, lanes)
    width = 16 + max(box.column for box in boxes) * _COLUMN + _BOX_WIDTH + 16
    by_key = {box.key: box for box in boxes}
    parts = [
        _TIP,
        *[
            _LANE.format(y, width, tall, y + 16, plain(name, 60))
            for name, y, tall in bands
        ],
        *[_arrow(by_key[box.parent], box) for box in boxes if box.parent in by_key],
        *[_drawn(box) for box in boxes],
    ]  # fmt: skip
    names = ", then ".join(plain(box.title, 60) for box in boxes)
    return _PICTURE.format(
        width, height, f"The chain: {names}", width, min(width, 560), Markup("").join(parts)
    )  # fmt: skip


def _boxes(document: Mapping[str, Any]) -> list[Box]:
    chain, root = document["chain"], document["chain"]["root"]
    root_box = Box(
        "root", root["name"] or root["id"] or "not established", root["type"], _lane(root["account_id"]), 0, kind="root"
    )
    boxes = [root_box]
    previous = "root"
    for hop in chain["hops"]:
        box = Box(
            hop["credential_session_id"], hop["name"] or "unknown", _line(hop), _lane(hop["account_id"]), boxes[-1].column + 1,
            previous, _edge(hop), "subject" if hop["entity"] == document["entity"]["id"] else "session",
        )  # fmt: skip
        boxes.append(box)
        previous = box.key
    columns = {box.key: box.column for box in boxes}
    keys = {hop["credential_session_id"]: hop["credential_session_id"] for hop in chain["hops"]}
    by_entity: dict[tuple[str, str], Box] = {}
    for hop in chain["descendants"]:
        parent = keys.get(hop["parent_session_id"] or "", previous)
        same = by_entity.get((parent, hop["entity"]))
        if same is not None:  # assumed again: one box, since it is one session to whoever reads
            keys[hop["credential_session_id"]] = same.key
            same.edge = same.edge.split(" · ", 1)[0] + " · again later"
            continue
        if len(boxes) >= MOST_BOXES:
            break
        key = hop["credential_session_id"]
        box = Box(
            key,
            hop["name"] or "unknown",
            _line(hop),
            _lane(hop["account_id"]),
            columns[parent] + 1,
            parent,
            _edge(hop),
            "chained",
        )
        boxes.append(box)
        keys[key], columns[key], by_entity[parent, hop["entity"]] = key, box.column, box
    return boxes


def _placed(boxes: list[Box], lanes: list[str]) -> tuple[float, list[tuple[str, float, float]]]:
    """Give every box its place; return the height, and name, top and height of each lane."""
    bands: list[tuple[str, float, float]] = []
    y = 0.0
    for lane in lanes:
        in_column: dict[int, int] = defaultdict(int)
        for box in (each for each in boxes if each.lane == lane):
            box.place = (16 + box.column * _COLUMN, y + _LANE_LABEL + in_column[box.column] * _ROW)
            in_column[box.column] += 1
        tall = _LANE_LABEL + max(in_column.values()) * _ROW
        bands.append((lane, y, tall))
        y += tall + 6
    return y, bands


def _arrow(parent: Box, child: Box) -> Markup:
    x1, y1 = parent.place[0] + _BOX_WIDTH, parent.place[1] + _BOX_HEIGHT / 2
    x2, y2 = child.place[0] - 2, child.place[1] + _BOX_HEIGHT / 2
    middle = (x1 + x2) / 2
    above = y2 < y1  # the label keeps out of the way of the curve
    return Markup(
        '<path class="arrow" d="M{} {} C{} {} {} {} {} {}" marker-end="url(#tip)"/>'
        '<text class="edge" x="{}" y="{}" text-anchor="end">{}</text>'
    ).format(x1, y1, middle, y1, middle, y2, x2, y2, x2 - 4, y2 - 9 if above else y2 + 17, child.edge)


def _drawn(box: Box) -> Markup:
    x, y = box.place
    return Markup(
        '<g class="box {}"><title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="6"/>'
        '<text class="title" x="{}" y="{}">{}</text><text class="line" x="{}" y="{}">{}</text></g>'
    ).format(
        box.kind, plain(box.title, 300), x, y, _BOX_WIDTH, _BOX_HEIGHT, x + 10, y + 20, plain(_tail(box.title), 23),
        x + 10, y + 38, plain(box.line, 32),
    )  # fmt: skip


def _tail(title: str) -> str:
    """Shorten a long role name in front of its session name: the end says more."""
    role, slash, name = title.rpartition("/")
    return f"{role[: max(6, 19 - len(name))]}…{slash}{name}" if slash and len(title) > 22 and len(name) < 14 else title


def _line(hop: Mapping[str, Any]) -> str:
    calls = hop["event_count"] or 0
    return f"{calls:,} call{'' if calls == 1 else 's'}" + (
        f", {hop['failed_count']:,} failed" if hop["failed_count"] else ""
    )


def _edge(hop: Mapping[str, Any]) -> str:
    confidence = hop["confidence"]
    when = f"{hop['started_at'][5:10]} {hop['started_at'][11:16]}" if hop["started_at"] else "time unknown"
    return f"{when} · {confidence:.2f}" if confidence is not None else f"{when} · not bound"


def _lane(account_id: str | None) -> str:
    return f"account {account_id}" if account_id else NO_ACCOUNT
