"""
The count of a key in a memory storage of `limits`, read and written: a storage that was given it answers as its owner.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from typing import Any

import pytest

pytest.importorskip("limits")

from crossfade.observe._kept import MOST_STAMPS, Places, kept
from limits import parse
from limits.aio.storage import MemoryStorage as AsyncMemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter as AsyncMovingWindow
from limits.storage import MemoryStorage
from limits.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    SlidingWindowCounterRateLimiter,
)

STRATEGIES = [FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter]
ITEM = parse("5/10 second")
BEGIN = 1_700_000_003.25


class Clock:
    """A wall clock that moves when it is told to; what `limits` reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = BEGIN
        monkeypatch.setattr(time, "time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Stopped:
    """A purge that never comes: it runs in real time."""

    def is_alive(self) -> bool:
        return True


def storage() -> Any:
    made = MemoryStorage()
    made.timer.cancel()
    made.timer.join()
    made.timer = Stopped()
    return made


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_count_goes_on_where_it_was_written(clock, strategy):
    """
    At any time, what is read of one storage and written into another, used or unused, makes it answer alike from then
    on: each hit, and what is left after it.
    """
    random.seed(11)
    one = strategy(storage())
    for trial in range(60):
        other = strategy(storage())
        key = f"client-{trial % 7}"
        for _ in range(random.randrange(12)):
            clock.now += random.choice([0, 0.5, 2.5, 9.75, 10, 20])
            cost = random.choice([1, 1, 2, 6])
            # The other may know a part of it already.
            if one.hit(ITEM, key, cost=cost) and random.random() < 0.3:
                other.hit(ITEM, key, cost=cost)
        here, there = kept(one, ITEM), kept(other, ITEM)

        there.write(key, here.read(key, clock.now))

        assert there.read(key, clock.now) == here.read(key, clock.now)
        for _ in range(12):
            clock.now += random.choice([0, 0.5, 2.5, 9.75, 10])
            cost = random.choice([0, 1, 2, 6])
            assert one.hit(ITEM, key, cost=cost) == other.hit(ITEM, key, cost=cost)
            stats = one.get_window_stats(ITEM, key)
            # Of stamps that are all over, `limits` names a reset in the past until it has purged them.
            if stats.reset_time >= clock.now:
                assert stats == other.get_window_stats(ITEM, key)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_key_that_was_never_seen_has_no_count(clock, strategy):
    """
    Reading makes nothing up and leaves nothing behind.
    """
    place = kept(strategy(storage()), ITEM)
    empty = {"fixed-window": (0.0, 0), "moving-window": [], "sliding-window-counter": (170000000, [0, 0, 0])}

    assert place.read("nobody", clock.now) == empty[place.strategy]
    assert not place.storage.storage
    assert not place.storage.events
    assert not place.storage.expirations


def test_an_async_storage_is_written_under_its_own_lock(clock):
    """
    A purge of `limits.aio` waits inside its lock with a list in its hand; what is written must not come between.
    """
    limiter = AsyncMovingWindow(AsyncMemoryStorage())
    place = kept(limiter, ITEM)
    name = ITEM.key_for("a")
    stamps = [clock.now - 1, clock.now - 2]

    async def run() -> tuple[bool, bool]:
        async with limiter.storage.locks[name]:
            writing = asyncio.create_task(place.write_async("a", stamps))
            await asyncio.sleep(0)
            early = name in limiter.storage.events
        await writing
        return early, await limiter.hit(ITEM, "a", cost=3) and not await limiter.hit(ITEM, "a")

    assert asyncio.run(run()) == (False, True)


def test_only_known_storages_are_known(clock):
    """
    A count is looked for in memory storages of `limits`, under strategies of `limits`, up to a bound, and nowhere else.
    """

    class Elsewhere(MemoryStorage):
        """Still one of theirs."""

    assert kept(MovingWindowRateLimiter(Elsewhere()), ITEM).strategy == "moving-window"
    elsewhere = MovingWindowRateLimiter(storage())
    elsewhere.storage = object()
    assert kept(elsewhere, ITEM) is None
    large = parse(f"{MOST_STAMPS + 1}/minute")
    assert kept(MovingWindowRateLimiter(storage()), large) is None
    assert kept(FixedWindowRateLimiter(storage()), large) is not None


def test_a_place_is_known_when_there_is_one():
    """
    The limit's name, strategy, amount and length have to lead to one storage; two limiters over one are one place, and
    one that is gone is none.
    """
    shared = storage()
    moving, fixed, again = (
        MovingWindowRateLimiter(shared),
        FixedWindowRateLimiter(shared),
        MovingWindowRateLimiter(shared),
    )
    places = Places()
    places.add(moving, {ITEM: "few"})
    places.add(fixed, {ITEM: "few"})
    places.add(again, {ITEM: "few"})

    assert places.of("few", ("moving-window", 5, 10)).storage is shared
    assert places.of("few", ("fixed-window", 5, 10)).strategy == "fixed-window"
    for limit, terms in [
        ("few", ("sliding-window-counter", 5, 10)),
        ("few", ("moving-window", 6, 10)),
        ("few", ("moving-window", 5, 1)),
        ("many", ("moving-window", 5, 10)),
    ]:
        assert places.of(limit, terms) is None
    assert places.at(fixed, ITEM, "few").strategy == "fixed-window"

    elsewhere = MovingWindowRateLimiter(storage())
    places.add(elsewhere, {ITEM: "few"})
    assert places.of("few", ("moving-window", 5, 10)) is None
    assert places.at(moving, ITEM, "few") is None
    del elsewhere
    gc.collect()
    assert places.of("few", ("moving-window", 5, 10)).storage is shared
