"""Parity over Redis: the store counts in the keys of the library `limits`, by its rules, on one real server.

The server's clock decides, and it cannot be frozen. So the library is asked on both sides of what the store says: what
changes in between can only have been the time, and then the store may say either. No other difference is allowed, but
for what is named in `same_reset`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import limits.strategies
import pytest
import real_redis
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from parity.limits_controls import Cells, Operation
from parity.limits_trace import Episode
from real_redis import Said, Server, Store

OPERATIONS = 20_000
STRATEGIES = {
    "fixed-window": limits.strategies.FixedWindowRateLimiter,
    "moving-window": limits.strategies.MovingWindowRateLimiter,
    "sliding-window-counter": limits.strategies.SlidingWindowCounterRateLimiter,
}
RATES = ["5/1second", "3/2second", "20/1second", "1/1second", "60/1minute", "0/1second", "24/3second"]
"""With some others, as 100 in 3 seconds, the library's `test` and its own `hit` differ in the last bit of a sliding
window's weight, for a millisecond: of 100 with 2.28 seconds left it makes 75.99…, its script 76. The store has both.
"""
PATIENT = "timeout=5000"
"""Here the server answers, however busy the machine is."""
TICK = 0.002
"""Redis rounds what is left of a key's life to milliseconds, in seconds: twice that."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with real_redis.server() as running:
        yield running


@pytest.fixture(scope="module")
def storage(server: Server) -> RedisStorage:
    return RedisStorage(f"redis://127.0.0.1:{server.port}")


class Library:
    """One limit of the library over the server."""

    def __init__(self, storage: RedisStorage, strategy: str, rate: str, key: str) -> None:
        self.limiter = STRATEGIES[strategy](storage)
        self.strategy, self.item, self.key = strategy, parse(rate), key
        self.charge = f"{strategy} {rate} {key}"

    def test(self, cost: int) -> bool:
        return self.limiter.test(self.item, self.key, cost=cost)

    def hit(self, cost: int) -> bool:
        return self.limiter.hit(self.item, self.key, cost=cost)

    def stats(self) -> tuple[float, int]:
        reset, remaining = self.limiter.get_window_stats(self.item, self.key)
        return reset, remaining


def cost(chance: random.Random, item: RateLimitItem) -> int:
    amount = int(item.amount)
    return chance.choices([1, 0, amount, amount + 1, chance.randrange(amount + 1)], [70, 5, 3, 2, 10])[0]


