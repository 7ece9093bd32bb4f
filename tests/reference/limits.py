"""Limits: what one hit answers. The strategies of the library `limits` over memory, and GCRA.

Sources: the chapter "Limits" of docs/policy.md, and strategies.py of limits 5.8 for the expressions in `float`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "month": 30 * 86_400, "year": 360 * 86_400}
RATE = re.compile(r"\s*(\d+)\s*(?:/|per)\s*(\d*)\s*([a-z]+?)s?\s*", re.IGNORECASE | re.ASCII)

MOST_COST = 1 << 53


@dataclass(frozen=True)
class Limit:
    """One `[limits.NAME]`: `amount` hits in `length` seconds, whose unit has `unit`; `parts` make the key."""

    name: str
    amount: int
    length: int
    strategy: str
    burst: int
    parts: tuple[str, ...]
    on_missing: str | None
    shared_as: str | None
    cost: int | str
    unit: int

    @classmethod
    def read(cls, name: str, table: dict[str, Any]) -> Limit:
        found = RATE.fullmatch(table["rate"])
        assert found, table["rate"]
        return cls(
            name,
            int(found[1]),
            (int(found[2] or 0) or 1) * SECONDS[found[3].lower()],
            table["strategy"],
            table.get("burst", 0),
            tuple([table["key"]] if isinstance(table["key"], str) else table["key"]),
            table.get("on_missing"),
            table.get("shared_as"),
            table.get("cost", 1),
            SECONDS[found[3].lower()],
        )

    def cost_of(self, given: dict[str, str]) -> int:
        """What a request costs: a given cost that is absent or no whole number is 1, and none is above `MOST_COST`."""
        if isinstance(self.cost, int):
            return self.cost
        text = given.get(self.cost.removeprefix("given:"), "")
        return min(int(text), MOST_COST) if re.fullmatch("[0-9]+", text) else 1


@dataclass
class Store:
    """What is kept of each limit and key."""

    fixed: dict[Any, tuple[float, int]] = field(default_factory=dict)
    stamps: dict[Any, list[float]] = field(default_factory=lambda: defaultdict(list))
    counters: dict[Any, int] = field(default_factory=lambda: defaultdict(int))
    paid: dict[Any, Fraction] = field(default_factory=dict)

    def hit(self, limit: Limit, key: bytes, cost: int, now_us: int) -> int | None:
        """None where the hit is granted, else the whole seconds until a retry can succeed: rounded up, at least 1."""
        strategy = {
            "fixed-window": self.fixed_window,
            "moving-window": self.moving_window,
            "sliding-window-counter": self.sliding_window_counter,
            "gcra": self.gcra,
        }[limit.strategy]
        reset = strategy(limit, (limit.name, key), cost, now_us)
        return None if reset is None else max(1, math.ceil(reset - now_us / 1e6))

    def fixed_window(self, limit: Limit, slot: Any, cost: int, now_us: int) -> float | None:
        """Begins at the first hit; exactly at its end it is over; refused hits count."""
        now = now_us / 1e6
        expiry, count = self.fixed.get(slot, (0.0, 0))
        if expiry <= now or count == 0:
            expiry, count = now + limit.length, 0
        self.fixed[slot] = expiry, count + cost
        return None if count + cost <= limit.amount else expiry

    def moving_window(self, limit: Limit, slot: Any, cost: int, now_us: int) -> float | None:
        """A log of granted hits, newest first; both ends of the window belong to it."""
        now = now_us / 1e6
        log, horizon = self.stamps[slot], now - limit.length
        age = limit.amount - cost
        if cost == 0 or (age >= 0 and (len(log) <= age or log[age] < horizon)):
            log[:0] = [now] * cost
            return None
        live = [stamp for stamp in log if stamp > horizon]
        if not live and log and log[0] == horizon:
            live = log[:1]
        return (live[-1] if live else now) + limit.length

    def sliding_window_counter(self, limit: Limit, slot: Any, cost: int, now_us: int) -> float | None:
        """Two windows aligned to the clock, the previous one weighted by what is left of it."""
        now, length = now_us / 1e6, limit.length
        current = int(now / length)
        count = self.counters[slot, current]
        before = self.counters[slot, int((now - length) / length)]
        before_ttl = (1 - (((now - length) / length) % 1)) * length if before else 0.0
        weighted = [math.floor(before * before_ttl / length + counted) for counted in (count, count + cost)]
        if weighted[0] + cost <= limit.amount and weighted[1] <= limit.amount:
            self.counters[slot, current] += cost
            return None
        waits = []
        if before:
            waits.append(before_ttl % (length / before))
        if count:
            waits.append(((1 - ((now / length) % 1)) * length + length) % length)
        return now + min(waits, default=0.0)

    def gcra(self, limit: Limit, slot: Any, cost: int, now_us: int) -> float | None:
        """Each hit is due one interval after the one before, and may come early by the burst. In exact microseconds."""
        if limit.amount == 0 or limit.burst < cost:
            return now_us / 1e6 + limit.length
        interval = Fraction(limit.length * 1_000_000, limit.amount)
        paid = max(self.paid.get(slot, Fraction(0)), Fraction(now_us)) + cost * interval
        late = paid - now_us - limit.burst * interval
        if late <= 0:
            self.paid[slot] = paid
            return None
        return (now_us + math.ceil(late)) / 1e6
