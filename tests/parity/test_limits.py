"""Parity: the store's limits answer as the library `limits` does: admitted, remaining and reset, every bit.

The control is the real library over its memory storage, under a frozen clock, with its purge thread stopped. The
two places in which that thread decides the library's answer are named below, and nothing else is left out.
"""

import itertools
import json
import math
import os
import random
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import limits.storage.memory
import limits.strategies
import pytest
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = 1_000_000 if os.environ.get("CROSSFADE_LONG") else 20_000
EPISODE = 1_000  # operations on the same few keys
KEYS = 3
SECOND = 1_000_000
YEAR = 365 * 86_400 * SECOND
LATEST = 1 << 53  # microseconds, the year 2255: beyond, a float does not hold every one
RATES = [
    *("0/1second", "1/1second", "3/1second", "10/1second", "100/7second", "5/1minute", "60/1minute", "7/3minute"),
    *("2/1hour", "1000/1day", "30/1month", "4/100year"),
]
STRATEGIES = {
    "fixed-window": limits.strategies.FixedWindowRateLimiter,
    "moving-window": limits.strategies.MovingWindowRateLimiter,
    "sliding-window-counter": limits.strategies.SlidingWindowCounterRateLimiter,
}

Answer = tuple[str, int, str]  # admitted ("1", "0", or "-" for a look), remaining, reset in hex


def answer(admitted: bool | None, remaining: int, reset: float) -> Answer:
    return "-" if admitted is None else str(int(admitted)), remaining, struct.pack(">d", reset).hex()


@dataclass(frozen=True, slots=True)
class Operation:
    """One hit, or with cost None one look."""

    strategy: str
    rate: str
    key: str
    cost: int | None
    now: int


# The candidate


@pytest.fixture(scope="session")
def trace() -> Path:
    """The example binary `trace`: operations in, answers out."""
    build = ["cargo", "build", "-q", "-p", "crossfade-store", "--example", "trace", "--message-format=json"]
    messages = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    built = (json.loads(message).get("executable") for message in messages)
    return next(Path(executable) for executable in built if executable)


def ask(trace: Path, operations: list[Operation]) -> Iterator[Answer]:
    lines = (f"{o.strategy} {o.rate} {o.key} {'-' if o.cost is None else o.cost} {o.now}\n" for o in operations)
    said = subprocess.run([trace], input="".join(lines), stdout=subprocess.PIPE, check=True, text=True).stdout
    answers = said.splitlines()
    assert len(answers) == len(operations)
    for line in answers:
        admitted, remaining, reset = line.split()
        yield admitted, int(remaining), reset


# The control


class NoTimer:
    """Stands in for the library's purge thread, and never runs."""

    def __init__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        pass

    def is_alive(self) -> bool:
        return True