def same_reset(library: Library, before: float, said: float, after: float, took: float) -> bool:
    """The same but for rounding, which depends on the time of asking.

    A fixed window's reset is whole seconds of the key's life after the time of asking: up to a second apart. A moving
    window's is exact, but that of an empty one, which is the time of asking. A sliding window's has milliseconds.
    """
    rounding = {"fixed-window": 1.0, "moving-window": 0.0, "sliding-window-counter": TICK}[library.strategy]
    return min(before, after) - rounding - took <= said <= max(before, after) + rounding + took


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_counts_and_the_other_reads(strategy: str, server: Server, storage: RedisStorage) -> None:
    """On the same keys, each decides as the other says, and both say that the same is left and when it resets."""
    chance = random.Random(strategy)
    server.client.flushall()
    library = [Library(storage, strategy, rate, f"{strategy}.{n}") for rate in RATES for n in range(2)]
    seen, edges, compared = set(), 0, 0
    with Store(server.port, PATIENT) as store:
        for _ in range(OPERATIONS // len(STRATEGIES)):
            one = chance.choice(library)
            asked = cost(chance, one.item)
            reset_before, _ = one.stats()
            ours = chance.random() < 0.5
            if ours:
                expected = one.test(asked)
                [said], by = store.hit(f"{one.charge} {asked}")
                decided = said.admitted
            else:
                by, expected = "Server", store.look(f"{one.charge} {asked}").admitted
                decided = one.hit(asked)
            # Only time can have passed in between, and it only ever frees.
            if decided != expected:
                assert decided and time.time() >= reset_before - 1.0 - TICK, (
                    one.charge,
                    asked,
                    ours,
                    by,
                    expected,
                    decided,
                )
                edges += 1
            seen.add((ours, decided))
            if by == "Server" and expected == decided:
                start = time.time()
                first = one.stats()
                said = store.look(f"{one.charge} 1")
                last = one.stats()
                took = time.time() - start
                assert min(first[1], last[1]) <= said.remaining <= max(first[1], last[1]), one.charge
                if first[1] == last[1]:
                    assert same_reset(one, first[0], said.reset, last[0], took), (one.charge, first, said, last)
                    compared += 1
        real_redis.account(store.stats())
    assert seen == {(ours, decided) for ours in (True, False) for decided in (True, False)}
    assert edges < OPERATIONS / 100 and compared > OPERATIONS / 10


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_both_admit_as_many_as_one(strategy: str, server: Server, storage: RedisStorage) -> None:
    """Python and the store take turns in one key, and together admit the limit, exactly."""
    library = Library(storage, strategy, "100/1hour", f"{strategy}.turns")
    with Store(server.port, PATIENT) as store:
        admitted = [
            library.hit(1) if turn % 2 else store.hit(f"{library.charge} 1")[0][0].admitted for turn in range(130)
        ]
    assert admitted == [True] * 100 + [False] * 30


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_leaves_what_the_library_leaves(strategy: str, server: Server, storage: RedisStorage) -> None:
    """The keys are the library's, letter by letter, and hold the same: hit for hit."""
    server.client.flushall()
    library = Library(storage, strategy, "7/2minute", "a/b")
    held = []
    with Store(server.port, PATIENT) as store:
        for hit in (library.hit, lambda cost: store.hit(f"{library.charge} {cost}")):
            for cost in (1, 0, 3, 9, 3, 1):
                hit(cost)
            held.append({name: shape(server, name) for name in server.client.scan_iter("LIMITS:*/minute*")})
            server.client.flushall()
    # The refused ones of a fixed window are counted by the library, and known in advance to the store.
    expected = held[0] if strategy != "fixed-window" else dict.fromkeys(held[0], ("string", b"13", True))
    assert held[1] == expected and len(held[1]) == 1


def shape(server: Server, name: bytes) -> tuple[str, object, bool]:
    kind = server.client.type(name).decode()
    value = server.client.get(name) if kind == "string" else server.client.llen(name)
    return kind, value, 110 < server.client.ttl(name) <= 120


def asked(operation: Operation, strategy: str) -> str:
    """An operation as the example reads it; one that says nothing looks."""
    verb, rate, key, cost, now, (charged, at), charges = operation
    if verb == "all":
        return f"@{now} all " + " ".join(f"{strategy} {rate} {key} {cost}" for rate, key, cost in charges)
    if verb == "settle":
        return f"@{now} settle {strategy} {rate} {key} {charged} {cost} {at}"
    verb, cost = ("hit", cost) if verb == "hit" else ("reset", 0) if verb == "reset" else ("look", cost)
    return f"@{now} {verb} {strategy} {rate} {key} {cost}"


@pytest.mark.parametrize("burst", [1, 3, 60])
def test_gcra_is_exact_in_lua(burst: int, server: Server) -> None:
    """GCRA at the server rounds nothing: whatever is asked, decision, cells left and reset are those of fractions."""
    control, seen = Cells(burst), set()
    strategy = f"gcra:{burst}"
    with Store(server.port, PATIENT) as store:
        for number in range(15):
            control.begin()
            server.client.flushall()
            for operation in Episode(strategy, number).operations():
                rates = [operation.rate, *(charge[0] for charge in operation.charges)]
                if any("year" in rate for rate in rates) or operation.now > 1 << 52:
                    continue  # a whole burst of these lasts longer than a double holds microseconds
                said, left, reset = control(operation)
                answer = store.ask(asked(operation, strategy))
                if operation.verb in ("hit", "all"):
                    found = real_redis.said(answer.rsplit(" ", 1)[0].split(";")[-1])
                    assert found.admitted == (said == 1), (operation, number)
                    assert operation.verb == "all" or found == Said(said == 1, left, reset), (operation, number)
                elif operation.verb in ("test", "peek"):
                    found = real_redis.said(answer)
                    assert (found.remaining, found.reset) == (left, reset), (operation, number)
                    assert operation.verb == "peek" or found.admitted == (said == 1), (operation, number)
                seen.add((operation.verb, said))
    assert {("hit", 0), ("hit", 1), ("test", 0), ("test", 1), ("settle", 2), ("all", 0), ("all", 1)} <= seen


def told(words: str) -> Said:
    return real_redis.said(words)


@pytest.mark.parametrize(
    ("strategy", "rate", "most"),
    [
        ("fixed-window", "9007199254740991/1day", 2**53 - 1),
        ("sliding-window-counter", "9007199254740991/1day", 2**53 - 1),
        ("gcra:104249", "100000000000/1day", 104_249),
        ("gcra:104249", "4503599627370496/1day", 104_249),
        ("gcra:52124", "1/1day", 52_124),
    ],
)
def test_the_largest_that_a_policy_lets_in_is_exact(strategy: str, rate: str, most: int, server: Server) -> None:
    """All of it is granted, in two parts, and not one more: doubles hold it. (policy_store.rs has the same numbers.)"""
    now = int(time.time() * 1e6)
    with Store(server.port, PATIENT) as store:
        answers = [store.ask(f"@{now} hit {strategy} {rate} largest {cost}") for cost in (most - 1, 1, 1)]
        assert [answer.split()[0] + answer.split()[-1] for answer in answers] == ["1Server", "1Server", "0Server"]


def test_all_or_none(server: Server) -> None:
    """An atomic refusal takes nothing from any limit, and charges of one key are judged together."""
    roomy, tight = "moving-window 9/1minute atomic", "sliding-window-counter 2/1minute atomic"
    with Store(server.port, PATIENT) as store:
        hits, _ = store.hit(f"{roomy} 5 {tight} 3", "all")
        assert [(hit.admitted, hit.remaining) for hit in hits] == [(True, 9), (False, 2)]
        assert store.look(f"{roomy} 1").remaining == 9
        assert [hit.admitted for hit in store.hit(f"{roomy} 5 {roomy} 5", "all")[0]] == [True, False]
        assert [hit.remaining for hit in store.hit(f"{roomy} 5 {roomy} 4 {tight} 2", "all")[0]] == [4, 0, 0]


def test_settles(server: Server) -> None:
    """What was charged too much is given back, what was charged too little is taken, and a reset forgets all."""
    now = 1_800_000_000_000_000
    with Store(server.port, PATIENT) as store:
        for strategy in ("fixed-window", "moving-window", "sliding-window-counter", "gcra:10"):
            charge = f"{strategy} 10/1hour settle"
            at = int(time.time() * 1e6) if strategy != "gcra:10" else now
            store.ask(f"@{at} hit {charge} 6")
            store.ask(f"@{at} settle {charge} 6 2 {at}")
            assert remaining(store, at, charge) == 8, strategy
            store.ask(f"@{at} settle {charge} 2 5 {at}")
            assert remaining(store, at, charge) == 5, strategy
            store.ask(f"reset {charge} 1")
            assert remaining(store, at, charge) == 10, strategy


def remaining(store: Store, at: int, charge: str) -> int:
    return told(store.ask(f"@{at} look {charge} 1")).remaining
