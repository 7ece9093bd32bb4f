"""
What a limiter of the library `limits` was asked and answered.
"""

from __future__ import annotations

import inspect
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
    sides (docs/seam.md).

    Args:
        limiter: A strategy object of `limits.strategies` or `limits.aio.strategies`. Its `hit` is replaced on this
            object by one that notes the charge and calls the original; the answer is not touched.
        names: The policy's name for each `RateLimitItem`. An item that is not named is recorded by its own text. Items
            of the same rate are equal to `limits` and so have one name; give them namespaces to tell them apart.
    """
    hit = limiter.hit
    if getattr(hit, "crossfade", False):
        raise ValueError("this limiter is watched already; name all its items in one call")

    def note(item: Any, identifiers: tuple[Any, ...], cost: int) -> None:
        charges = noted.get()
        if charges is not None:
            charges.append((names.get(item) or str(item), _key(identifiers), cost))

    def recorded(item: Any, *identifiers: Any, cost: int = 1) -> Any:
        note(item, identifiers, cost)
        turn = _handover.turn(limiter, names, item, identifiers, cost)
        if turn is None:
            return hit(item, *identifiers, cost=cost)
        turn.bring_up()
        try:
            return hit(item, *identifiers, cost=cost)
        finally:
            turn.counted()

    async def recorded_async(item: Any, *identifiers: Any, cost: int = 1) -> Any:
        note(item, identifiers, cost)
        turn = _handover.turn(limiter, names, item, identifiers, cost)
        if turn is None:
            return await hit(item, *identifiers, cost=cost)
        await turn.bring_up_async()
        try:
            return await hit(item, *identifiers, cost=cost)
        finally:
            turn.counted()

    watched: Any = recorded_async if inspect.iscoroutinefunction(hit) else recorded
    watched.crossfade = True
    limiter.hit = watched
    _storages.append(limiter.storage)
    _handover.watch(limiter, names)
    watching()


def _key(identifiers: tuple[Any, ...]) -> bytes:
    return b"/".join(map(_bytes, identifiers))


def _bytes(identifier: Any) -> bytes:
    # The text is what limits.limits.safe_string makes of it; nothing that is noted may raise.
    if isinstance(identifier, bytes):
        return identifier
    text = str(identifier)
    try:
        # Services read headers as Latin-1, so these are the client's bytes again.
        return text.encode("latin-1", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


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
