"""
Counts of limits change sides with a route, key by key: whatever stages requests meet, each side decides as one that has
counted all of them, and at every switch both have the same counts.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("limits")

from crossfade import Outcome, Request, seam
from crossfade.observe import limits as watch
from crossfade.observe._handover import count_of
from crossfade.observe._kept import kept
from limits import parse
from limits.aio.storage import MemoryStorage as AsyncMemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter as AsyncMovingWindow
from limits.storage import MemoryStorage
from limits.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    SlidingWindowCounterRateLimiter,
)

STRATEGIES = {
    "fixed-window": FixedWindowRateLimiter,
    "moving-window": MovingWindowRateLimiter,
    "sliding-window-counter": SlidingWindowCounterRateLimiter,
}
RATE = parse("5/minute")
POLICY = """
version = 1
[limits.clients]
key = ["literal:all", "client"]
rate = "5/minute"
strategy = "{strategy}"
[[route]]
name = "pages"
match = "GET|POST /{{path*}}"
limits = ["clients"]
"""


class Clock:
    """A wall clock that moves when it is told to, for both sides."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.micros = time.time_ns() // 1000
        monkeypatch.setattr(time, "time", lambda: self.micros / 1e6)
        monkeypatch.setattr(seam, "time_ns", lambda: self.micros * 1000)

    def sleep(self, seconds: float) -> None:
        self.micros += round(seconds * 1e6)


