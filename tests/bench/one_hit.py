"""
One hit of a limit, as a Python service pays for it: `limits` over its memory and over crossfade, and other libraries.

All rows take turns in one process, in rounds of some milliseconds, and a row's figure is the median of its rounds: read
the ratios. `hot` hits one key, which is granted all the time, a fresh one in each round; `refused` one that is refused;
`keys` ten thousand keys in turn. The rows "strategy alone" are the library's own strategy objects over a storage that
does nothing; "the storage's call alone" is what a fixed window asks of it. Times are those that a processor worked in
the thread that hits: what the purge threads of memory:// work comes on top.
"""

from __future__ import annotations

import argparse
import itertools
import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import thread_time_ns
from typing import Any
from urllib.parse import urlsplit

import crossfade.limits  # noqa: F401
from limits import parse
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import STRATEGIES

ROUNDS = 31
HITS = 2_000
KEYS = 10_000
RATES = {"hot": "4000/day", "refused": "1/day", "keys": "100/day"}

Hit = Callable[[str], object]


class Nothing(MemoryStorage):
    """A storage that does nothing: what is left is the strategy."""

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        vars(self).update(incr=granted, acquire_entry=granted, acquire_sliding_window_entry=granted)


def granted(key: str, *limit: int, amount: int = 1) -> int:
    return 1


def rows(uris: list[str]) -> dict[str, Callable[[str], Hit]]:
    """For each row, what makes a hit under a rate."""
    made: dict[str, Callable[[str], Hit]] = {}
    for name, strategy in STRATEGIES.items():
        stores = {"strategy alone": Nothing()} | {short(uri): storage_from_string(uri) for uri in uris}
        for uri, storage in stores.items():
            made[f"{name}, {uri}"] = through(strategy(storage))
    for uri in uris:
        made[f"the storage's call alone, {short(uri)}"] = called(storage_from_string(uri))
    return made | others()


def short(uri: str) -> str:
    return urlsplit(uri).scheme + "://"


def through(limiter: Any) -> Callable[[str], Hit]:
    def under(rate: str) -> Hit:
        item = parse(rate)
        return lambda key: limiter.hit(item, key)

    return under


def called(storage: Any) -> Callable[[str], Hit]:
    """What a fixed window calls, without the strategy."""

    def under(rate: str) -> Hit:
        expiry = parse(rate).get_expiry()
        return lambda key: storage.incr(key, expiry)

    return under


def others() -> dict[str, Callable[[str], Hit]]:
    """Other libraries over their own memory, where they are installed."""
    made: dict[str, Callable[[str], Hit]] = {}
    with suppress(ImportError):
        from pyrate_limiter import Duration, Limiter, Rate

        # Starts a thread for each limiter, and a limiter has one bucket: so it is one key in all columns.
        def pyrate(rate: str) -> Hit:
            limiter = Limiter(Rate(ample(rate), Duration.DAY))
            return lambda key: limiter.try_acquire(key, blocking=False)

        made["pyrate-limiter, memory, one bucket"] = pyrate
    with suppress(ImportError):
        from throttled import RateLimiterType, Throttled, rate_limiter, store

        def throttled(kind: str) -> Callable[[str], Hit]:
            def under(rate: str) -> Hit:
                amount = ample(rate)
                kept = store.MemoryStore(options={"MAX_SIZE": 1 << 20})
                return Throttled(using=kind, quota=rate_limiter.per_day(amount, burst=amount), store=kept).limit

            return under

        for kind in (RateLimiterType.FIXED_WINDOW, RateLimiterType.SLIDING_WINDOW, RateLimiterType.GCRA):
            made[f"throttled-py, memory, {kind.value}"] = throttled(kind.value)
    return made


def ample(rate: str) -> int:
    """The amount of a rate; of one that is never to refuse, more than all rounds hit."""
    return 1 if rate == RATES["refused"] else ROUNDS * HITS * 2


def measure(made: dict[str, Callable[[str], Hit]]) -> dict[str, dict[str, float]]:
    """Nanoseconds of one hit."""
    keys = [f"user/{number}" for number in range(KEYS)]
    turns = {row: itertools.cycle(keys) for row in made}
    cases = {(row, kind): under(rate) for row, under in made.items() for kind, rate in RATES.items()}
    taken: dict[tuple[str, str], list[float]] = {case: [] for case in cases}
    for number in range(ROUNDS):
        for case, hit in cases.items():
            row, kind = case
            one = "refused" if kind == "refused" else f"hot/{number}"
            chosen = list(itertools.islice(turns[row], HITS)) if kind == "keys" else [one] * HITS
            hit(chosen[0])
            began = thread_time_ns()
            for key in chosen:
                hit(key)
            taken[case].append((thread_time_ns() - began) / HITS)
    return {row: {kind: median(taken[row, kind]) for kind in RATES} for row in made}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", action="append", default=[], help="another storage URI to measure")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    table = f"crossfade+shm://bench-{uuid.uuid4().hex}?scope=host"
    try:
        figures = measure(rows(["memory://", "crossfade://", table, *options.uri]))
    finally:
        for file in Path("/dev/shm").glob(f"*-limits.{urlsplit(table).netloc}*"):
            file.unlink()
    print(f"{'one hit, ns':50} {'hot':>8} {'refused':>8} {'keys':>8}   hot, of memory://")
    for row, of in figures.items():
        control = figures.get(f"{row.partition(',')[0]}, memory://")
        ratio = f"{of['hot'] / control['hot']:.2f}" if control else ""
        print(f"{row:50} {of['hot']:8.0f} {of['refused']:8.0f} {of['keys']:8.0f}   {ratio}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
