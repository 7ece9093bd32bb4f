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


def observed(seam: Any, function: Any, counted: Any = None) -> Observation:
    """What the seam sees of a control, after a candidate has counted those hits in the control's counters."""
    seam.control("pages", function)
    request = Request.of("GET", "/", peer="10.0.0.1")
    control = seam.control_of(request)
    if control.is_async:
        result: Observation = asyncio.run(seam.observe_async(control, request, 0, counted=counted))
    else:
        result = seam.observe(control, request, 0, counted=counted)
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
        (("caf\xe9",), b"caf\xc3\xa9"),
        ((b"caf\xc3\xa9",), b"caf\xc3\xa9"),
        (("\u20ac",), b"\xe2\x82\xac"),
        (("raw\udcff",), b"raw\xed\xb3\xbf"),
        (("\u20ac\udcff",), b"\xe2\x82\xac\xed\xb3\xbf"),
    ],
)
def test_keys_are_what_is_counted(seam, identifiers, key):
    """
    A key is the identifiers as the library turns them into text, joined by slashes, in UTF-8: a storage counts so.
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


COUNTED = [("few", b"a", 1, True), ("few", b"a", 1, False), ("few", b"caf\xc3\xa9", 1, False)]
# Per hit: its identifier, its cost, whether it only tests, and the answer.
BESIDE = [
    ("a", 1, True, True),
    ("a", 1, False, True),
    ("a", 5, False, False),
    ("a", 1, False, True),
    ("a", 3, False, False),
    ("b", 1, False, True),
    ("b", 3, True, False),
    ("caf\xe9", 1, False, False),
]


@pytest.mark.parametrize("is_async", [False, True])
def test_what_the_candidate_has_counted_is_not_counted_again(seam, is_async):
    """
    Each hit gets the candidate's answer of that limit and key, whatever its cost, once; a test looks at the next one;
    what the candidate has not counted is tested. The storage is not written to, and the charges are the control's own.
    """
    limiter = AsyncFixedWindow(AsyncMemoryStorage()) if is_async else FixedWindowRateLimiter(MemoryStorage())
    watch(limiter, {FEW: "few"})
    answers = []

    def control(_request: Request) -> Outcome:
        for key, cost, tests, _ in BESIDE:
            answers.append((limiter.test if tests else limiter.hit)(FEW, key, cost=cost))
        return Outcome.accepted()

    async def control_async(_request: Request) -> Outcome:
        for key, cost, tests, _ in BESIDE:
            answers.append(await (limiter.test if tests else limiter.hit)(FEW, key, cost=cost))
        return Outcome.accepted()

    charges = observed(seam, control_async if is_async else control, COUNTED).charges

    assert answers == [answer for *_, answer in BESIDE]
    assert charges == [("few", key.encode(), cost) for key, cost, tests, _ in BESIDE if not tests]
    assert not limiter.storage.storage


@pytest.mark.parametrize("is_async", [False, True])
def test_answers_are_kept_with_their_charges(seam, is_async):
    """
    Of each hit its answer is kept, and the seconds until the reset where the control asked for it.
    """
    limiter = AsyncFixedWindow(AsyncMemoryStorage()) if is_async else FixedWindowRateLimiter(MemoryStorage())
    watch(limiter, {FEW: "few"})

    def control(_request: Request) -> Outcome:
        assert [limiter.hit(FEW, "a", cost=2), limiter.hit(FEW, "a"), limiter.hit(FEW, "b")] == [True, False, True]
        limiter.get_window_stats(FEW, "a")
        return Outcome.accepted()

    async def control_async(_request: Request) -> Outcome:
        hits = [await limiter.hit(FEW, "a", cost=2), await limiter.hit(FEW, "a"), await limiter.hit(FEW, "b")]
        assert hits == [True, False, True]
        await limiter.get_window_stats(FEW, "a")
        return Outcome.accepted()

    observation = observed(seam, control_async if is_async else control)
    answers = observation.charges.answers

    assert observation.raised is None
    assert [answer[:4] for answer in answers] == [
        ("few", b"a", 2, True),
        ("few", b"a", 1, False),
        ("few", b"b", 1, True),
    ]
    assert [answer[4] is not None for answer in answers] == [False, True, False]
    assert 59 < answers[1][4] <= 60
