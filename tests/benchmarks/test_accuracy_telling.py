"""What is told of a comparison: on a terminal, and as a document."""

import io
import json

from rich.console import Console

from benchmarks.accuracy.telling import document, tell
from tests.benchmarks.judged import ALICE, MALLORY, judged, row, truth, unknown


def test_tell__names_every_session_that_is_wrong_or_missed():
    result = judged([truth(), truth(organisation=2, principal_id="AROA2:alice")], [row(root_id=MALLORY[1])])
    console = Console(record=True, width=200, file=io.StringIO())
    tell(result, console)
    said = console.export_text()
    assert (
        f"AROA1:alice at 2026-03-02T01:00:00Z: is IAMUser {MALLORY[1]} by KEY_EXACT; should be IAMUser {ALICE[1]}"
        in said
    )
    assert "AROA2:alice at 2026-03-02T01:00:00Z: 0 rows are this session" in said
    assert "precision 0.00% of 1 marked resolved, recall 0.00% of 2 that can be known (at least 99.5%), 1 wrong" in said


def test_document__counts_by_case_and_by_method_and_lists_what_is_not_right():
    told = document(judged([truth(), unknown(case=24, principal_id="AROA2:x")], [row(root_id=MALLORY[1])]))
    assert json.loads(json.dumps(told)) == json.loads(json.dumps(told, default=str))
    assert {case: counts["wrong"] for case, counts in told["by_case"].items()} == {"1": 1, "24": 0}
    assert told["by_method"]["KEY_EXACT"]["sessions"] == 1
    assert [each["told"]["root_id"] for each in told["wrong"]] == [MALLORY[1]]
    assert (told["precision"], told["recall"], told["holds"]) == (0.0, 0.0, False)
