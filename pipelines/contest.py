"""Which keys stand more than once, found in this process: on one machine, where the rows that were read lie in files.

Of a million records some thousands share their key with another, and to find these is all that most lots need. Spark takes ten
seconds to say so, Arrow one. What is done about them stays in `transforms.cloudtrail.copies`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from transforms.cloudtrail.copies import DELIVERED

Rows = Callable[[Sequence[str]], Iterable[pa.RecordBatch]]
"""From names of columns to these columns of some rows. It is asked twice: for keys, and for more of the few that are contested."""


def contested_rows(held: Mapping[str, Rows], key: Sequence[str], columns: Sequence[str]) -> pa.Table | None:
    """Return the rows whose key stands more than once, at least once among the deliveries; nothing if there are none.

    Args:
        held: rows by where they are held (DELIVERED, and where else).
        key: columns of which one row may stand. None of them is null.
        columns: what is wanted of each row beside its key.

    Returns:
        key, columns, and `held`.
    """
    delivered = _distinct(_table(held[DELIVERED](key)))
    again = delivered.filter(pc.greater(delivered["count_all"], 1)).select(key)
    delivered = delivered.select(key)
    others = [_table(rows(key)) for where, rows in held.items() if where != DELIVERED]
    stored = [other.join(delivered, keys=key, join_type="left semi") for other in others if other.num_rows]
    keys = _distinct(pa.concat_tables([again, *stored])).select(key)
    if not keys.num_rows:
        return None
    names = list(dict.fromkeys([*key, *columns]))
    return pa.concat_tables([_held_there(where, rows(names), keys) for where, rows in held.items()])


def _held_there(where: str, rows: Iterable[pa.RecordBatch], keys: pa.Table) -> pa.Table:
    found = _table(rows)
    chosen = found.join(keys, keys=keys.column_names, join_type="left semi") if found.num_rows else found
    return chosen.append_column("held", pa.array([where] * chosen.num_rows, pa.string()))


def _distinct(keys: pa.Table) -> pa.Table:
    return keys.group_by(keys.column_names).aggregate([([], "count_all")])


def _table(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(list(batches)) if not isinstance(batches, pa.RecordBatchReader) else batches.read_all()
