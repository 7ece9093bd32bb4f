"""The controls of the limits' differential: the real library over memory, over Redis' scripts, and GCRA in fractions.

Each takes an operation and gives what the candidate should: what was said (1 yes, 0 no, 2 nothing), what is left, the
reset. What the library does not have – settling, all or none – is done to its storage as docs/policy/limits.md says.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import NamedTuple

import limits.storage.memory
import limits.strategies
import pytest
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.storage.memory import Entry
from parity.limits_over_redis import Kept, OverRedis, Server

SECOND = 1_000_000
STRATEGIES = {
    "fixed-window": limits.strategies.FixedWindowRateLimiter,
    "moving-window": limits.strategies.MovingWindowRateLimiter,
    "sliding-window-counter": limits.strategies.SlidingWindowCounterRateLimiter,
}
Answer = tuple[int, int, float]
Charges = tuple[tuple[str, str, int], ...]  # rate, key, cost


class Operation(NamedTuple):
    """One question. A settled charge has what was charged and when in `charged`; `all` has its charges."""

    verb: str
    rate: str
    key: str
    cost: int
    now: int
    charged: tuple[int, int] = (0, 0)
    charges: Charges = ()


class Rates(dict[str, tuple[RateLimitItem, int, int]]):
    """Item, amount and length of each rate."""

    def __missing__(self, rate: str) -> tuple[RateLimitItem, int, int]:
        item = parse(rate)
        self[rate] = item, item.amount, item.get_expiry()
        return self[rate]


class Control:
    """What all of them share: the order in which a question is answered."""

    def __init__(self) -> None:
        self.rates = Rates()
        self.now = 0
        self.begin()

    def begin(self) -> None:
        """Forgets everything."""

    def __call__(self, operation: Operation) -> Answer:
        verb, rate, key, cost, self.now, charged, charges = operation
        if verb == "all":
            return self.all(charges)
        if verb == "hit":
            return self.hit(rate, key, cost)
        said = 2
        if verb == "test":
            said = int(self.test(rate, key, cost))
        elif verb == "settle":
            self.settle(rate, key, cost, *charged)
        elif verb == "reset":
            self.clear(rate, key)
        return said, *self.stats(rate, key)

    def hit(self, rate: str, key: str, cost: int) -> Answer:
        raise NotImplementedError

    def test(self, rate: str, key: str, cost: int) -> bool:
        raise NotImplementedError

    def stats(self, rate: str, key: str) -> tuple[int, float]:
        raise NotImplementedError

    def clear(self, rate: str, key: str) -> None:
        raise NotImplementedError

    def settle(self, rate: str, key: str, cost: int, charged: int, at: int) -> None:
        if cost < charged:
            self.give_back(rate, key, charged - cost, at)
        elif cost > charged:
            self.take(rate, key, cost - charged)

    def give_back(self, rate: str, key: str, cost: int, at: int) -> None:
        raise NotImplementedError

    def take(self, rate: str, key: str, cost: int) -> None:
        raise NotImplementedError

    def kept(self, rate: str, key: str) -> Callable[[], None]:
        """Notes what is kept of a key, and gives what puts it back."""
        raise NotImplementedError

    def all(self, charges: Charges) -> Answer:
        sums: dict[tuple[str, str], int] = {}
        for index, (rate, key, cost) in enumerate(charges):
            sums[rate, key] = sums.get((rate, key), 0) + cost
            put_back = self.kept(rate, key)
            granted = self.hit(rate, key, sums[rate, key])[0]
            put_back()
            if not granted:
                return 0, index, 0.0
        for rate, key, cost in charges:
            assert self.hit(rate, key, cost)[0], (rate, key, cost)
        return 1, len(charges), 0.0


class Library(Control):
    """The real library over its memory storage; the clock is set by hand, and `purge` is called by hand."""

    def __init__(self, patch: pytest.MonkeyPatch, strategy: str, settled: bool = True) -> None:
        clock = SimpleNamespace(time=lambda: self.now / 1e6)
        patch.setattr(limits.storage.memory, "time", clock)
        patch.setattr(limits.strategies, "time", clock)
        still = SimpleNamespace(start=lambda: None, is_alive=lambda: True)
        real = limits.storage.memory.threading
        threading = SimpleNamespace(Timer=lambda *_: still, RLock=real.RLock)
        patch.setattr(limits.storage.memory, "threading", threading)
        self.strategy, self.settled = strategy, settled
        super().__init__()

    def begin(self) -> None:
        self.storage = MemoryStorage()
        self.limiter = STRATEGIES[self.strategy](self.storage)

    def purge(self) -> None:
        self.storage._MemoryStorage__expire_events()

    def hit(self, rate: str, key: str, cost: int) -> Answer:
        said = self.limiter.hit(self.rates[rate][0], key, cost=cost)
        return int(said), *self.stats(rate, key)

    def test(self, rate: str, key: str, cost: int) -> bool:
        return self.limiter.test(self.rates[rate][0], key, cost=cost)

    def stats(self, rate: str, key: str) -> tuple[int, float]:
        item, _, _ = self.rates[rate]
        if self.settled and self.strategy == "moving-window":
            self.forget(rate, key)
        reset, remaining = self.limiter.get_window_stats(item, key)
        return remaining, reset

    def stamps(self, rate: str, key: str) -> list[float]:
        return [entry.atime for entry in self.storage.events.get(self.rates[rate][0].key_for(key), [])]

    def forget(self, rate: str, key: str) -> None:
        """Forgets the stamps whose window is over, where none is left inside.

        Named case 1: before the purge the library's reset is then in the past, after it a whole length from now.
        The candidate always says the latter. A stamp at the very end of its window stays: it decides the next hit.
        """
        item, amount, length = self.rates[rate]
        entries = self.storage.events.get(item.key_for(key))
        if not entries:
            return
        horizon = self.now / 1e6 - length
        if entries[0].atime <= horizon:
            del entries[sum(entry.atime == horizon for entry in entries) :]
        # No hit looks further back than this; it only keeps lists short.
        del entries[amount + 1 :]

    def clear(self, rate: str, key: str) -> None:
        self.limiter.clear(self.rates[rate][0], key)

    def give_back(self, rate: str, key: str, cost: int, at: int) -> None:
        item, _, length = self.rates[rate]
        name = item.key_for(key)
        if self.strategy == "fixed-window":
            if self.storage.get(name) and at / 1e6 + length >= self.storage.expirations[name]:
                self.storage.decr(name, cost)
        elif self.strategy == "moving-window":
            entries = self.storage.events.get(name, [])
            equal = [index for index, entry in enumerate(entries) if entry.atime == at / 1e6][:cost]
            if equal:
                del entries[equal[0] : equal[-1] + 1]
        else:
            counter = f"{name}/{int(at / 1e6 / length)}"
            if self.storage.get(counter):
                self.storage.decr(counter, cost)

    def take(self, rate: str, key: str, cost: int) -> None:
        item, amount, length = self.rates[rate]
        name = item.key_for(key)
        if self.strategy == "fixed-window":
            self.storage.incr(name, length, cost)
        elif self.strategy == "moving-window":
            entries = self.storage.events.setdefault(name, [])
            entries[:0] = [Entry(length)] * cost
            del entries[amount:]
        else:
            self.storage.incr(f"{name}/{int(self.now / 1e6 / length)}", 2 * length, cost)

    def kept(self, rate: str, key: str) -> Callable[[], None]:
        storage, (item, _, length) = self.storage, self.rates[rate]
        names = [item.key_for(key)]
        if self.strategy == "sliding-window-counter":
            names = [*storage.sliding_window_keys(names[0], length, self.now / 1e6)]
        counts = [(name, storage.storage.get(name), storage.expirations.get(name)) for name in names]
        entries = (storage.events.get(names[0]) or [])[:]

        def put_back() -> None:
            for name, count, expiry in counts:
                storage.clear(name)
                if count is not None:
                    storage.storage[name] = count
                if expiry is not None:
                    storage.expirations[name] = expiry
            if entries:
                storage.events[names[0]] = entries

        return put_back


class Redis(Control):
    """The library's strategies over its Redis scripts, as `limits_over_redis` has them."""

    def __init__(self, patch: pytest.MonkeyPatch, strategy: str) -> None:
        patch.setattr(limits.strategies, "time", SimpleNamespace(time=lambda: self.now / 1e6))
        self.strategy = strategy
        super().__init__()

    def begin(self) -> None:
        self.server = Server()
        self.storage = OverRedis(self.server)
        self.limiter = STRATEGIES[self.strategy](self.storage)

    def __call__(self, operation: Operation) -> Answer:
        self.server.now_us = operation.now
        return super().__call__(operation)

    def hit(self, rate: str, key: str, cost: int) -> Answer:
        said = self.limiter.hit(self.rates[rate][0], key, cost=cost)
        if self.strategy != "sliding-window-counter":
            return int(said), *self.stats(rate, key)
        # What is left is told without a look: a look can begin the next window.
        put_back = self.kept(rate, key)
        answer = int(said), *self.stats(rate, key)
        put_back()
        return answer

    def test(self, rate: str, key: str, cost: int) -> bool:
        return self.limiter.test(self.rates[rate][0], key, cost=cost)

    def stats(self, rate: str, key: str) -> tuple[int, float]:
        reset, remaining = self.limiter.get_window_stats(self.rates[rate][0], key)
        return remaining, reset

    def clear(self, rate: str, key: str) -> None:
        self.limiter.clear(self.rates[rate][0], key)

    def give_back(self, rate: str, key: str, cost: int, at: int) -> None:
        item, _, length = self.rates[rate]
        name, server = item.key_for(key), self.server
        if self.strategy == "moving-window":
            entries = server.get(name) or []
            equal = [index for index, stamp in enumerate(entries) if stamp == at / 1e6][:cost]
            if equal:
                del entries[equal[0] : equal[-1] + 1]
            return
        if self.strategy == "fixed-window":
            kept = server.find(name)
            if kept and at // 1000 + length * 1000 >= kept.until:
                kept.value = max(kept.value - cost, 0)
            return
        previous_key, current_key = self.storage.sliding_keys(name)
        self.storage.shift(previous_key, current_key, length * 1000)
        current, previous = server.find(current_key), server.find(previous_key)
        if current is None:
            return
        began = current.until - 2 * length * 1000
        if at // 1000 > began or (at // 1000 == began and not (previous and previous.value)):
            current.value = max(current.value - cost, 0)
        elif previous and at // 1000 >= began - length * 1000:
            previous.value = max(previous.value - cost, 0)

    def take(self, rate: str, key: str, cost: int) -> None:
        item, amount, length = self.rates[rate]
        name, server = item.key_for(key), self.server
        if self.strategy == "fixed-window":
            self.storage.incr(name, length, cost)
        elif self.strategy == "moving-window":
            entries = [self.now / 1e6] * min(cost, amount) + (server.get(name) or [])
            server.push(name, entries[:amount], length)
        else:
            previous_key, current_key = self.storage.sliding_keys(name)
            self.storage.shift(previous_key, current_key, length * 1000)
            if server.find(current_key):
                server.incrby(current_key, cost)
            else:
                server.set_px(current_key, cost, length * 2000)

    def kept(self, rate: str, key: str) -> Callable[[], None]:
        name = self.rates[rate][0].key_for(key)
        found = {each: self.server.find(each) for each in (name, *self.storage.sliding_keys(name))}
        copies = {each: kept and Kept(copy.copy(kept.value), kept.until) for each, kept in found.items()}

        def put_back() -> None:
            for each, kept in copies.items():
                self.server.kept.pop(each, None)
                if kept:
                    self.server.kept[each] = kept

        return put_back


