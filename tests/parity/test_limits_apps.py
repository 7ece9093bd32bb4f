"""
Parity: an app with Flask-Limiter and one with slowapi answer the same bytes when only their storage's URI changes.

Both run under a clock that is set by hand, below a microsecond too, so that reset times can be compared to the last
digit that slowapi prints.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import crossfade.limits  # noqa: F401
import pytest
from flask import Flask, request
from flask_limiter import Limiter as FlaskLimiter
from limits.storage import MemoryStorage
from limits.strategies import STRATEGIES
from parity.hand_clock import Clock
from slowapi import Limiter as SlowLimiter
from slowapi import _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

REQUESTS = 600
URIS = ["crossfade://", "crossfade+shm://{}?scope=host&max_keys=10000"]

Answer = tuple[str, tuple[tuple[str, str], ...], bytes]  # status, headers, body
App = Callable[[str, str], Answer]  # path and client


def flask_app(uri: str, strategy: str) -> tuple[App, Any]:
    app = Flask(__name__)
    limiter = FlaskLimiter(
        lambda: request.headers["x-client"],
        app=app,
        storage_uri=uri,
        strategy=strategy,
        headers_enabled=True,
        default_limits=["40/minute", "6/second"],
        default_limits_per_method=True,
    )
    orders = limiter.shared_limit("30/minute", scope="orders")

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/cheap")
    @orders
    @limiter.limit("10/10second", override_defaults=False)
    def cheap() -> str:
        return "cheap"

    @app.get("/dear")
    @orders
    @limiter.limit("25/minute", cost=lambda: 3)
    def dear() -> str:
        return "dear"

    @app.get("/exempt")
    @limiter.exempt
    def exempt() -> str:
        return "exempt"

    client = app.test_client()

    def ask(path: str, who: str) -> Answer:
        got = client.get(path, headers={"x-client": who})
        return got.status, tuple(got.headers.items()), got.data

    return ask, limiter.storage


def slow_app(uri: str, strategy: str) -> tuple[App, Any]:
    limiter = SlowLimiter(lambda request: request.headers["x-client"], storage_uri=uri, strategy=strategy)
    limiter._headers_enabled = True
    orders = limiter.shared_limit("30/minute", scope="orders")

    @limiter.limit("20/minute")
    @limiter.limit("6/second")
    async def plain(request: Any) -> PlainTextResponse:
        return PlainTextResponse("plain")

    @orders
    async def cheap(request: Any) -> PlainTextResponse:
        return PlainTextResponse("cheap")

    @orders
    @limiter.limit("25/minute", cost=lambda _: 3)
    async def dear(request: Any) -> PlainTextResponse:
        return PlainTextResponse("dear")

    async def exempt(request: Any) -> PlainTextResponse:
        return PlainTextResponse("exempt")

    app = Starlette(routes=[Route(f"/{view.__name__}", view) for view in (plain, cheap, dear, exempt)])
    app.state.limiter = limiter
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]

    def ask(path: str, who: str) -> Answer:
        return asyncio.run(asgi(app, path, who))

    return ask, limiter._storage


async def asgi(app: Any, path: str, who: str) -> Answer:
    """What an ASGI app sends for a GET."""
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"scheme": "http", "server": ("test", 80), "client": ("192.0.2.1", 1), "query_string": b""}
    scope |= {"headers": [(b"host", b"test"), (b"x-client", who.encode())], "root_path": ""}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = tuple((name.decode(), value.decode()) for name, value in sent[0]["headers"])
    return str(sent[0]["status"]), headers, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("app", [flask_app, slow_app])
def test_only_the_uri_changes(
    app: Callable[[str, str], tuple[App, Any]], strategy: str, uri: str, clock: Clock, table: str
) -> None:
    """
    Status, every header and the body of every answer are those over memory://.
    """
    control, memory = app("memory://", strategy)
    candidate, _ = app(uri.format(table), strategy)
    chance, seen = random.Random(f"{app.__name__} {strategy}"), set()
    for _ in range(REQUESTS):
        clock.now += chance.choice([0, 0, 2.0**-22, chance.random() / 5, chance.random() * 3])
        assert isinstance(memory, MemoryStorage)
        memory._MemoryStorage__expire_events()  # what its thread would have done meanwhile
        path, who = chance.choice(["/plain", "/plain", "/cheap", "/dear", "/exempt"]), chance.choice(["ada", "bo/b"])

        expected = control(path, who)

        assert candidate(path, who) == expected, (path, who, clock.now)
        assert path == "/exempt" or "X-RateLimit-Reset".lower() in {name.lower() for name, _ in expected[1]}
        seen.add((path, expected[0][:3]))

    assert seen >= {("/plain", "200"), ("/plain", "429"), ("/cheap", "429"), ("/dear", "429"), ("/exempt", "200")}
