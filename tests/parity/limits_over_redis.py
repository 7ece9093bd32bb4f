"""The storage of `limits` 5.8 over Redis, with a server in plain Python: what its Lua scripts do, command by command.

Sources: limits/storage/redis.py, limits/resources/redis/lua_scripts/*.lua, and of Redis the commands EXPIRE, PTTL, TTL,
RENAME and INCRBY: a key is there up to and including the millisecond it expires at, and TTL rounds half a second up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from limits.storage.base import MovingWindowSupport, SlidingWindowCounterSupport, Storage


@dataclass
class Kept:
    """The value of one key, and the millisecond up to which it is there."""

    value: Any
    until: int | None = None


class Server:
    """As many commands as the scripts use. One clock for server and clients: microseconds."""

    def __init__(self) -> None:
        self.now_us = 0
        self.kept: dict[str, Kept] = {}

    @property
    def millis(self) -> int:
        return self.now_us // 1000

    def find(self, key: str) -> Kept | None:
        kept = self.kept.get(key)
        if kept is not None and kept.until is not None and self.millis > kept.until:
            del self.kept[key]
            return None
        return kept

    def get(self, key: str) -> Any:
        kept = self.find(key)
        return None if kept is None else kept.value

    def incrby(self, key: str, amount: int) -> int:
        kept = self.find(key)
        if kept is None:
            kept = self.kept[key] = Kept(0)
        kept.value += amount
        return int(kept.value)

    def set_px(self, key: str, value: int, millis: int) -> None:
        self.kept[key] = Kept(value, self.millis + millis)

    def expire(self, key: str, seconds: int) -> None:
        kept = self.find(key)
        if kept is not None:
            kept.until = self.millis + seconds * 1000

    def pttl(self, key: str) -> int:
        kept = self.find(key)
        if kept is None:
            return -2
        return -1 if kept.until is None else kept.until - self.millis

    def ttl(self, key: str) -> int:
        millis = self.pttl(key)
        return millis if millis < 0 else (millis + 500) // 1000

    def push(self, key: str, entries: list[float], seconds: int) -> None:
        """LPUSH, LTRIM and EXPIRE: the list is these entries. An empty list is no key."""
        if entries:
            self.kept[key] = Kept(entries)
            self.expire(key, seconds)
        else:
            self.kept.pop(key, None)

    def rename(self, key: str, to: str) -> None:
        kept = self.find(key)
        assert kept is not None, key
        del self.kept[key]
        self.kept[to] = kept


class OverRedis(Storage, MovingWindowSupport, SlidingWindowCounterSupport):  # type: ignore[misc]
    """`RedisStorage`, whose scripts are the methods here."""

    def __init__(self, server: Server) -> None:
        super().__init__("")
        self.server = server

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def seconds(self) -> float:
        return self.server.now_us / 1e6

    # Fixed window: incr_expire.lua

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        current = self.server.incrby(key, amount)
        if current == amount:
            self.server.expire(key, expiry)
        return current

    def get(self, key: str) -> int:
        return int(self.server.get(key) or 0)

    def get_expiry(self, key: str) -> float:
        return max(self.server.ttl(key), 0) + self.seconds()

    # Moving window: acquire_moving_window.lua, moving_window.lua

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        timestamp = self.seconds()
        if amount > limit:
            return False
        entries = self.server.get(key) or []
        if limit - amount < len(entries) and entries[limit - amount] >= timestamp - expiry:
            return False
        self.server.push(key, ([timestamp] * amount + entries)[:limit], expiry)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        timestamp = self.seconds()
        entries = self.server.get(key) or []
        low, high, found = 0, limit - 1, None
        while low <= high:
            middle = (low + high) // 2
            if middle < len(entries) and entries[middle] >= timestamp - expiry:
                found, low = middle, middle + 1
            else:
                high = middle - 1
        if found is None:
            return timestamp, 0
        return float(f"{entries[found]:.14g}"), found + 1

    # Sliding window: acquire_sliding_window.lua, sliding_window.lua

    def sliding_keys(self, key: str) -> tuple[str, str]:
        return f"{{{key}}}/-1", f"{{{key}}}"

    def shift(self, previous_key: str, current_key: str, expiry_ms: int) -> None:
        current_ttl = self.server.pttl(current_key)
        if 0 < current_ttl < expiry_ms:
            self.server.rename(current_key, previous_key)
            self.server.set_px(current_key, 0, current_ttl + expiry_ms)

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        if amount > limit:
            return False
        (previous_key, current_key), expiry_ms = self.sliding_keys(key), expiry * 1000
        self.shift(previous_key, current_key, expiry_ms)
        previous_count = float(self.server.get(previous_key) or 0)
        previous_ttl = float(max(self.server.pttl(previous_key), 0))
        current_count = float(self.server.get(current_key) or 0)
        if math.floor(previous_count * previous_ttl / expiry_ms) + current_count + amount > limit:
            return False
        if self.server.find(current_key):
            self.server.incrby(current_key, amount)
        else:
            self.server.set_px(current_key, amount, expiry_ms * 2)
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        previous_key, current_key = self.sliding_keys(key)
        self.shift(previous_key, current_key, expiry * 1000)
        return (
            int(self.server.get(previous_key) or 0),
            max(0, float(self.server.pttl(previous_key))) / 1000,
            int(self.server.get(current_key) or 0),
            max(0, float(self.server.pttl(current_key))) / 1000,
        )

    def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002
        for each in self.sliding_keys(key):
            self.clear(each)

    def clear(self, key: str) -> None:
        self.server.kept.pop(key, None)

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        count = len(self.server.kept)
        self.server.kept.clear()
        return count
