"""
What a service is told of its limits: headers on responses, and costs that are settled late.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from crossfade import Outcome, Request
from crossfade._problems import problem
from crossfade.asgi import CrossfadeMiddleware

POLICY = """
version = 1

[limits.tokens]
key = ["client"]
rate = "100/hour"
strategy = "fixed-window"
cost = "given:tokens"
settles = true

[limits.requests]
key = ["client"]
rate = "3/hour"
strategy = "moving-window"

[[route]]
name = "ask"
match = "POST /ask"
limits = ["tokens"]

[[route]]
name = "told"
match = "GET /told"
limits = ["requests"]
limit_headers = "STYLE"

[[route]]
name = "plain"
match = "GET /plain"
limits = ["requests"]

[[route]]
name = "both"
match = "GET /both"
limits = ["tokens", "requests"]
limits_charge = "atomic"
"""

CLIENT = "10.0.0.1"


def ask(tokens: int = 1, target: str = "/ask", method: str = "POST") -> Request:
    return Request.of(method, target, peer=CLIENT, given={"tokens": str(tokens)})


def seam_of(service: Any, style: str = "ietf-10", stage: str = "live", **controls: Any) -> Any:
    service.policy.write_text(POLICY.replace("STYLE", style))
    for route in ("ask", "told", "plain", "both"):
        service.stage(route, stage)
    seam = service.seam()
    for route in ("ask", "told", "plain", "both"):
        seam.control(route, controls.get(route, lambda _: Outcome.accepted()))
    return seam


# -- settling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["shadow", "live"])
def test_a_cost_is_settled_when_it_is_known(service, stage):
    """
    What was charged is corrected to the whole cost, as often as more is known; in shadow too, where only the
    candidate's own counts are touched.
    """
    seam = seam_of(service, stage=stage)
    outcome = seam.admit(ask(10))
    assert seam.peek("tokens", CLIENT).remaining == 90

    assert seam.settle(outcome, 40)
    assert seam.peek("tokens", CLIENT).remaining == 60
    assert seam.settle(outcome, 25, limit="tokens")
    assert seam.peek("tokens", CLIENT).remaining == 75


def test_a_settled_cost_may_exceed_the_limit(service):
    """
    The truth counts even where it would not have been granted: then nothing is left.
    """
    seam = seam_of(service)
    assert seam.settle(seam.admit(ask(1)), 500)
    assert seam.peek("tokens", CLIENT).remaining == 0
    assert seam.admit(ask(1)).kind == "limited"


def test_nothing_is_settled_where_nothing_was_charged(service):
    """
    A refused request, and one of a route whose limits do not settle, have no charge to settle.
    """
    seam = seam_of(service)
    refused = seam.admit(ask(101))
    assert (refused.kind, seam.settle(refused, 5)) == ("limited", False)
    assert not seam.settle(seam.admit(ask(target="/plain", method="GET")), 5)
    assert not seam.settle(seam.admit(ask(1)), 5, limit="requests")


def test_a_cost_has_bounds(service):
    seam = seam_of(service)
    outcome = seam.admit(ask(1))
    for cost in (-1, 2**53 + 1):
        with pytest.raises(ValueError, match="from 0 to"):
            seam.settle(outcome, cost)


def test_a_key_is_looked_at_and_forgotten(service):
    """
    A look counts nothing; after a reset the key begins anew. A limit that does not exist is an error.
    """
    seam = seam_of(service)
    for _ in range(4):
        seam.admit(ask(target="/plain", method="GET"))
    window = seam.peek("requests", CLIENT)
    assert (window.remaining, window) == (0, seam.peek("requests", CLIENT))
    assert seam.peek("requests", "10.9.9.9").remaining == 3

    seam.reset("requests", CLIENT)
    assert seam.peek("requests", CLIENT).remaining == 3
    for call in (seam.peek, seam.reset):
        with pytest.raises(ValueError, match="'nobody'"):
            call("nobody", CLIENT)


def test_all_or_nothing_consumes_nothing(service):
    """
    With `limits_charge = "atomic"` a refusal by the second limit leaves the first as it was.
    """
    seam = seam_of(service)
    both = ask(10, "/both", "GET")
    assert [seam.admit(both).kind for _ in range(5)] == ["accepted"] * 3 + ["limited"] * 2
    assert seam.peek("tokens", CLIENT).remaining == 70


# -- headers ---------------------------------------------------------------------------------------------------------


def respond(seam: Any, target: str, response: tuple[int, list[tuple[bytes, bytes]]]) -> dict[bytes, list[bytes]]:
    """The headers of a response by an app that answers as told, or by a refusal."""
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        status, headers = response
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = Request.of("GET", target, peer=CLIENT).scope | {"path": target}
    asyncio.run(CrossfadeMiddleware(app, seam)(scope, receive, send))
    found: dict[bytes, list[bytes]] = {}
    for name, value in sent[0]["headers"]:
        found.setdefault(name, []).append(value)
    return found


def test_accepted_and_refused_responses_say_what_is_left(service):
    """
    Each response of a route that wants it says once what is left, and a refusal when to come back.
    """
    seam = seam_of(service)
    policy = b'"requests";q=3;w=3600'
    for left in (b"2", b"1", b"0"):
        headers = respond(seam, "/told", (200, [(b"x-own", b"1")]))
        assert (headers[b"ratelimit-policy"], headers[b"x-own"]) == ([policy], [b"1"])
        assert headers[b"ratelimit"][0].startswith(b'"requests";r=' + left + b";t=3")
        assert b"retry-after" not in headers
    refused = respond(seam, "/told", (200, []))
    assert refused[b"ratelimit"][0].startswith(b'"requests";r=0;t=')
    assert int(refused[b"retry-after"][0]) >= int(refused[b"ratelimit"][0].rpartition(b"=")[2]) > 3500
    assert len(refused[b"retry-after"]) == 1


@pytest.mark.parametrize(
    ("response", "stage", "target"),
    [((303, []), "live", "/told"), ((200, []), "shadow", "/told"), ((200, []), "live", "/plain")],
)
def test_others_say_nothing(service, response, stage, target):
    """
    Redirects, responses that the control answers for, and routes that do not want headers get none.
    """
    headers = respond(seam_of(service, stage=stage), target, response)
    assert headers == {}


def test_a_service_that_tells_itself_is_left_alone(service):
    """
    Where the service's own stack writes these headers, they are not doubled.
    """
    own = [(b"x-ratelimit-limit", b"9"), (b"retry-after", b"1")]
    headers = respond(seam_of(service, "flask-limiter"), "/told", (200, own))
    assert headers == {name: [value] for name, value in own}


@pytest.mark.parametrize(
    ("own", "said"), [(b"99999", b"99999"), (b"1", b"3600"), (b"Sun, 06 Nov 2094 08:49:37 GMT", None)]
)
def test_the_later_time_to_retry_holds(service, own, said):
    """
    A service's own time to retry after is never brought forward; a date stays.
    """
    headers = respond(seam_of(service, "slowapi"), "/told", (503, [(b"retry-after", own)]))
    assert headers[b"x-ratelimit-remaining"] == [b"2"]
    [value] = headers[b"retry-after"]
    assert value == (said or own) or (said == b"3600" and int(value) >= 3599)


def test_an_outcome_carries_the_headers(service):
    """
    A seam elsewhere than in ASGI finds them in the outcome, spelled as the style does.
    """
    outcome = seam_of(service, "slowapi").admit(ask(target="/told", method="GET"))
    names = [name for name, _ in outcome.limit_headers]
    assert names == [b"X-RateLimit-Limit", b"X-RateLimit-Remaining", b"X-RateLimit-Reset", b"Retry-After"]
    assert outcome == Outcome.accepted()


# -- problem details -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (
            Outcome.limited("requests", retry_after=7),
            429,
            {
                "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
                "title": "Request cannot be satisfied as assigned quota has been exceeded",
                "violated-policies": ["requests"],
            },
        ),
        (Outcome.invalid("path_too_long"), 414, {"title": "URI Too Long", "code": "path_too_long"}),
        (
            Outcome.invalid("headers_too_large"),
            431,
            {"title": "Request Header Fields Too Large", "code": "headers_too_large"},
        ),
    ],
)
def test_a_refusal_by_a_limit_is_its_own_problem(outcome, status, said):
    """
    The problem type of the RateLimit draft names the limits; structural ones have the status that HTTP has for them.
    """
    code, headers, body = problem(outcome)

    assert (code, json.loads(body)) == (status, said | {"status": status})
    retry = {b"retry-after": b"7"} if outcome.retry_after else {}
    told = {b"content-type": b"application/problem+json", b"content-length": b"%d" % len(body)}
    assert dict(headers) == told | retry
