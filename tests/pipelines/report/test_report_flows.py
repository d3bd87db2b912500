"""The page's section of flows: peers and what is new; one sentence without flow logs; nothing where there is nothing to watch."""

from __future__ import annotations

import re

import pytest

from pipelines.report import render
from tests.builders import ACCOUNT
from tests.pipelines.report.test_report_page import HOSTILE, Page
from tests.transforms.investigations.cases import document, session
from tests.transforms.investigations.test_investigations_flows import peer, total


def page(*panels, instance="i-1"):
    root = {"root_type": "EC2Instance", "root_id": instance, "root_name": None, "root_account_id": ACCOUNT}
    found = dict(zip(("flow_totals", "flow_peers"), panels, strict=False))
    return render(document({"family": [session(**root)], **found}))


def test_render__flows_show_peers_ports_and_bytes_and_the_new_ones_first():
    known = peer("198.51.100.2", is_new=False, known_at="2026-04-02T00:00:00Z", rejected_count=3, bytes_out=5_000)
    refused = peer("198.51.100.3", is_new=False, accepted_count=0, rejected_count=7)
    text = page([total()], [peer("198.51.100.1", bytes_out=1_860_000_000, port_count=9), known, refused])
    section = text[text.index('<h2 id="flows">') : text.index('<h2 id="past">')]
    rows = re.findall(r"<tr( class=\"fresh\")?><th scope=\"row\"><code>(?:<[^>]*>)*([0-9.]+)", section)
    assert rows == [(' class="fresh"', "198.51.100.1"), ("", "198.51.100.2"), ("", "198.51.100.3")]
    assert "1.9 GB" in section
    assert "TCP 443 theirs, ICMP" in section
    assert "and 7 more" in section
    assert [said for said in ("not seen", "last 2026-04-02", "rejected only") if said not in section] == []
    assert '<a href="#flows">' in text


def test_render__without_flow_logs_there_is_a_sentence_and_no_panel():
    text = page()
    section = text[text.index('<h2 id="flows">') : text.index('<h2 id="past">')]
    assert "The lake has no VPC flow logs" in section
    assert "<table" not in section
    assert "<dl" not in section


def test_render__what_is_no_instance_has_no_section_and_neither_has_an_older_document():
    assert 'id="flows"' not in render(document())
    older = document()
    del older["flows"]
    assert 'id="flows"' not in render(older)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_render__what_stands_in_a_flow_log_is_text(hostile):
    instance = f"i-{hostile}"
    text = page(
        [total(watched_id=instance, interface_ids=[f"eni{hostile}"])],
        [peer(f"10.0.0.1{hostile}", watched_id=instance)],
        instance=instance,
    )
    found = Page(text)
    assert len(found.all("script")) == len(Page(page([total()], [peer("10.0.0.1")])).all("script"))
    assert found.all("img") == []
    assert "onerror=" not in "".join(f"{name}=" for _, attributes in found.elements for name in attributes)
