"""
Parity: the library's own strategies answer over crossfade's storage as over its MemoryStorage, to the last bit.

Both run under one clock that is set by hand, below a microsecond too, and without the original's purge thread. Where
that thread decides what the original says, `settle` says which of its answers is meant.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import limits.aio.strategies
import limits.strategies
import pytest
from crossfade.limits import AsyncCrossfadeStorage, CrossfadeStorage
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import STRATEGIES
from parity.hand_clock import Clock

OPERATIONS = 1_000_000 if os.environ.get("CROSSFADE_LONG") else 20_000
EPISODE = 1_000  # operations on the same few keys
TICK = 2.0**-22  # what a float of seconds can tell apart until 2038
RATES = ("0/second", "1/second", "3/second", "10/2second", "100/7second", "5/minute", "7/3minute", "2/hour", "1000/day")

Operation = tuple[str, RateLimitItem, str, int]  # what is asked, of which limit, for whom, and the cost


def episodes(name: str, clock: Clock) -> Iterator[Iterator[Operation]]:
    for number in range(OPERATIONS // EPISODE):
        yield episode(random.Random(f"{name} {number}"), clock)


def episode(chance: random.Random, clock: Clock) -> Iterator[Operation]:
    """Random operations on three keys under two limits, with a liking for the edges of windows. Sets the clock."""
    items = [parse(rate) for rate in chance.sample(RATES, 2)]
    clock.now = 1_700_000_000 + TICK * chance.randrange(1 << 40)
    marks = [clock.now]
    for _ in range(EPISODE):
        item = chance.choice(items)
        clock.now = max(clock.now, later(chance, item, clock.now, marks))
        marks = [*marks[-20:], clock.now]
        cost = chance.choice([1, 1, 1, 1, 0, 2, item.amount, item.amount + 1, chance.randrange(item.amount + 1), -1])
        ask = chance.choices(["hit", "test", "stats", "clear"], [60, 15, 24, 1])[0]
        yield ask, item, f"k{chance.randrange(3)}", cost


def later(chance: random.Random, item: RateLimitItem, now: float, marks: list[float]) -> float:
    length = item.get_expiry()
    step = chance.random()
    if step < 0.3:
        return now
    if step < 0.4:
        return now + TICK * chance.randrange(4)
    if step < 0.7:
        return now + chance.random() * 2 * length / max(item.amount, 1)
    if step < 0.75:
        return now + chance.random() * 3 * length
    edge = chance.choice([now - now % length, *marks]) + length * chance.choice([1, 1, 2])
    return edge + TICK * chance.choice([-1, 0, 1])


def answer(limiter: Any, operation: Operation) -> Any:
    ask, item, key, cost = operation
    if ask == "stats":
        return limiter.get_window_stats(item, key)
    if ask == "clear":
        return limiter.clear(item, key)
    return getattr(limiter, ask)(item, key, cost=cost)


def settle(storage: MemoryStorage, operation: Operation, now: float) -> None:
    """
    Forgets a moving window's entries that are over, where none is left inside: before the purge the original names a
    reset in the past, after it one of a whole length from now. An entry at the very end of its window stays: it decides
    the next hit, as it does before the purge.
    """
    _, item, key, _ = operation
    entries = storage.events.get(item.key_for(key), [])
    horizon = now - item.get_expiry()
    if entries and entries[0].atime <= horizon:
        del entries[sum(entry.atime == horizon for entry in entries) :]


PLACES = [("crossfade://", name) for name in STRATEGIES]
PLACES += [("crossfade+shm://{}?scope=host", name) for name in STRATEGIES]


@pytest.mark.parametrize(("uri", "name"), PLACES)
def test_the_strategies_answer_as_over_memory(uri: str, name: str, clock: Clock, table: str) -> None:
    """
    Whatever is asked, in whatever rhythm: hits, tests, stats and clears have the answers of MemoryStorage.
    """
    seen = set()
    for operations in episodes(name, clock):
        memory = MemoryStorage()
        storage = CrossfadeStorage(uri.format(table), max_keys=1_000)
        storage.reset()
        control, candidate = STRATEGIES[name](memory), STRATEGIES[name](storage)
        for operation in operations:
            if operation[3] < 0 and name != "moving-window" and (name == "sliding-window-counter" or "shm" in uri):
                continue  # see test_a_negative_cost_stops_at_nothing
            settle(memory, operation, clock.now)
            expected = answer(control, operation)
            assert answer(candidate, operation) == expected, (operation, clock.now)
            seen.add((operation[0], expected if isinstance(expected, bool) else None))

    assert seen == {*itertools.product(["hit", "test"], [True, False]), ("stats", None), ("clear", None)}


@pytest.mark.parametrize(
    ("uri", "name"),
    [("crossfade://", "sliding-window-counter"), *(place for place in PLACES[3:] if place[1] != "moving-window")],
)
def test_a_negative_cost_stops_at_nothing(uri: str, name: str, clock: Clock, table: str) -> None:
    """
    A cost below 0 takes back what is counted, as the original does; but a sliding window, and any count in a shared
    table, stops at nothing, and the original goes on below it.
    """
    clock.now, item = 1_700_000_000.25, parse("5/minute")
    control = STRATEGIES[name](MemoryStorage())
    candidate = STRATEGIES[name](CrossfadeStorage(uri.format(table), max_keys=1_000))
    for cost in (5, -1, -2, 2, 1, -3):
        assert candidate.hit(item, cost=cost) == control.hit(item, cost=cost)
        assert candidate.get_window_stats(item) == control.get_window_stats(item)
    assert candidate.hit(item, cost=-7) and control.hit(item, cost=-7)

    assert candidate.get_window_stats(item).remaining == 5
    assert control.get_window_stats(item).remaining > 5


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_async_strategies_answer_as_the_others(name: str, clock: Clock) -> None:
    """
    Over the async storage every answer is that of the other one.
    """
    asynchronous = {
        "fixed-window": limits.aio.strategies.FixedWindowRateLimiter,
        "moving-window": limits.aio.strategies.MovingWindowRateLimiter,
        "sliding-window-counter": limits.aio.strategies.SlidingWindowCounterRateLimiter,
    }

    async def both() -> None:
        control = STRATEGIES[name](CrossfadeStorage())
        candidate = asynchronous[name](AsyncCrossfadeStorage())
        for operation in episode(random.Random(name), clock):
            assert await answer(candidate, operation) == answer(control, operation), (operation, clock.now)

    asyncio.run(both())


def asked(storage: Any, chance: random.Random) -> list[Callable[[], Any]]:
    """Everything that can be asked of a storage's counters."""
    key, amount = chance.choice("ab"), chance.choice([1, 2, 0, -1, -3, 1 << 40])
    return [
        lambda: storage.incr(key, chance.choice([1, 2, 0.5]), amount),
        lambda: storage.get(key),
        # The original forgets what is over only when it is asked for the count.
        lambda: (storage.get(key), storage.get_expiry(key)),
        lambda: storage.clear(key),
    ]


def test_counters_are_the_originals(clock: Clock) -> None:
    """
    Below the strategies too: amounts below zero, sums of nothing and lengths in fractions of a second.
    """
    control, candidate = MemoryStorage(), CrossfadeStorage()
    for number in range(OPERATIONS):
        chance = random.Random(number)
        clock.now += chance.choice([0, TICK, 0.25, 0.5, 1])
        choice = chance.choices(range(4), [60, 20, 19, 1])[0]
        expected = asked(control, random.Random(number))[choice]()
        assert asked(candidate, random.Random(number))[choice]() == expected, number
