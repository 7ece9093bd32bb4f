"""
Binding: a request holds its place from the decision until it is done, however it ends.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from crossfade import Outcome, Request
from crossfade.asgi import CrossfadeMiddleware

POLICY = """
version = 1

[limits.in-flight]
key = ["client"]
strategy = "concurrent"
most = 1

[[route]]
name = "pages"
match = "* /{path*}"
limits = ["in-flight"]
rejects = "problem+json"
"""

SCOPE = {"type": "http", "method": "GET", "path": "/a", "raw_path": b"/a", "query_string": b"", "headers": []}


class Served:
    """The service of the policy, live, with an app that answers when it is told to."""

    def __init__(self, service: Any, stage: str = "live") -> None:
        service.stage("pages", stage)
        self.seam = service.seam()
        self.seam.control("pages", lambda _: Outcome.accepted())
        self.app = CrossfadeMiddleware(self.serve, self.seam)
        self.end = asyncio.Event()
        self.begun = asyncio.Event()
        self.fails = False

    async def serve(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.begun.set()
        await self.end.wait()
        if self.fails:
            raise RuntimeError("the app fails")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def status(self) -> int:
        """The status of one more request."""
        statuses = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self.app(SCOPE | {"client": ("10.0.0.1", 1)}, receive, send)
        return statuses[0]

    def begin(self) -> asyncio.Task[int]:
        return asyncio.ensure_future(self.status())


@pytest.mark.parametrize("ending", ["answered", "failed", "cancelled"])
def test_a_place_is_held_until_the_request_is_done(make_service, ending):
    """
    While a request is served the next is refused; when it is done, in whatever way, the next is served.
    """

    async def story() -> None:
        served = Served(make_service(POLICY))
        first = served.begin()
        await served.begun.wait()
        assert await served.status() == 429
        served.fails = ending == "failed"
        if ending == "cancelled":
            first.cancel()
        served.end.set()
        await asyncio.wait([first])
        served.fails = False
        assert await served.status() == 200

    asyncio.run(story())


def test_a_shadow_holds_places_for_what_the_control_serves(make_service):
    """
    In shadow nobody is refused, and the candidate's verdict is the one that it would give.
    """

    async def story() -> None:
        served = Served(make_service(POLICY), "shadow")
        requests = [served.begin(), served.begin()]
        await served.begun.wait()
        served.end.set()
        assert await asyncio.gather(*requests) == [200, 200]

    asyncio.run(story())


def test_a_request_that_cannot_be_asked_gives_nobodys_place_back(make_service):
    """
    What the candidate cannot even read leaves the places of other requests as they are.
    """
    service = make_service(POLICY)
    service.stage("pages", "live")
    seam = service.seam()
    seam.control("pages", lambda _: Outcome.accepted())
    request = Request.of("GET", "/a", peer="10.0.0.1")
    assert seam.admit(request).kind == "accepted"

    seam._native.pass_by(SCOPE | {"headers": [("text", "text")]}, b"", 1)

    assert seam.admit(Request.of("GET", "/a", peer="10.0.0.1")).kind == "limited"
    request.finish()


@pytest.mark.parametrize("says", [True, False])
def test_a_forgotten_request_is_not_in_flight(make_service, says):
    """
    Whoever asks the seam says when a request is done, or drops it.
    """
    service = make_service(POLICY)
    service.stage("pages", "live")
    seam = service.seam()
    seam.control("pages", lambda _: Outcome.accepted())

    def ask() -> tuple[Request, str]:
        request = Request.of("GET", "/a", peer="10.0.0.1")
        return request, seam.admit(request).kind

    request, kind = ask()
    assert kind == "accepted"
    assert ask()[1] == "limited"
    if says:
        request.finish()
        assert ask()[1] == "accepted"
    del request
    assert ask()[1] == "accepted"
