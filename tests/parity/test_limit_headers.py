"""Parity: the headers about limits are those of Flask-Limiter and slowapi, byte for byte, under a frozen clock.

The control is a real Flask or Starlette app with the real extension over `limits`. The IETF style has no control: what
it says is read by a parser of structured fields and held against what the style of slowapi says of the same requests.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import flask
import flask_limiter._extension
import http_sf
import limits.storage.memory
import limits.strategies
import pytest
import slowapi
import slowapi.extension
from flask_limiter import Limiter as FlaskLimiter
from parity.candidate import Candidate, Question
from parity.dice import Dice, by_seeds, toml
from slowapi.errors import RateLimitExceeded
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

SERVICES = 1_000 if os.environ.get("CROSSFADE_LONG") == "1" else 60
REQUESTS = 50
START = 1_700_000_000_000_000
CLIENTS = ["a", "b"]
STRATEGIES = ["fixed-window", "moving-window", "sliding-window-counter"]
RATES = [
    "2/second",
    "5/second",
    "3/5 seconds",
    "9/minute",
    "4/60 seconds",
    "30/10 minutes",
    "8/hour",
    "20/day",
    "9/month",
]

Headers = list[tuple[str, str]]


@dataclass
class Service:
    """One route's limits, and how a request hits them."""

    strategy: str
    cost: int
    own: list[str]
    shared: list[str]

    @classmethod
    def draw(cls, dice: Dice, with_shared: bool) -> Service:
        rates = dice.sample(RATES, dice.randint(1, 4))
        split = dice.randint(0, len(rates)) if with_shared else len(rates)
        return cls(dice.choice(STRATEGIES), dice.choice([1, 1, 2]), rates[:split], rates[split:])

    def policy(self, **keys: str) -> str:
        tables = {}
        # Flask-Limiter knows a view's limits in the order in which the decorators were applied.
        for index, rate in enumerate(self.shared + self.own):
            parts = ["header:x-client"] + (["route"] if index >= len(self.shared) else [])
            table = {"key": parts, "on_missing": "skip", "rate": rate, "strategy": self.strategy}
            tables[f"limit{index}"] = table | ({"cost": self.cost} if self.cost > 1 else {})
        route = {"name": "view", "match": "GET /", "limits": list(tables)}
        return toml({"version": 1, "limits": tables, "route": [route | keys]})


class NoTimer:
    """The purge thread of `limits`, which never runs."""

    def __init__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        pass

    def is_alive(self) -> bool:
        return True


