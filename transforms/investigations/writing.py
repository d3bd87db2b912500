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
from transforms.investigations.context import EMPTY, Context
from transforms.investigations.document import build_document
from transforms.investigations.links import report_name

if TYPE_CHECKING:
    import pyarrow as pa

_INDICATOR = ", ".join(
    f"{column.name}: {column.type}"
    for column in INVESTIGATION_INDICATORS.columns
    if column.name not in ("investigation_id", "finding_id")
)
SCHEMA = ", ".join(
    [
        *[f"`{column.name}` {column.type}" for column in INVESTIGATIONS.columns],
        f"indicators array<struct<{_INDICATOR}>>",
    ]
)


def write_documents(gathered: DataFrame, report_folder: str | None = None, context: Context = EMPTY) -> DataFrame:
    """Return INVESTIGATIONS rows with their `indicators`, from what `gather` gives; their reports will lie in the folder named."""
    import pyarrow as pa  # noqa: PLC0415
    from pyspark.sql.pandas.types import to_arrow_schema  # noqa: PLC0415

    schema = to_arrow_schema(
        cast("StructType", StructType.fromDDL(SCHEMA)), timezone="UTC"
    )  # here: parsing DDL needs the session

    def written(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                yield pa.RecordBatch.from_pylist([write_row(row, report_folder, context)], schema=schema)

    return gathered.mapInArrow(written, SCHEMA)


def write_row(row: dict[str, Any], report_folder: str | None = None, context: Context = EMPTY) -> Row:
    """Return the row of one investigation."""
    case = Case.read(row, context)
    document = build_document(case)
    name = report_name(case.subject["finding_id"], case.subject["investigation_id"])
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
        "is_asked": case.subject["is_asked"],
        "beside_finding_ids": case.subject["beside_finding_ids"],
        "report_uri": f"{report_folder}/{name}.html" if report_folder else None,
        "indicators": document["indicators"],
    }
