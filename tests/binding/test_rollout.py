"""
Checks that are not enforced yet, and the cap on what is outside the grammar, as a service sees them.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from crossfade import Outcome, Request

POLICY = """
version = 1

[limits.clients]
key = ["client"]
rate = "100000/minute"
strategy = "moving-window"

[[route]]
name = "pages"
match = "GET|HEAD /{path*}"
limits = ["clients"]
ROLLOUT

[route.target]
dots = "strict"
"""


@pytest.fixture
def live(make_service):
    """A seam whose pages are live, by a policy with one more line."""

    def make(line: str) -> Any:
        service = make_service(POLICY.replace("ROLLOUT", line))
        service.stage("pages", "live")
        seam = service.seam()
        seam.control("pages", lambda _: Outcome.accepted(path=b"/control"))
        return seam

    return make


def row(seam: Any) -> dict[str, Any]:
    return seam.status()["routes"]["pages"]


@pytest.mark.parametrize(("rollout", "warnings"), [("observe", ()), ("warn", [("path.encoded_reserved", None)])])
def test_a_watched_check_is_counted_and_the_request_goes_on(live, rollout, warnings):
    """
    A check that is not enforced refuses nobody; each time that it would have is counted, and `warn` tells the service.
    """
    seam = live(f'rollout = {{ "path.encoded_reserved" = "{rollout}" }}')
    outcomes = [seam.admit(Request.of("GET", "/a%2Fb")) for _ in range(3)]

    assert [(outcome.kind, outcome.path) for outcome in outcomes] == [("accepted", None)] * 3
    assert all(list(outcome.warnings) == list(warnings) for outcome in outcomes)
    assert row(seam)["remarks"] == {"path.encoded_reserved": 3}
    assert row(seam)["unsupported"] == 0


def test_an_enforced_check_leaves_no_remark(live):
    """
    What acts is counted as what it did, not as what it would have done.
    """
    seam = live("")

    assert seam.admit(Request.of("GET", "/a%2Fb")).path == b"/control"
    assert (row(seam)["remarks"], row(seam)["unsupported"]) == ({}, 1)


def flood(seam: Any, count: int) -> list[Outcome]:
    return [seam.admit(Request.of("GET", "/a%2Fb")) for _ in range(count)]


def test_above_its_cap_a_route_raises_the_alarm_once(live, caplog):
    """
    Clients that choose to be outside the grammar are seen: one line in the log, and the status says so.
    """
    seam = live("unsupported = { cap = 0.1 }")
    with caplog.at_level(logging.WARNING, logger="crossfade"):
        assert not row(seam)["above_cap"]
        answers = flood(seam, 300)

    assert all(outcome.path == b"/control" for outcome in answers), "the control judges still"
    assert row(seam)["above_cap"]
    assert [record.name for record in caplog.records] == ["crossfade"]
    assert "route pages" in caplog.text


def test_above_its_cap_a_live_route_may_refuse(live):
    """
    With `above = "reject"` nobody makes the control work by choosing to be outside; limits have run before.
    """
    seam = live('unsupported = { cap = 0.1, above = "reject" }')
    answers = flood(seam, 300)
    refused = [outcome for outcome in answers if outcome.kind == "invalid"]

    assert {outcome.code for outcome in refused} == {"invalid_path"}
    assert len(refused) == row(seam)["refused_above_cap"] == 200
    assert seam.admit(Request.of("GET", "/a/b")).kind == "accepted", "others are served"
