"""A lake that another version made: brought up to date, or refused with what to do.

The ledger's properties say which version made the lake and by which contracts. Where they are ours, that is one look. Else every table
is held against its contract first, so that a lake which must be refused is left as it is; then columns that are missing are added, and
what is derived is made anew by the run: it is told to have consumed nothing, in the commit that adds the column. The ledger is stamped
last: a migration that was killed is done again.
"""

from __future__ import annotations

from typing import NamedTuple

from expectations.contract import Column, Table
from expectations.tables import BRONZE, INGEST_FILES, LAKE_VERSION, TABLES, contract_of
from pipelines.creation import STAMP, properties_of, stamp
from pipelines.lake import Consumed, Lake, LakeError
from pipelines.stages import stages

_RULE = "delta.constraints."
_ANEW = "make the lake anew from its logs in another folder: rolescope backfill --lake OTHER --cloudtrail …"


class _Difference(NamedTuple):
    table: Table
    unknown: list[str]
    missing: list[Column]
    other: list[str]


def agree(lake: Lake, *, may_change: bool) -> list[str]:
    """See to it that the lake is one of this version; return what was done, in sentences.

    Args:
        lake: it may be new: without any table.
        may_change: whether the caller holds it; who only reads leaves an older lake as it is.

    Raises:
        LakeError: it was made by a newer version, or by an older one and cannot be brought up to date; the message says what to do.
    """
    ledger = lake.log(INGEST_FILES)
    if not ledger.is_there:
        return []
    version, contract = _made_by(ledger.properties.get(STAMP))
    if version > LAKE_VERSION:
        raise LakeError(
            f"the lake {lake.uri} was made by a newer rolescope (lake version {version}, this one knows {LAKE_VERSION}): "
            "update rolescope, or name another lake with --lake"
        )
    if not may_change or (version, contract) == (LAKE_VERSION, contract_of()):
        return []
    return _migrate(lake, is_older=version < LAKE_VERSION)


def _made_by(text: str | None) -> tuple[int, str]:
    version, _, contract = (text or "").partition(" ")
    return (int(version), contract) if version.isdecimal() else (0, "")


def _migrate(lake: Lake, *, is_older: bool) -> list[str]:
    differences = [_Difference(table, *lake.log(table).unlike()) for table in TABLES if lake.log(table).is_there]
    for difference in differences:
        _refuse(lake, difference)
    anew = _made_anew(differences, is_older=is_older)
    for difference in differences:
        _change(lake, difference, is_made_anew=difference.table.name in anew)
    lake.log(INGEST_FILES).set_properties({STAMP: stamp()}, lake.consumed(INGEST_FILES).as_json())
    lake.forget(INGEST_FILES)
    added = [f"{each.table.name}.{column.name}" for each in differences for column in each.missing]
    return [
        f"the lake was made by an older rolescope and is brought up to date: {', '.join(added) or 'no column'} added, "
        f"{', '.join(table.name for table in TABLES if table.name in anew) or 'nothing'} made anew by this run"
    ]


def _refuse(lake: Lake, difference: _Difference) -> None:
    """Stop before anything is changed, if the table cannot be brought up to date."""
    table, path = difference.table, lake.path(difference.table)
    if difference.unknown:
        raise LakeError(
            f"{path} has columns that this rolescope does not know ({', '.join(difference.unknown)}): it was made by another "
            "version; update rolescope, or name another lake with --lake"
        )
    if difference.other:
        raise LakeError(
            f"{path} was made by an older rolescope, with {', '.join(difference.other)} of another kind: {_ANEW}"
        )
    if table in BRONZE and difference.missing and lake.row_count(table):
        names = ", ".join(column.name for column in difference.missing)
        raise LakeError(
            f"{path} was made by an older rolescope without {names}, which only the log objects tell: {_ANEW}"
        )


def _made_anew(differences: list[_Difference], *, is_older: bool) -> set[str]:
    """Return the derived tables that the run has to make anew: with the others of their stage, since the last says how far it is."""
    lacking = {each.table.name for each in differences if is_older or each.missing}
    return {table.name for stage in stages() if lacking & {t.name for t in stage.tables} for table in stage.tables}


def _change(lake: Lake, difference: _Difference, *, is_made_anew: bool) -> None:
    table, log = difference.table, lake.log(difference.table)
    told = (Consumed() if is_made_anew else lake.consumed(table)).as_json()
    if difference.missing:
        log.add_columns(difference.missing, told)
    properties = log.properties
    rules = {name.removeprefix(_RULE): rule for name, rule in properties.items() if name.startswith(_RULE)}
    for name, rule in rules.items():
        if table.constraints.get(name) != rule:
            log.drop_constraint(name, told)
    for name, rule in table.constraints.items():
        if rules.get(name) != rule:
            _add_constraint(lake, table, name, told)
    wanted = {
        name: value for name, value in properties_of(table).items() if not name.startswith(_RULE) and name != STAMP
    }
    changed = {name: value for name, value in wanted.items() if properties.get(name) != value}
    if changed or is_made_anew:
        log.set_properties({**changed, "rolescope.consumed": told}, told)
    lake.forget(table)


def _add_constraint(lake: Lake, table: Table, name: str, told: str) -> None:
    try:
        lake.log(table).add_constraint(name, table.constraints[name], told)
    except Exception as error:  # neither engine raises a narrower class for it
        raise LakeError(
            f"{lake.path(table)} was made by an older rolescope, and rows of it break a rule that came since ({name}): "
            f"{_ANEW}"
        ) from error
