"""
Headers that a decision rewrote, as the service behind reads them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from crossfade import Outcome
from crossfade.asgi import CrossfadeMiddleware

HEADERS = """
version = 1

[limits.clients]
key = ["client"]
rate = "5/minute"
strategy = "moving-window"

[[route]]
name = "pages"
match = "* /{path*}"
limits = ["clients"]

[route.host]

[route.headers]
"""


def forwarded(service: Any, stage: str, control: Any, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that the app behind gets for these."""
    service.stage("pages", stage)
    seam = service.seam()
    seam.control("pages", control)
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["headers"])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/a", "raw_path": b"/a", "query_string": b"", "headers": headers}
    asyncio.run(CrossfadeMiddleware(app, seam)(scope | {"client": ("10.0.0.1", 1)}, receive, None))
    assert scope["headers"] is headers
    return seen[0]


def test_rewritten_headers_are_those_of_the_scope_that_goes_on(make_service):
    """
    The service behind reads the normalised headers; the scope that came is as it was.
    """
    came = [(b"host", b"Example.ORG."), (b"x-a", b" 1 "), (b"te", b"trailers"), (b"accept", b"a"), (b"accept", b"b")]
    sent = list(came)

    assert forwarded(make_service(HEADERS), "live", lambda _: Outcome.accepted(), sent) == [
        (b"host", b"example.org"),
        (b"x-a", b"1"),
        (b"accept", b"a, b"),
    ]
    assert sent == came


def test_a_control_may_say_which_headers_go_on(make_service):
    """
    What a control forwards is forwarded: headers too.
    """
    ours = [(b"x-a", b"1")]

    assert (
        forwarded(make_service(HEADERS), "shadow", lambda _: Outcome.accepted(headers=ours), [(b"x-a", b"0")]) == ours
    )