class Cells(Control):
    """GCRA in exact fractions: the plainest way to write it down."""

    def __init__(self, burst: int) -> None:
        self.burst = burst
        super().__init__()

    def begin(self) -> None:
        self.paid: dict[tuple[str, str], Fraction] = {}

    def interval(self, rate: str) -> Fraction:
        _, amount, length = self.rates[rate]
        return Fraction(length * SECOND, amount)

    def owed(self, rate: str, key: str) -> Fraction:
        return max(self.paid.get((rate, key), Fraction(0)) - self.now, Fraction(0))

    def test(self, rate: str, key: str, cost: int) -> bool:
        if self.rates[rate][1] == 0 or cost > self.burst:
            return False
        interval = self.interval(rate)
        return self.owed(rate, key) + cost * interval <= self.burst * interval

    def hit(self, rate: str, key: str, cost: int) -> Answer:
        if self.test(rate, key, cost):
            self.take(rate, key, cost)
            return 1, *self.stats(rate, key)
        _, amount, length = self.rates[rate]
        remaining, _ = self.stats(rate, key)
        if amount == 0 or cost > self.burst:
            return 0, remaining, self.now / 1e6 + length
        late = self.owed(rate, key) + (cost - self.burst) * self.interval(rate)
        return 0, remaining, (self.now + math.ceil(late)) / 1e6

    def stats(self, rate: str, key: str) -> tuple[int, float]:
        _, amount, length = self.rates[rate]
        if amount == 0:
            return 0, self.now / 1e6 + length
        owed, interval = self.owed(rate, key), self.interval(rate)
        return math.floor(self.burst - owed / interval), (self.now + math.ceil(owed)) / 1e6

    def clear(self, rate: str, key: str) -> None:
        self.paid.pop((rate, key), None)

    def take(self, rate: str, key: str, cost: int) -> None:
        if self.rates[rate][1]:
            interval = self.interval(rate)
            owed = min(self.owed(rate, key) + cost * interval, self.burst * interval)
            self.paid[rate, key] = self.now + owed

    def give_back(self, rate: str, key: str, cost: int, at: int) -> None:
        if self.rates[rate][1]:
            interval = self.interval(rate)
            unpaid = max(at + self.burst * interval - self.now, Fraction(0))
            paid = self.paid.get((rate, key), Fraction(0)) - min(cost * interval, unpaid)
            self.paid[rate, key] = max(paid, Fraction(0))

    def kept(self, rate: str, key: str) -> Callable[[], None]:
        paid = self.paid.get((rate, key), Fraction(0))
        return lambda: self.paid.update({(rate, key): paid})
