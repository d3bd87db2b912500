"""Names of reports: nobody else chooses them."""

from __future__ import annotations

import pytest

from transforms.investigations.links import report_name


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
