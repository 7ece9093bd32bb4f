"""
crossfade as a storage of the library `limits`: with this module imported, `crossfade://` is a storage URI.

Services with Flask-Limiter, slowapi or `limits` itself change the URI; limits, strategies and keys stay theirs.

- `crossfade://` counts in this process's memory, as `memory://` does.
- `crossfade+shm://NAME?scope=host` counts in one table for all processes of this user on this host.
- `async+crossfade://` and `async+crossfade+shm://NAME?scope=host` are the same for `limits.aio`.

After `?`, or as `storage_options`: `max_keys`, and for a shared table `ring_bytes` and `on_full`. See docs/limits.md.
"""

from __future__ import annotations

import inspect
import logging
from typing import Any

import limits.aio.storage
import limits.storage
from limits.storage.base import TimestampedSlidingWindow

from crossfade._core import Storage as Native
from crossfade._storage_uri import Place

__all__ = ["AsyncCrossfadeStorage", "CrossfadeStorage"]

logger = logging.getLogger("crossfade")

OPERATIONS = (
    *("incr", "get", "get_expiry", "check", "reset", "clear"),
    *("acquire_entry", "get_moving_window"),
    *("acquire_sliding_window_entry", "get_sliding_window", "clear_sliding_window"),
)


REPLACED = {
    "boot": "the machine was started again",
    "version": "another version of crossfade made it",
    "sizes": "it had another max_keys or ring_bytes: processes that have it open still count there",
}


def open_counts(place: Place) -> Native:
    """The native counts of a place. Who counts together is logged: another URI can change it."""
    if place.shared is None:
        native = Native(max_keys=place.max_keys)
    else:
        native = Native(name=place.shared, max_keys=place.max_keys, ring_bytes=place.ring_bytes, on_full=place.on_full)
    logger.info("limits count in %s", place)
    if why := REPLACED.get(native.opened or ""):
        logger.warning("%s begins empty: there was a table, but %s", place, why)
    return native


class CrossfadeStorage(
    limits.storage.Storage,
    limits.storage.MovingWindowSupport,
    limits.storage.SlidingWindowCounterSupport,
    TimestampedSlidingWindow,
):
    """
    Counts for the strategies of `limits`, answered as its `MemoryStorage` answers.

    Pickled, a storage takes the counts of its process's memory along; one over a shared table joins that table.
    """

    STORAGE_SCHEME = ["crossfade", "crossfade+shm"]  # noqa: RUF012 - the library declares it

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: float | str | bool) -> None:
        """
        `uri` and `options` as in the module's description; raises ValueError where they cannot be read.
        """
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self.place = Place.read(uri, options)
        self._attach(open_counts(self.place))

    def _attach(self, native: Native) -> None:
        self._native = native
        if not self.wrap_exceptions:
            # In the instance, a native method is called without a Python frame; the class's would wrap its exceptions.
            vars(self).update({name: getattr(native, name) for name in OPERATIONS})

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name not in OPERATIONS and name != "_native"}
        return kept | {"held": self._native.held()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        held = state.pop("held")
        vars(self).update(state)
        self._attach(open_counts(self.place))
        self._native.take(held)

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return ValueError, RuntimeError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        return self._native.incr(key, expiry, amount)

    def get(self, key: str) -> int:
        return self._native.get(key)

    def get_expiry(self, key: str) -> float:
        return self._native.get_expiry(key)

    def check(self) -> bool:
        return self._native.check()

    def reset(self) -> int | None:
        return self._native.reset()

    def clear(self, key: str) -> None:
        self._native.clear(key)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        return self._native.acquire_entry(key, limit, expiry, amount)

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        return self._native.get_moving_window(key, limit, expiry)

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        return self._native.acquire_sliding_window_entry(key, limit, expiry, amount)

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        return self._native.get_sliding_window(key, expiry)

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        self._native.clear_sliding_window(key, expiry)


class AsyncCrossfadeStorage(
    limits.aio.storage.Storage,
    limits.aio.storage.MovingWindowSupport,
    limits.aio.storage.SlidingWindowCounterSupport,
    TimestampedSlidingWindow,
):
    """
    The same for the strategies of `limits.aio`. Nothing is ever waited for: each answer is there at once.
    """

    STORAGE_SCHEME = ["async+crossfade", "async+crossfade+shm"]  # noqa: RUF012

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: float | str | bool) -> None:
        """
        As for :class:`CrossfadeStorage`.
        """
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self.place = Place.read(uri, options)
        self._attach(open_counts(self.place))

    def _attach(self, native: Native) -> None:
        self._native = native
        if not self.wrap_exceptions:
            # Without the coroutines that the library puts around each method to wrap its exceptions.
            vars(self).update({name: inspect.unwrap(getattr(type(self), name)).__get__(self) for name in OPERATIONS})

    __getstate__ = CrossfadeStorage.__getstate__
    __setstate__ = CrossfadeStorage.__setstate__

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return ValueError, RuntimeError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        return self._native.incr(key, expiry, amount)

    async def get(self, key: str) -> int:
        return self._native.get(key)

    async def get_expiry(self, key: str) -> float:
        return self._native.get_expiry(key)

    async def check(self) -> bool:
        return self._native.check()

    async def reset(self) -> int | None:
        return self._native.reset()

    async def clear(self, key: str) -> None:
        self._native.clear(key)

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        return self._native.acquire_entry(key, limit, expiry, amount)

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        return self._native.get_moving_window(key, limit, expiry)

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        return self._native.acquire_sliding_window_entry(key, limit, expiry, amount)

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        return self._native.get_sliding_window(key, expiry)

    async def clear_sliding_window(self, key: str, expiry: int) -> None:
        self._native.clear_sliding_window(key, expiry)
