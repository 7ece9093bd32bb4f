"""
What a limiter of the library `limits` was asked and answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossfade.observe._charges import noted, watching

_storages: list[Any] = []
_calls = 0

# Entries that no decision can see any more are dropped every so many requests.
_PURGE_EVERY = 1_000


def limits(limiter: Any, names: Mapping[Any, str]) -> None:
    """
    Record every hit of a `limits` limiter as a charge: limit, key and cost, refused hits included.

    The key is what the library counts under without its namespace: the identifiers joined by `/`.

    Args:
        limiter: A strategy object of `limits.strategies`. Its `hit` is replaced on this object by one that notes the
            charge and calls the original; the answer is not touched.
        names: The policy's name for each `RateLimitItem`. An item that is not named is recorded by its own text.
    """
    hit = limiter.hit

    def recorded(item: Any, *identifiers: str, cost: int = 1) -> bool:
        charges = noted.get()
        if charges is not None:
            key = "/".join(_text(identifier) for identifier in identifiers)
            charges.append((names.get(item) or str(item), key.encode("latin-1", "surrogateescape"), cost))
        return bool(hit(item, *identifiers, cost=cost))

    limiter.hit = recorded
    _storages.append(limiter.storage)
    watching()


def _text(identifier: Any) -> str:
    # As limits.limits.safe_string does.
    if isinstance(identifier, bytes):
        return identifier.decode()
    return str(identifier)


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