class Stopped:
    """A purge that never comes: it runs in real time."""

    def is_alive(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Both:
    """A route whose control is a watched limiter, and a limiter beside it that is asked the same and never switched."""

    def __init__(self, service: Any, strategy: str, clock: Clock) -> None:
        self.clock, self.service, self.strategy = clock, service, strategy
        self.limiter, self.twin = (STRATEGIES[strategy](storage()) for _ in range(2))
        watch(self.limiter, {RATE: "clients"})
        self.seam = service.seam()
        self.seam.control("pages", lambda request: self.control(request.peer))
        self.seam.status()

    def control(self, client: str) -> Outcome:
        granted = self.limiter.hit(RATE, "all", client)
        return Outcome.accepted() if granted else Outcome.limited("clients", retry_after=1)

    def stage(self, stage: str) -> None:
        self.service.stage("pages", stage, follow=self.seam)

    def ask(self, client: str) -> tuple[bool, bool]:
        """What the client is told, and what the twin says."""
        request = Request.of("GET", "/", peer=client)
        decides = self.seam._native.place(request.scope)
        told = self.seam.admit(request) if decides else self.control(client)
        return told.kind == "accepted", self.twin.hit(RATE, "all", client)

    def row(self) -> dict[str, Any]:
        found: dict[str, Any] = self.seam.status()["routes"]["pages"]
        return found

    def counts(self, client: str) -> tuple[Any, Any]:
        """What the control and the twin have counted."""
        terms = (self.strategy, 5, 60)
        here = count_of("clients", terms, f"all/{client}", self.clock.micros / 1e6)
        return here, kept(self.twin, RATE).read(f"all/{client}", self.clock.micros / 1e6)


def storage() -> Any:
    made = MemoryStorage()
    made.timer.cancel()
    made.timer.join()
    made.timer = Stopped()
    return made


@pytest.fixture
def both(make_service, clock):
    gc.collect()
    return lambda strategy: Both(make_service(POLICY.format(strategy=strategy)), strategy, clock)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_key_starts_over_at_any_switch(both, clock, strategy):
    """
    Through all stages, forth and back, in the middle of windows, every client is told what a limiter that counts alone
    would tell it; the candidate answers in canary and live from the first request on.
    """
    random.seed(5)
    sides = both(strategy)
    clients = [f"10.0.0.{n}" for n in range(6)]
    sides.stage("off")
    stages = [
        "off",
        "shadow",
        "canary:50",
        "live",
        "shadow",
        "off",
        "live",
        "off",
        "shadow",
        "live",
        "canary:30",
        "off",
    ]
    for stage in stages:
        sides.stage(stage)
        before = sides.row()
        for _ in range(30):
            clock.sleep(random.choice([0, 0.5, 1, 3]))
            told, expected = sides.ask(random.choice(clients))
            assert told == expected, stage
        answered = sides.row()["answered_by_candidate"] - before["answered_by_candidate"]
        assert {"off": answered == 0, "shadow": answered == 0, "live": answered == 30}.get(stage, 0 < answered < 30)
    assert sides.row()["cold"] == 0


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("back", ["off", "shadow", "canary:50"])
def test_the_control_gets_what_the_candidate_has_counted(both, clock, strategy, back):
    """
    After `live` the control's count of a key is, with its next hit, what it had been if it had counted all the time.
    """
    sides = both(strategy)
    sides.stage("live")
    for _ in range(3):
        clock.sleep(1)
        sides.ask("10.0.0.1")
    assert not any(sides.limiter.storage.events) and not any(sides.limiter.storage.storage)

    sides.stage(back)
    clock.sleep(1)
    sides.ask("10.0.0.1")

    here, there = sides.counts("10.0.0.1")
    assert here == there


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_fallback_in_live_is_counted_once_by_each_side(both, clock, strategy):
    """
    Where the candidate fails in `live`, the control answers from what the candidate had counted before this request.
    """
    sides = both(strategy)
    sides.stage("live")
    for _ in range(4):
        sides.ask("10.0.0.1")
    sides.service.stage("pages", "live", follow=sides.seam, fault="panic")

    assert [sides.ask("10.0.0.1") for _ in range(3)] == [(True, True), (False, False), (False, False)]
    here, there = sides.counts("10.0.0.1")
    assert here == there


def test_a_limit_that_nobody_watches_waits(make_service, clock):
    """
    Where the control's store is not known, the candidate answers only when everything that it missed is over.
    """
    gc.collect()
    service = make_service(POLICY.format(strategy="fixed-window"))
    service.stage("pages", "off")
    unwatched = service.seam()
    unwatched.control("pages", lambda _: Outcome.accepted())
    request = Request.of("GET", "/", peer="10.0.0.1")
    assert not unwatched._native.place(request.scope)
    service.stage("pages", "live", follow=unwatched)

    unwatched.admit(request)
    assert unwatched.status()["routes"]["pages"]["cold"] == 1
    clock.sleep(120)
    unwatched.admit(request)
    row = unwatched.status()["routes"]["pages"]
    assert (row["cold"], row["answered_by_candidate"]) == (1, 1)


def test_a_limiter_of_other_terms_is_none_of_the_policys(both, clock):
    """
    Counts of another rate say nothing about this one: nothing is seeded from them.
    """
    both("fixed-window")
    assert count_of("clients", ("fixed-window", 6, 60), "all/a", clock.micros / 1e6) is None


def test_async_limiters_hand_over_too(make_service, clock):
    """
    A limiter of `limits.aio` is given counts under the locks of its own storage, and read without them.
    """
    gc.collect()
    service = make_service(POLICY.format(strategy="moving-window"))
    limiter = AsyncMovingWindow(AsyncMemoryStorage())
    watch(limiter, {RATE: "clients"})
    waited = service.seam()

    async def control(request: Request) -> Outcome:
        granted = await limiter.hit(RATE, "all", request.peer or "")
        return Outcome.accepted() if granted else Outcome.limited("clients", retry_after=1)

    waited.control("pages", control)
    request = Request.of("GET", "/", peer="10.0.0.1")
    waited.status()

    async def told(times: int) -> list[bool]:
        if waited._native.place(request.scope):
            return [(await waited.admit_async(request)).kind == "accepted" for _ in range(times)]
        return [(await control(request)).kind == "accepted" for _ in range(times)]

    told_by_stage = []
    for stage, times in [("off", 2), ("live", 2), ("off", 3)]:
        service.stage("pages", stage, follow=waited)
        told_by_stage.append(asyncio.run(told(times)))

    assert told_by_stage == [[True, True], [True, True], [True, False, False]]


def test_counting_starts_no_process_half(service):
    """
    A limiter that is asked before the first request, as while a service starts, makes nothing with a thread.
    """
    gc.collect()
    unasked = service.seam()
    limiter = MovingWindowRateLimiter(storage())
    watch(limiter, {RATE: "clients"})
    before = set(Path("/proc/self/task").iterdir())
    assert limiter.hit(RATE, "all", "early")
    assert set(Path("/proc/self/task").iterdir()) == before
    assert unasked._native.hands_over(time.time()) is False


def test_a_key_waits_when_only_the_control_has_counted_it(make_service, clock):
    """
    A body that the candidate cannot judge is counted by the control alone. Where nobody sees how, the client's next
    requests are the control's until that hit no longer matters, and other clients' are the candidate's.
    """
    service = make_service(
        POLICY.format(strategy="fixed-window") + 'limits_stand = "after-body"\n[route.json]\nmax_bytes = "1MiB"\n'
    )
    service.stage("pages", "live")
    seam, limiter = service.seam(), FixedWindowRateLimiter(storage())

    def control(request: Request) -> Outcome:
        granted = limiter.hit(RATE, "all", request.peer)
        return Outcome.accepted() if granted else Outcome.limited("clients", retry_after=1)

    seam.control("pages", control)

    def post(client: str, body: bytes = b"{}") -> str:
        return seam.admit(
            Request.of("POST", "/", peer=client, headers=[(b"content-type", b"application/json")], body=body)
        ).kind

    deep = b"[" * 100 + b"]" * 100
    assert [post("10.0.0.1", deep) for _ in range(5)] == ["accepted"] * 5
    assert (post("10.0.0.1"), post("10.0.0.2")) == ("limited", "accepted")
    row = seam.status()["routes"]["pages"]
    assert (row["cold"], row["answered_by_candidate"]) == (1, 1)

    clock.sleep(61)
    assert post("10.0.0.1") == "accepted"
    assert seam.status()["routes"]["pages"]["cold"] == 1