class Library:
    """The real library; the clock is set by hand, and `purge` is called by hand."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 0
        clock = SimpleNamespace(time=lambda: self.now / 1e6)
        patch.setattr(limits.storage.memory, "time", clock)
        patch.setattr(limits.strategies, "time", clock)
        patch.setattr(limits.storage.memory, "threading", SimpleNamespace(Timer=NoTimer, RLock=threading.RLock))
        self.items = {rate: parse(rate) for rate in RATES}
        self.begin()

    def begin(self) -> None:
        self.storage = MemoryStorage()
        self.limiters = {name: strategy(self.storage) for name, strategy in STRATEGIES.items()}

    def purge(self) -> None:
        self.storage._MemoryStorage__expire_events()

    def stamps(self, operation: Operation) -> list[float]:
        entries = self.storage.events.get(self.items[operation.rate].key_for(operation.key), [])
        return [entry.atime for entry in entries]

    def __call__(self, operation: Operation, settled: bool = True) -> Answer:
        self.now = operation.now
        limiter, item = self.limiters[operation.strategy], self.items[operation.rate]
        admitted = None
        if operation.cost is not None:
            admitted = limiter.hit(item, operation.key, cost=operation.cost)
        if settled and operation.strategy == "moving-window":
            self.settle(operation, item)
        reset, remaining = limiter.get_window_stats(item, operation.key)
        return answer(admitted, remaining, reset)

    def settle(self, operation: Operation, item: RateLimitItem) -> None:
        """Forgets the stamps whose window is over, where none is left inside.

        Named case 1: before the purge the library's reset is then in the past, after it a whole length from now.
        The candidate always says the latter. A stamp at the very end of its window stays: it decides the next hit.
        """
        stamps, horizon = self.stamps(operation), self.now / 1e6 - item.get_expiry()
        if stamps and stamps[0] <= horizon:
            del self.storage.events[item.key_for(operation.key)][stamps.count(horizon) :]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    return Library(monkeypatch)


# The operations


@dataclass
class Episode:
    """Random operations on a few keys under two rates, with a liking for the edges of windows."""

    strategy: str
    number: int
    random: random.Random
    now: int = 0
    marks: list[int] = field(default_factory=list)

    def operations(self, count: int, most_back: int = 0) -> Iterator[Operation]:
        rates = self.random.sample(RATES, 1 if most_back else 2)
        starts = [(0, 200 * SECOND), (0, YEAR), (31 * YEAR, 67 * YEAR), (54 * YEAR, 57 * YEAR)]
        self.now = latest = self.random.randrange(*self.random.choice(starts))
        # All keys at once, so that the store has no reason to reclaim one later: that is a purge as well.
        for key in range(KEYS):
            yield Operation(self.strategy, rates[0], f"{self.number}.{key}", 1, self.now)
        for _ in range(count - KEYS):
            rate = self.random.choice(rates)
            item = parse(rate)
            length = item.get_expiry() * SECOND
            self.now = self.later(length, max(item.amount, 1))
            if most_back and self.random.random() < 0.3:
                self.now = max(0, self.now - self.random.randrange(length * most_back))
                # Sliding windows: the one before the newest is as far back as the original surely remembers.
                self.now = max(self.now, (latest // length - 1) * length)
            if self.now >= LATEST:
                return
            latest = max(latest, self.now)
            self.marks = [*self.marks[-30:], self.now]
            key = f"{self.number}.{self.random.randrange(KEYS)}"
            yield Operation(self.strategy, rate, key, self.cost(item.amount), self.now)

    def later(self, length: int, amount: int) -> int:
        step = self.random.random()
        if step < 0.3:
            return self.now
        if step < 0.4:
            return self.now + self.random.randrange(3)
        if step < 0.7:
            return self.now + self.random.randrange(2 * length // amount + 1)
        if step < 0.75:
            return self.now + self.random.randrange(3 * length)
        start = self.now - self.now % length
        if step < 0.85:
            # Where a full previous window weighs a whole number, so that the last bit of a float decides.
            edge = start + self.random.randrange(2 * amount) * length // amount
        else:
            edge = self.random.choice([start, *self.marks[-10:]]) + self.random.choice([1, 1, 2]) * length
        return max(self.now, edge + self.random.choice([-1, 0, 1]))

    def cost(self, amount: int) -> int | None:
        costs = [1, 0, amount, amount + 1, self.random.randrange(amount + 1), None]
        return self.random.choices(costs, [70, 6, 3, 3, 8, 10])[0]


def episodes(strategy: str, most_back: int = 0) -> Iterator[list[Operation]]:
    number = operations = 0
    while operations < OPERATIONS:
        chance = random.Random(f"{strategy} {most_back} {number}")
        episode = list(Episode(strategy, number, chance).operations(EPISODE, most_back))
        yield episode
        operations += len(episode)
        number += 1


# The laws


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_answers_as_the_library(strategy: str, trace: Path, library: Library) -> None:
    """Whatever is asked, in whatever rhythm: admitted, remaining and reset are the library's, to the last bit."""
    seen = set()
    for operations in episodes(strategy):
        library.begin()
        for operation, candidate in zip(operations, ask(trace, operations), strict=True):
            control = library(operation)
            assert candidate == control, operation
            seen.add(control[0])
    assert seen == {"0", "1", "-"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_answers_as_the_library_when_time_runs_backwards(strategy: str, trace: Path, library: Library) -> None:
    """Over an unordered capture the answers are the library's too, as far as its purge does not decide them.

    Looks are left out: the library forgets what has expired when it is looked at, and time could come back to it.
    Of a moving window whose log is longer than the purge would have left it, or all expired, only the decision is
    compared, and not the one for a cost of 0.
    """
    compared = 0
    for operations in episodes(strategy, most_back=2):
        library.begin()
        operations = [operation for operation in operations if operation.cost is not None]
        for operation, candidate in zip(operations, ask(trace, operations), strict=True):
            control = library(operation, settled=False)
            if strategy != "moving-window":
                assert candidate == control, operation
            elif operation.cost:
                # Nothing left inside, by the library's count: named case 1.
                amount = library.items[operation.rate].amount
                exact = len(library.stamps(operation)) <= amount and control[1] < amount
                assert candidate[: 3 if exact else 1] == control[: 3 if exact else 1], operation
            compared += 1
    assert compared > OPERATIONS / 2


def test_weighs_in_the_order_of_the_library(trace: Path, library: Library) -> None:
    """Where a weight is a whole number but for rounding, the last bit decides: it is the library's.

    Just after the epoch a float has digits to spare, so there the order of its operations shows.
    """
    operations = []
    for amount, seconds, window in itertools.product((3, 7, 10, 49, 60, 100), (1, 3, 7, 60), range(1, 12)):
        rate, length = f"{amount}/{seconds}second", seconds * SECOND
        library.items[rate] = parse(rate)
        for filled in {amount, amount - 1, amount // 3}:
            key = f"{window}.{filled}"
            operations.append(Operation("sliding-window-counter", rate, key, filled, window * length))
            for part in range(filled):
                now = (window + 1) * length + length * part // max(filled, 1)
                for cost in (None, filled - part + 1, 1):
                    operations.append(Operation("sliding-window-counter", rate, key, cost, now))
    for operation, candidate in zip(operations, ask(trace, operations), strict=True):
        assert candidate == library(operation), operation


def test_the_library_itself_decides_by_its_purge(library: Library, trace: Path) -> None:
    """Named case 2: at the very end of a window the library refuses before its purge has run, and grants after it.

    The candidate refuses. A microsecond before and after, both answers of the library are the same.
    """
    start = 1_700_000_000 * SECOND
    for late in (-1, 0, 1):
        decisions = []
        for purged in (False, True):
            library.begin()
            library(Operation("moving-window", "1/1second", "a", 1, start))
            library.now = start + SECOND + late
            if purged:
                library.purge()
            decisions.append(library.limiters["moving-window"].hit(parse("1/second"), "a"))
        hits = [Operation("moving-window", "1/1second", "a", 1, now) for now in (start, library.now)]
        _, (candidate, _, _) = ask(trace, hits)
        assert decisions == {-1: [False, False], 0: [False, True], 1: [True, True]}[late]
        assert candidate == str(int(decisions[0]))


class Cells:
    """GCRA in exact fractions: the plainest way to write it down."""

    def __init__(self) -> None:
        self.paid: dict[tuple[str, str], Fraction] = {}

    def __call__(self, operation: Operation) -> Answer:
        burst, item, now = int(operation.strategy.split(":")[1]), parse(operation.rate), operation.now
        length = item.get_expiry()
        if item.amount == 0:
            return answer(None if operation.cost is None else False, 0, now / 1e6 + length)
        interval = Fraction(length * SECOND, item.amount)
        owed = max(self.paid.get((operation.rate, operation.key), Fraction(0)) - now, Fraction(0))
        admitted, reset = None, None
        if operation.cost is not None:
            wanted = owed + operation.cost * interval
            admitted = operation.cost <= burst and wanted <= burst * interval
            if admitted:
                owed = wanted
                self.paid[operation.rate, operation.key] = now + owed
            elif operation.cost <= burst:
                reset = (now + math.ceil(wanted - burst * interval)) / 1e6
            else:
                reset = now / 1e6 + length
        if reset is None:
            reset = (now + math.ceil(owed)) / 1e6
        return answer(admitted, math.floor((burst * interval - owed) / interval), reset)


@pytest.mark.parametrize("burst", [1, 3, 60])
def test_gcra_is_exact(burst: int, trace: Path) -> None:
    """GCRA never rounds: decision, cells left and the microsecond of the reset are those of fractions."""
    seen = set()
    for operations in episodes(f"gcra:{burst}"):
        control = Cells()
        for operation, candidate in zip(operations, ask(trace, operations), strict=True):
            expected = control(operation)
            assert candidate == expected, operation
            seen.add(expected[0])
    assert seen == {"0", "1", "-"}
