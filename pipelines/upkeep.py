"""Upkeep of the lake: expire what is older than the retention, put closed days together, delete what left the tables long ago.

Each step may be killed and done again; one with nothing to do makes no commit. What was done up to when stands in properties of the
tables. All of it goes by the lake's clock, the newest publish day: a wall clock that is off deletes nothing (docs/upkeep.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from expectations.contract import Table
from expectations.tables import (
    BRONZE,
    INGEST_FILES,
    INVESTIGATIONS,
    LOG_DIGESTS,
    PRINCIPAL_BASELINES,
    REJECTED_RECORDS,
    TABLES,
)
from pipelines.folder_log import ChangesGoneError
from pipelines.lake import EXPIRED_BEFORE, Lake
from pipelines.night import Night
from pipelines.preflight import counted
from pipelines.report.files import consumed_version
from pipelines.settings import FIRST_DAY
from pipelines.stages import stages

# Digests stay: what links to a chain is asked for however long ago it was. So does the ledger: it says what was read, and how far back
# the logs of an account reach, which attribution goes by.
EXPIRING = tuple(table for table in BRONZE if table.partitioned_by and table is not LOG_DIGESTS)
_UPKEEP, _COMPACTED = "rolescope.upkeep", "rolescope.compacted"
_PENDING_DAYS = 4  # for which a session that waits for its logs is looked at again, whatever the look-back
_LOT = 31  # days that are put together by one commit
_MANY_FILES = 32  # of a table without days, which then become few


def has_news(night: Night) -> bool:
    """Whether anything was ingested, or a setting of upkeep changed, since upkeep was done last: one look at the ledger."""
    lake, done = night.lake, _told(night.lake, INGEST_FILES, _UPKEEP)
    if lake.version(INGEST_FILES) == 0:
        return False
    return done.get("settings") != _settings(night) or lake.has_changes(INGEST_FILES, done.get("ledger", -1))


def clock(lake: Lake) -> date | None:
    """Return the newest publish day (UTC) of what was read; null if nothing was."""
    rows = lake.read_rows(INGEST_FILES, ["source", "max(publish_date) AS day"], group_by=["source"])
    return max((row["day"] for row in rows if row["day"] is not None), default=None)


def behind(lake: Lake) -> list[tuple[Table, Table]]:
    """Return which tables have yet to consume rows of which others: a night did not end, or has not begun."""
    return [
        (table, upstream)
        for stage in stages()
        for table in stage.tables
        for upstream in stage.upstream
        if _is_behind(lake, table, upstream)
    ]


def _is_behind(lake: Lake, table: Table, upstream: Table) -> bool:
    since = lake.consumed(table).versions.get(upstream.name, -1)
    return lake.has_changes(upstream, since) and (since >= 0 or lake.row_count(upstream) > 0)


# -- expiry --------------------------------------------------------------------------------------------------------------


def first_kept_day(newest: date, months: int) -> date:
    """Return the first of the month that lies so many months before the newest publish day's."""
    count = newest.year * 12 + newest.month - 1 - months
    return max(date(count // 12, count % 12 + 1, 1), FIRST_DAY) if count >= 12 else FIRST_DAY


def expire(night: Night) -> list[str]:
    """Remove days of events, findings and rejects that are older than the retention; return sentences of what was done.

    What is left undone is among the night's warnings.

    Not before every table has consumed them: what was made of them stays, and is not made anew without them. That is said in a
    property of the table before the rows go, which whoever reads changes goes by.
    """
    lake = night.lake
    newest = clock(lake)
    if newest is None:
        return []
    # Not by a publish day that is still to come: a folder that is named wrong would empty the lake.
    cut = first_kept_day(min(newest, datetime.now(UTC).date()), night.settings.retention_months)
    old = [(table, found) for table in EXPIRING if (found := _rows_before(lake, table, cut))]
    if not old:
        return []
    if waiting := behind(lake):
        night.warnings.append(_not_yet("nothing expires", waiting))
        return []
    done: list[str] = []
    for table, days in old:
        before = lake.expired_before(table)
        late = sum(count for day, count in days.items() if before is not None and day < before)
        if late:
            night.warnings.append(
                f"{table.name}: {counted(late, 'row')} of days before {before} came when these had expired: no table counts them"
            )
        cut_of_table = max(cut, before or cut)
        told = lake.consumed(table).as_json()
        lake.log(table).set_properties({EXPIRED_BEFORE: cut_of_table.isoformat()}, told)
        lake.log(table).delete_before(cut, told)
        lake.forget(table)
        done.append(
            f"{table.name}: {counted(sum(days.values()), 'row')} of {counted(len(days), 'day')} before {cut} have expired"
        )
    rejected = _expire_rejects(lake, cut)
    return done + (
        [f"{REJECTED_RECORDS.name}: {counted(rejected, 'row')} of objects published before {cut} have expired"]
        if rejected
        else []
    )


def _rows_before(lake: Lake, table: Table, cut: date) -> dict[date, int]:
    day = str(table.partitioned_by)
    rows = lake.read_rows(table, [day, "count(*) AS row_count"], f"{day} < DATE'{cut.isoformat()}'", group_by=[day])
    return {row[day]: row["row_count"] for row in rows}


def _expire_rejects(lake: Lake, cut: date) -> int:
    """Remove rejects by the publish day of their object, which the ledger knows; return how many went."""
    before = lake.row_count(REJECTED_RECORDS)
    if before:
        objects = (
            lake.read(INGEST_FILES).where(f"publish_date < DATE'{cut.isoformat()}'").select("uri", "etag").distinct()
        )
        none = lake.read(REJECTED_RECORDS).limit(0)
        lake.merge(REJECTED_RECORDS, none, lake.consumed(REJECTED_RECORDS), only_of=objects)
    return before - lake.row_count(REJECTED_RECORDS)


# -- compaction ----------------------------------------------------------------------------------------------------------


def compact(night: Night) -> list[str]:
    """Put the files of days together that were written to since, and that no look-back touches any more; each day once."""
    lake = night.lake
    newest = clock(lake)
    if newest is None:
        return []
    open_from = newest - timedelta(days=max(night.settings.lookback_days, _PENDING_DAYS) + 1)
    done = [_compact_days(lake, table, open_from) for table in TABLES if table.partitioned_by]
    done += [_compact_whole(lake, table) for table in TABLES if not table.partitioned_by]
    return [sentence for sentence in done if sentence]


def _compact_days(lake: Lake, table: Table, open_from: date) -> str | None:
    kept, version = _told(lake, table, _COMPACTED), lake.version(table)
    waiting = {date.fromisoformat(day) for day in kept.get("waiting", [])}
    touched = waiting.union(day for day in _touched(lake, table, kept.get("version", -1)) if day is not None)
    closed = sorted(day for day in touched if _last_day(table, day) < open_from)
    if not closed:
        return None
    told = lake.consumed(table).as_json()
    for begin in range(0, len(closed), _LOT):
        lake.log(table).compact(closed[begin : begin + _LOT], table.z_order, told)
    lake.forget(table)
    is_done = lake.version(table) > version  # of single files, which are in no order, nothing is made
    rest = sorted(day.isoformat() for day in touched.difference(closed))
    lake.log(table).set_properties({_COMPACTED: json.dumps({"version": version, "waiting": rest})}, told)
    lake.forget(table)
    return f"{table.name}: {counted(len(closed), 'day')} put together, {closed[0]} to {closed[-1]}" if is_done else None


def _touched(lake: Lake, table: Table, since: int) -> list[date | None]:
    try:
        return lake.touched_days(table, since)
    except ChangesGoneError:  # it is long ago: all of them then
        return lake.touched_days(table, -1)


def _last_day(table: Table, day: date) -> date:
    """Return the last day of a partition: of most it is the day, of baselines the month's last."""
    if table is not PRINCIPAL_BASELINES:
        return day
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _compact_whole(lake: Lake, table: Table) -> str | None:
    before = lake.log(table).file_count
    if before < _MANY_FILES:
        return None
    lake.log(table).compact(None, table.z_order, lake.consumed(table).as_json())
    lake.forget(table)
    after = lake.log(table).file_count
    return f"{table.name}: {before:,} files are {after:,} now" if after < before else None


# -- deletion ------------------------------------------------------------------------------------------------------------


def vacuum(night: Night) -> list[str]:
    """Delete files that left the tables longer ago than `vacuum_days`, of tables whose changes everybody has consumed.

    Done last: it notes that upkeep is done up to what the ledger has. While somebody is behind it is not, and is looked at again.
    """
    lake = night.lake
    waiting = behind(lake)
    unread = {upstream.name for _, upstream in waiting}
    table_id, version = lake.table_id(INVESTIGATIONS), lake.version(INVESTIGATIONS)
    seen = consumed_version(night.settings.report_folder, table_id)
    if 0 <= seen < version and lake.has_changes(INVESTIGATIONS, seen):
        unread.add(INVESTIGATIONS.name)  # the pages have yet to follow
    done = []
    for table in TABLES:
        if table.name in unread:
            continue
        count = lake.log(table).vacuum(night.settings.vacuum_days * 24, lake.consumed(table).as_json())
        if count:
            lake.forget(table)
            done.append(
                f"{table.name}: {counted(count, 'file')} deleted, unused for {counted(night.settings.vacuum_days, 'day')}"
            )
    if unread:
        night.warnings.append(_not_yet(f"files of {', '.join(sorted(unread))} are kept", waiting))
        return done
    note = {"ledger": lake.version(INGEST_FILES), "settings": _settings(night)}
    lake.log(INGEST_FILES).set_properties({_UPKEEP: json.dumps(note)}, lake.consumed(INGEST_FILES).as_json())
    lake.forget(INGEST_FILES)
    return done


def _settings(night: Night) -> list[int]:
    return [night.settings.retention_months, night.settings.vacuum_days, night.settings.lookback_days]


def _told(lake: Lake, table: Table, name: str) -> dict[str, Any]:
    """Return what a property of a table says, in JSON."""
    try:
        return dict(json.loads(lake.log(table).properties.get(name, "{}"))) if lake.version(table) else {}
    except ValueError:
        return {}


def _not_yet(what: str, waiting: Iterable[tuple[Table, Table]]) -> str:
    names = sorted({table.name for table, _ in waiting} or {"reports"})
    return f"{what}: {', '.join(names)} have yet to follow what came; run the night to its end first"
