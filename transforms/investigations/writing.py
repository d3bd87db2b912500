"""From gathered evidence to rows: the documents are written by the executors, an Arrow batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import orjson
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from expectations.tables import INVESTIGATION_INDICATORS, INVESTIGATIONS
from transforms.investigations.answers import told
from transforms.investigations.case import Case, Row, instant_of
from transforms.investigations.document import build_document

if TYPE_CHECKING:
    import pyarrow as pa

_INDICATOR = ", ".join(
    f"{column.name}: {column.type}"
    for column in INVESTIGATION_INDICATORS.columns
    if column.name not in ("investigation_id", "finding_id")
)
SCHEMA = ", ".join(
    [
        *[f"`{column.name}` {column.type}" for column in INVESTIGATIONS.columns if column.name != "report_uri"],
        f"indicators array<struct<{_INDICATOR}>>",
    ]
)


def write_documents(gathered: DataFrame) -> DataFrame:
    """Return INVESTIGATIONS rows (without report_uri) with their `indicators`, from what `gather` gives."""
    import pyarrow as pa  # noqa: PLC0415
    from pyspark.sql.pandas.types import to_arrow_schema  # noqa: PLC0415

    schema = to_arrow_schema(
        cast("StructType", StructType.fromDDL(SCHEMA)), timezone="UTC"
    )  # here: parsing DDL needs the session

    def written(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                yield pa.RecordBatch.from_pylist([write_row(row)], schema=schema)

    return gathered.mapInArrow(written, SCHEMA)


def write_row(row: dict[str, Any]) -> Row:
    """Return the row of one investigation."""
    case = Case.read(row)
    document = build_document(case)
    complete_to = document["logs"]["complete_to_at"]
    return {
        "investigation_id": case.subject["investigation_id"],
        "entity_kind": case.subject["entity_kind"],
        "entity_id": case.subject["entity_id"],
        "finding_id": case.subject["finding_id"],
        "finding_updated_at": case.subject["finding_updated_at"],
        "scope_start_at": case.subject["scope_start_at"],
        "scope_end_at": case.subject["scope_end_at"],
        "logs_complete_to_at": instant_of(complete_to) if complete_to else None,
        **{name: told(sentences) for name, sentences in document["answers"].items()},
        "severity": document["severity"]["label"],
        "score": document["severity"]["score"],
        "document": orjson.dumps(document).decode(),
        "indicators": document["indicators"],
    }