class Clock:
    """What the libraries read the time from."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.micros = START
        stopped = SimpleNamespace(time=lambda: self.micros / 1e6)
        for module in (limits.storage.memory, limits.strategies, flask_limiter._extension, slowapi.extension):
            patch.setattr(module, "time", stopped)
        patch.setattr(limits.storage.memory, "threading", SimpleNamespace(Timer=NoTimer, RLock=threading.RLock))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def requests(dice: Dice) -> Iterator[tuple[str, int]]:
    """Clients and times: close together, and now and then a window later."""
    now = START + dice.randint(0, 86_400_000_000)
    for _ in range(REQUESTS):
        now += dice.choice([0, dice.randint(1, 400_000), dice.randint(1, 9_000_000), dice.randint(1, 70_000_000)])
        now += dice.randint(0, 90_000_000_000) if dice.chance(0.03) else 0
        yield dice.choice(CLIENTS), now


def questions(policy: str, asked: list[tuple[str, int]]) -> list[Question]:
    return [
        {"policy": policy, "headers": [["x-client", client]], "now": now, **({} if index else {"fresh": True})}
        for index, (client, now) in enumerate(asked)
    ]


def told(answer: dict[str, Any]) -> tuple[bool, Headers]:
    """Whether a request was granted, and what the candidate says of its limits."""
    return answer["outcome"] == "accepted", [tuple(header) for header in answer.get("limit_headers", [])]


Ask = Callable[[str], tuple[bool, Headers]]


def flask_app(service: Service) -> Ask:
    app = flask.Flask("service")
    limiter = FlaskLimiter(
        lambda: flask.request.headers["x-client"],
        app=app,
        strategy=service.strategy,
        headers_enabled=True,
        storage_uri="memory://",
    )

    def view() -> str:
        return "ok"

    for rate in service.shared:
        view = limiter.shared_limit(rate, scope="shared", cost=service.cost)(view)
    if service.own:
        view = limiter.limit(";".join(service.own), cost=service.cost)(view)
    app.add_url_rule("/", view_func=view)
    client = app.test_client()

    def ask(name: str) -> tuple[bool, Headers]:
        response = client.get("/", headers={"x-client": name})
        assert response.status_code in (200, 429), response.data
        return response.status_code == 200, about_limits(response.headers.items())

    return ask


def slowapi_app(service: Service) -> Ask:
    limiter = slowapi.Limiter(
        lambda request: request.headers["x-client"], strategy=service.strategy, headers_enabled=True
    )

    @limiter.limit(";".join(service.own), cost=service.cost)
    async def view(request: Request) -> Response:
        return PlainTextResponse("ok")

    app = Starlette(routes=[Route("/", view)])
    app.state.limiter = limiter
    app.add_exception_handler(RateLimitExceeded, slowapi._rate_limit_exceeded_handler)

    def ask(name: str) -> tuple[bool, Headers]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"x-client", name.encode())]
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
        asyncio.run(app(scope, receive, send))
        status = sent[0]["status"]
        assert status in (200, 429), sent
        return status == 200, about_limits((n.decode(), v.decode()) for n, v in sent[0]["headers"])

    return ask


def about_limits(headers: Any) -> Headers:
    wanted = ("x-ratelimit-", "retry-after")
    return [(name, value) for name, value in headers if name.lower().startswith(wanted)]


def compare(candidate: Candidate, clock: Clock, service: Service, dice: Dice, app: Ask, policy: str) -> set[bool]:
    """The answers that were compared: granted, refused."""
    asked = list(requests(dice))
    answers = candidate.ask(questions(policy, asked))
    seen = set()
    for (client, now), answer in zip(asked, answers, strict=True):
        clock.micros = now
        granted, headers = app(client)
        lower = [(name.lower(), value) for name, value in headers]
        ours, said = told(answer)
        assert (ours, [(name.lower(), value) for name, value in said]) == (granted, lower), (service, client, now)
        seen.add(granted)
    return seen


def test_flask_limiter_says_the_same(candidate: Candidate, clock: Clock) -> None:
    seen: set[bool] = set()

    @by_seeds(SERVICES)
    def run(seed: int) -> None:
        dice = Dice(seed)
        service = Service.draw(dice, with_shared=True)
        policy = service.policy(limits_order="granularity", limit_headers="flask-limiter")
        seen.update(compare(candidate, clock, service, dice, flask_app(service), policy))

    run()
    assert seen == {True, False}


def test_slowapi_says_the_same(candidate: Candidate, clock: Clock) -> None:
    seen: set[bool] = set()

    @by_seeds(SERVICES)
    def run(seed: int) -> None:
        dice = Dice(seed)
        service = Service.draw(dice, with_shared=False)
        policy = service.policy(limit_headers="slowapi")
        seen.update(compare(candidate, clock, service, dice, slowapi_app(service), policy))

    run()
    assert seen == {True, False}


def test_structured_fields_say_what_the_library_says(candidate: Candidate) -> None:
    """`RateLimit` and its policies parse as RFC 9651 wants, and are the other style's numbers in requests."""

    @by_seeds(SERVICES)
    def run(seed: int) -> None:
        dice = Dice(seed)
        service = Service.draw(dice, with_shared=False)
        asked = list(requests(dice))
        ietf = candidate.ask(questions(service.policy(limit_headers="ietf-10"), asked))
        plain = candidate.ask(questions(service.policy(limit_headers="slowapi"), asked))
        for answer, other in zip(ietf, plain, strict=True):
            (granted, headers), (_, said) = told(answer), told(other)
            fields, expected = dict(headers), dict(said)
            policies = dict(http_sf.parse(fields["RateLimit-Policy"].encode(), name="ratelimit-policy", tltype="list"))
            states = dict(http_sf.parse(fields["RateLimit"].encode(), name="ratelimit", tltype="list"))
            assert list(policies) == [f"limit{index}" for index in range(len(service.own))]
            assert set(states) <= set(policies)
            for rate, quota in zip(service.own, policies.values(), strict=True):
                item = limits.parse(rate)
                assert quota == {"q": item.amount // service.cost, "w": item.get_expiry()}, service
            if not granted:
                refused = states[answer["limit"]]
                assert refused["r"] == 0
                assert int(fields["Retry-After"]) >= max(1, refused.get("t", 0)), service
                assert int(fields["Retry-After"]) >= answer["retry_after"], service
            else:
                assert "Retry-After" not in fields
                left = int(expected["X-RateLimit-Remaining"]) // service.cost
                assert left in {state["r"] for state in states.values()}, service
                for state in states.values():
                    assert math.isfinite(state.get("t", 0)) and state.get("t", 0) >= 0

    run()
