"""
Where a watched limiter of the library `limits` keeps its counts, and how one key's count is read there and written.

Memory storages only: their dicts are read and written as their own methods do, under their own locks.
Strictly private.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

State = tuple[float, int] | list[float] | tuple[int, list[int]]
"""
The count of one key, by strategy: (end of the window, count); the stamps of granted hits, newest first; (number of the
newest window, counts of it and of the two before it). Times are seconds since the epoch.
"""

# Reading and writing a moving window takes 0.3 µs a stamp, and is done on a thread that serves.
MOST_STAMPS = 10_000

_STRATEGIES = {
    "FixedWindowRateLimiter": "fixed-window",
    "MovingWindowRateLimiter": "moving-window",
    "SlidingWindowCounterRateLimiter": "sliding-window-counter",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """
    Where the counts of one limit are kept.
    """

    storage: Any
    item: Any
    strategy: str

    @property
    def terms(self) -> tuple[str, int, int]:
        """Strategy, amount and seconds: counts of other terms are no use to anybody."""
        return self.strategy, self.item.amount, self.item.get_expiry()

    def read(self, key: str, now: float) -> State:
        """What is counted for `key`, as far as it can matter at `now`."""
        name, expiry, storage = self.item.key_for(key), self.item.get_expiry(), self.storage
        if self.strategy == "moving-window":
            # A purge makes another list, and a hit puts something in front of this one: a copy is whole.
            return [entry.atime for entry in list(storage.events.get(name, ())) if entry.atime >= now - expiry]
        if self.strategy == "fixed-window":
            end = storage.expirations.get(name, 0)
            return (end, storage.storage.get(name, 0)) if end > now else (0.0, 0)
        newest = int(now / expiry)
        return newest, [self._counter(f"{name}/{newest - age}", now) for age in range(3)]

    def _counter(self, name: str, now: float) -> int:
        alive = self.storage.expirations.get(name, 0) > now
        return self.storage.storage.get(name, 0) if alive else 0

    def write(self, key: str, state: State) -> None:
        """Make `state` the count of `key`."""
        for name, end, count in self._counts(key, state):
            with self.storage.locks[name]:
                self._put(name, end, count)

    async def write_async(self, key: str, state: State) -> None:
        """The same in a storage of `limits.aio`, whose purge waits inside its locks."""
        for name, end, count in self._counts(key, state):
            async with self.storage.locks[name]:
                self._put(name, end, count)

    def _counts(self, key: str, state: Any) -> list[tuple[str, float, Any]]:
        """The storage's own keys, and what belongs there: when it is over, and the count or the entries."""
        name, expiry = self.item.key_for(key), self.item.get_expiry()
        if self.strategy == "moving-window":
            return [(name, 0, [_entry(self.storage, stamp, expiry) for stamp in state])]
        if self.strategy == "fixed-window":
            end, count = state
            return [(name, end, count)] if count else []
        newest, counts = state
        # The longest that `limits` keeps a counter: two lengths from a hit at the end of its window.
        windows = [(newest - age, count) for age, count in enumerate(counts) if count]
        return [(f"{name}/{window}", (window + 3) * expiry, count) for window, count in windows]

    def _put(self, name: str, end: float, count: Any) -> None:
        if self.strategy == "moving-window":
            self.storage.events[name] = count
        else:
            # In this order: a purge that comes between finds a count that is not over.
            self.storage.expirations[name] = end
            self.storage.storage[name] = count


def _entry(storage: Any, stamp: float, expiry: int) -> Any:
    entry = sys.modules[_memory_class(storage).__module__].Entry(expiry)
    entry.atime, entry.expiry = stamp, stamp + expiry
    return entry


def _memory_class(storage: Any) -> type | None:
    """`MemoryStorage` of `limits` or `limits.aio`, which `storage` is one of; None: it is neither."""
    modules = ("limits.storage.memory", "limits.aio.storage.memory")
    found = (cls for cls in type(storage).__mro__ if cls.__name__ == "MemoryStorage" and cls.__module__ in modules)
    return next(found, None)


def kept(limiter: Any, item: Any) -> Kept | None:
    """Where a limiter keeps the counts of an item; None where that is not known here."""
    if limiter is None:
        return None
    strategy = next((_STRATEGIES[cls.__name__] for cls in type(limiter).__mro__ if cls.__name__ in _STRATEGIES), None)
    if strategy is None or _memory_class(limiter.storage) is None:
        return None
    if strategy == "moving-window" and item.amount > MOST_STAMPS:
        return None
    return Kept(limiter.storage, item, strategy)


class Places:
    """
    Where the counts of all watched limiters are kept, by the policy's names.
    """

    def __init__(self) -> None:
        # A limiter that nobody uses any more must not stand beside the one that took its place.
        self._watched: list[tuple[weakref.ref[Any], Mapping[Any, str]]] = []
        self._of: dict[tuple[str, tuple[str, int, int]], Kept | None] = {}
        self._at: dict[tuple[int, Any], Kept | None] = {}

    def add(self, limiter: Any, names: Mapping[Any, str]) -> None:
        self._watched.append((weakref.ref(limiter, lambda _: self._forget()), names))
        self._forget()

    def _forget(self) -> None:
        self._watched = [(limiter, names) for limiter, names in self._watched if limiter() is not None]
        self._of.clear()
        self._at.clear()

    def of(self, limit: str, terms: tuple[str, int, int]) -> Kept | None:
        """
        Where the counts of the limit of these terms are kept; None: nowhere that is known, or in more than one place.
        """
        if (limit, terms) not in self._of:
            self._of[limit, terms] = self._find(limit, terms)
        return self._of[limit, terms]

    def at(self, limiter: Any, item: Any, limit: str) -> Kept | None:
        """
        The same, if it is where this limiter counts this item.
        """
        asked = id(limiter), item
        if asked not in self._at:
            place = kept(limiter, item)
            self._at[asked] = place if place is not None and self.of(limit, place.terms) == place else None
        return self._at[asked]

    def _find(self, limit: str, terms: tuple[str, int, int]) -> Kept | None:
        places: dict[tuple[int, str], Kept] = {}
        for alive, names in self._watched:
            limiter = alive()
            for item, name in names.items():
                place = kept(limiter, item) if name == limit else None
                if place is not None and place.terms == terms:
                    places[id(place.storage), item.key_for("")] = place
        return next(iter(places.values())) if len(places) == 1 else None
