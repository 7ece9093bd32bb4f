"""
What a limiter of the library `limits` was asked and answered.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from typing import Any

from crossfade.observe import _handover
from crossfade.observe._charges import noted, watching

_storages: list[Any] = []
_calls = 0

# Entries that no decision can see any more are dropped every so many requests.
_PURGE_EVERY = 1_000


def limits(limiter: Any, names: Mapping[Any, str]) -> None:
    """
    Record every hit of a `limits` limiter as a charge: limit, key and cost, refused hits included.

    The key is what the library counts under without its namespace: the identifiers joined by `/`.

    Counts in a memory storage of `limits` are also handed over between the two sides, key by key, when a route changes
    sides (docs/seam.md). The answer is not touched, with one exception: where a candidate counts in the control's own
    counters (the policy's store is Redis) and has counted a request, `hit` and `test` give the candidate's
    answers and count nothing.

    Args:
        limiter: A strategy object of `limits.strategies` or `limits.aio.strategies`. Its `hit`, `test` and
            `get_window_stats` are replaced on this object by ones that note the charge and call the original.
        names: The policy's name for each `RateLimitItem`. An item that is not named is recorded by its own text. Items
            of the same rate are equal to `limits` and so have one name; give them namespaces to tell them apart.
    """
    hit, test, window = limiter.hit, limiter.test, limiter.get_window_stats
    if getattr(hit, "crossfade", False):
        raise ValueError("this limiter is watched already; name all its items in one call")

    def of(item: Any, identifiers: tuple[Any, ...]) -> tuple[str, bytes]:
        return names.get(item) or str(item), _key(identifiers)

    def own_hit(item: Any, *identifiers: Any, cost: int) -> Any:
        turn = _handover.turn(limiter, names, item, identifiers, cost)
        if turn is None:
            return hit(item, *identifiers, cost=cost)
        turn.bring_up()
        try:
            return hit(item, *identifiers, cost=cost)
        finally:
            turn.counted()

    async def own_hit_async(item: Any, *identifiers: Any, cost: int) -> Any:
        turn = _handover.turn(limiter, names, item, identifiers, cost)
        if turn is None:
            return await hit(item, *identifiers, cost=cost)
        await turn.bring_up_async()
        try:
            return await hit(item, *identifiers, cost=cost)
        finally:
            turn.counted()

    def hits(item: Any, *identifiers: Any, cost: int = 1) -> Any:
        charges = noted.get()
        if charges is None:
            return own_hit(item, *identifiers, cost=cost)
        limit, key = of(item, identifiers)
        charges.append((limit, key, cost))
        if charges.counted is not None:
            granted = charges.counted_as(limit, key, cost, take=True)
            return test(item, *identifiers, cost=cost) if granted is None else granted
        granted = own_hit(item, *identifiers, cost=cost)
        charges.answers.append((limit, key, cost, bool(granted), None))
        return granted

    async def hits_async(item: Any, *identifiers: Any, cost: int = 1) -> Any:
        charges = noted.get()
        if charges is None:
            return await own_hit_async(item, *identifiers, cost=cost)
        limit, key = of(item, identifiers)
        charges.append((limit, key, cost))
        if charges.counted is not None:
            granted = charges.counted_as(limit, key, cost, take=True)
            return await test(item, *identifiers, cost=cost) if granted is None else granted
        granted = await own_hit_async(item, *identifiers, cost=cost)
        charges.answers.append((limit, key, cost, bool(granted), None))
        return granted

    def counted(item: Any, identifiers: tuple[Any, ...], cost: int) -> bool | None:
        charges = noted.get()
        return None if charges is None else charges.counted_as(*of(item, identifiers), cost, take=False)

    def tests(item: Any, *identifiers: Any, cost: int = 1) -> Any:
        granted = counted(item, identifiers, cost)
        return test(item, *identifiers, cost=cost) if granted is None else granted

    async def tests_async(item: Any, *identifiers: Any, cost: int = 1) -> Any:
        granted = counted(item, identifiers, cost)
        return await test(item, *identifiers, cost=cost) if granted is None else granted

    def told(item: Any, identifiers: tuple[Any, ...], stats: Any) -> Any:
        charges = noted.get()
        if charges is not None:
            charges.resets(*of(item, identifiers), stats.reset_time - time.time())
        return stats

    def windows(item: Any, *identifiers: Any) -> Any:
        return told(item, identifiers, window(item, *identifiers))

    async def windows_async(item: Any, *identifiers: Any) -> Any:
        return told(item, identifiers, await window(item, *identifiers))

    is_async = inspect.iscoroutinefunction(hit)
    watched: Any = hits_async if is_async else hits
    watched.crossfade = True
    limiter.hit = watched
    limiter.test = tests_async if is_async else tests
    limiter.get_window_stats = windows_async if is_async else windows
    _storages.append(limiter.storage)
    _handover.watch(limiter, names)
    watching()


def _key(identifiers: tuple[Any, ...]) -> bytes:
    # As limits.limits.safe_string makes texts of them, which a storage then counts under. Nothing here may raise.
    texts = (part.decode(errors="replace") if isinstance(part, bytes) else str(part) for part in identifiers)
    return "/".join(texts).encode(errors="surrogatepass")


def keep_replayable(now_micros: int) -> None:
    """
    Take the background out of the watched memory storages: for control workers, before each request.

    While traffic flows, `limits` starts a timer thread which drops entries whose expiry is `<= now`, while a hit still
    counts those of exactly `now - window`. In a service, stamps of exactly that microsecond do not come. Recorded
    stamps of whole seconds do, and then the real-time timer decides, differently in every run. So in a replay the
    timer never starts, and what nothing can count any more is dropped here instead.
    """
    global _calls
    _calls += 1
    for storage in _storages:
        if hasattr(storage, "timer") and hasattr(storage, "events"):
            storage.timer = _NEVER
            if _calls % _PURGE_EVERY == 0:
                _purge(storage, now_micros / 1e6)


class _Never:
    """A timer that seems to be running, so that no other is started."""

    def is_alive(self) -> bool:
        return True


_NEVER = _Never()


def _purge(storage: Any, now: float) -> None:
    for key, entries in list(storage.events.items()):
        # Newest first. What `limits` itself looks at is `atime >= now - window`, and `expiry` is `atime + window`.
        while entries and entries[-1].expiry < now - 1:
            entries.pop()
        if not entries:
            storage.events.pop(key, None)
