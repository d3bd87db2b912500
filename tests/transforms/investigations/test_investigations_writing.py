"""Names of reports, and the SQL they offer: nobody else chooses what it does."""

from __future__ import annotations

import duckdb
import pytest

from tests.transforms.investigations.cases import case
from transforms.investigations.links import report_name
from transforms.investigations.rest import sql


@pytest.mark.parametrize(
    "hostile", ["../../etc/passwd", "a" * 5_000, "CON:", "x/y", ".hidden", "a\x00b", "\u202e", "A" * 20, "\ud800"]
)
def test_report_name__is_a_plain_name_whatever_the_finding_is_called(hostile):
    name = report_name(hostile, "0" * 32)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(name) <= 64


def test_report_name__keeps_ids_as_guardduty_makes_them_and_tells_others_apart():
    assert report_name("bbaae594bf08f30b", "0" * 32) == "bbaae594bf08f30b"
    assert report_name("../a", "0" * 32) != report_name("../b", "0" * 32)
    assert report_name(None, "0" * 32) == "0" * 32


def test_sql__asks_for_the_scope_of_the_entity_and_its_name_is_data():
    told = duckdb.connect()
    told.execute(
        "CREATE TABLE cloudtrail_events AS SELECT TIMESTAMP '2026-05-01 12:30' AS event_at, DATE '2026-05-01' AS event_date, "
        "'x' AS event_source, 'y' AS event_name, 'success' AS outcome, NULL AS error_code, '198.51.100.7' AS source_ip, 'u' AS user_agent, "
        "'k' AS access_key_id, 'e' AS event_id, 's' AS source_uri, 'AROA:o''brien' AS role_session_id"
    )
    assert len(told.execute(sql(case(entity_id="AROA:o'brien"))).fetchall()) == 1
    assert told.execute(sql(case(entity_id="x' OR '1'='1"))).fetchall() == []
    assert sql(case(entity_id="a\\' OR 1=1 --")) is None


def test_sql__of_an_origin_is_its_daily_counts():
    asked = sql(case(entity_kind="root", entity_id="idp:sara"))
    assert "principal_activity_daily" in asked
    assert "principal_id = 'idp:sara'" in asked
