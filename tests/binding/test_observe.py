"""
What a `limits` limiter was asked is what is recorded: limit, key and cost of every hit.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

pytest.importorskip("limits")

from crossfade import Observation, Outcome, Request
from crossfade.observe import limits as watch
from limits import parse
from limits.aio.storage import MemoryStorage as AsyncMemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter as AsyncFixedWindow
from limits.aio.strategies import MovingWindowRateLimiter as AsyncMovingWindow
from limits.storage import MemoryStorage
from limits.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    SlidingWindowCounterRateLimiter,
)

FEW, MANY = parse("2/minute"), parse("9/minute")
STRATEGIES = [FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter]


def observed(seam: Any, function: Any) -> Observation:
    """What the seam sees of a control."""
    seam.control("pages", function)
    request = Request.of("GET", "/", peer="10.0.0.1")
    control = seam.control_of(request)
    if control.is_async:
        result: Observation = asyncio.run(seam.observe_async(control, request, 0))
    else:
        result = seam.observe(control, request, 0)
    return result


@pytest.fixture
def seam(service):
    return service.seam()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_hit_is_a_charge(seam, strategy):
    """
    Admitted hits, refused ones and repeated ones are recorded in order, and the answers are the library's.
    """
    limiter, twin = strategy(MemoryStorage()), strategy(MemoryStorage())
    watch(limiter, {FEW: "few"})
    answers = []

    def control(_request: Request) -> Outcome:
        answers.extend(limiter.hit(FEW, "a", "b") for _ in range(3))
        answers.append(limiter.hit(FEW, "other", cost=2))
        return Outcome.accepted()

    charges = observed(seam, control).charges

    assert charges == [("few", b"a/b", 1)] * 3 + [("few", b"other", 2)]
    assert answers == [*(twin.hit(FEW, "a", "b") for _ in range(3)), twin.hit(FEW, "other", cost=2)]
    assert answers == [True, True, False, True]


@pytest.mark.parametrize("strategy", [AsyncFixedWindow, AsyncMovingWindow])
def test_async_limiters_are_watched_too(seam, strategy):
    """
    A limiter of `limits.aio` stays one: its hits are awaited, recorded and answered.
    """
    limiter = strategy(AsyncMemoryStorage())
    watch(limiter, {FEW: "few"})
    answers = []

    async def control(_request: Request) -> Outcome:
        answers.extend([await limiter.hit(FEW, "a", cost=2), await limiter.hit(FEW, "a")])
        return Outcome.accepted()

    assert observed(seam, control).charges == [("few", b"a", 2), ("few", b"a", 1)]
    assert answers == [True, False]


@pytest.mark.parametrize(
    ("identifiers", "key"),
    [
        ((), b""),
        (("a",), b"a"),
        (("a", "b/c", ""), b"a/b/c/"),
        ((None, "x"), b"None/x"),
        ((7, 1.5), b"7/1.5"),
        ((b"bytes", "text"), b"bytes/text"),
        (("caf\xe9",), b"caf\xe9"),
        ((b"caf\xc3\xa9",), b"caf\xc3\xa9"),
        (("\u20ac",), b"\xe2\x82\xac"),
        (("raw\udcff",), b"raw\xff"),
        (("\u20ac\udcff",), b"\xe2\x82\xac\xed\xb3\xbf"),
    ],
)
def test_keys_are_what_is_counted(seam, identifiers, key):
    """
    A key is the identifiers as the library turns them into text, joined by slashes; text is the bytes it was read from.
    """
    limiter = MovingWindowRateLimiter(MemoryStorage())
    watch(limiter, {MANY: "many"})

    observation = observed(seam, lambda _: limiter.hit(MANY, *identifiers) and Outcome.accepted())

    assert observation.charges == [("many", key, 1)]
    assert observation.outcome == Outcome.accepted()


def test_an_item_without_a_name_has_its_own_text(seam):
    """
    A limit that the policy does not know is recorded all the same: the comparison shows it.
    """
    limiter = MovingWindowRateLimiter(MemoryStorage())
    watch(limiter, {FEW: "few"})

    observation = observed(seam, lambda _: limiter.hit(MANY, "a") and Outcome.accepted())

    assert observation.charges == [("9 per 1 minute", b"a", 1)]


def test_items_of_one_rate_are_told_apart_by_namespace(seam):
    """
    Two limits of the same rate have names of their own where their namespaces differ.
    """
    one, other = parse("2/minute"), parse("2/minute")
    other.namespace = "OTHER"
    limiter = MovingWindowRateLimiter(MemoryStorage())
    watch(limiter, {one: "one", other: "other"})

    def control(_request: Request) -> Outcome:
        limiter.hit(one, "a")
        limiter.hit(other, "a")
        return Outcome.accepted()

    assert observed(seam, control).charges == [("one", b"a", 1), ("other", b"a", 1)]


def test_nothing_is_noted_outside_a_control():
    """
    A watched limiter that somebody else uses answers as ever and notes nothing.
    """
    limiter = FixedWindowRateLimiter(MemoryStorage())
    watch(limiter, {FEW: "few"})

    assert [limiter.hit(FEW, "a") for _ in range(3)] == [True, True, False]


def test_a_limiter_is_watched_once():
    """
    Watching twice would charge twice, so it is refused.
    """
    limiter = FixedWindowRateLimiter(MemoryStorage())
    watch(limiter, {FEW: "few"})

    with pytest.raises(ValueError, match="watched already"):
        watch(limiter, {MANY: "many"})


def test_silence_means_no_charges(seam):
    """
    Where a limiter is watched, a control that hits none has charged nobody: an empty list, not an unknown.
    """
    watch(FixedWindowRateLimiter(MemoryStorage()), {FEW: "few"})

    assert observed(seam, lambda _: Outcome.accepted()).charges == []


def test_charges_belong_to_their_request(seam):
    """
    Controls that run at a time, in tasks and threads, each keep their own charges; so do tasks that a control starts.
    """
    limiter = MovingWindowRateLimiter(MemoryStorage())
    watch(limiter, {MANY: "many"})

    async def hit(client: str) -> None:
        await asyncio.sleep(0)
        limiter.hit(MANY, client)

    async def control(request: Request) -> Outcome:
        await asyncio.gather(*(hit(request.peer or "") for _ in range(3)))
        return Outcome.accepted()

    seam.control("pages", control)
    requests = [Request.of("GET", "/", peer=f"10.0.0.{n}") for n in range(20)]
    entry = seam.control_of(requests[0])

    async def all_of_them() -> list[Observation]:
        return list(await asyncio.gather(*(seam.observe_async(entry, request, 0) for request in requests)))

    seen: list[list[Observation]] = []
    threads = [threading.Thread(target=lambda: seen.append(asyncio.run(all_of_them()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    expected = [[("many", f"10.0.0.{n}".encode(), 1)] * 3 for n in range(20)]
    assert [[observation.charges for observation in observations] for observations in seen] == [expected] * 3


def test_a_refusal_that_is_raised_keeps_its_charges(seam):
    """
    What was charged before a control raised is part of what is observed.
    """
    limiter = MovingWindowRateLimiter(MemoryStorage())
    watch(limiter, {FEW: "few"})

    def control(_request: Request) -> Outcome:
        limiter.hit(FEW, "a")
        raise LookupError("afterwards")

    observation = observed(seam, control)

    assert observation.charges == [("few", b"a", 1)]
    assert isinstance(observation.raised, LookupError)
