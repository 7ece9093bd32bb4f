"""Parity: the store's limits answer as the library `limits` does: admitted, remaining and reset, every bit.

The control is the real library over its memory storage, under a frozen clock, with its purge thread stopped. The
two places in which that thread decides the library's answer are named below, and nothing else is left out. Over Redis
it is the library's strategies over its scripts in Python.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from limits import parse
from parity.limits_controls import SECOND, STRATEGIES, Cells, Control, Library, Operation, Redis
from parity.limits_trace import VERBS, ask, batches, trace

__all__ = ["trace"]

MILLION = 1_000_000
LONG = bool(os.environ.get("CROSSFADE_LONG"))
# What `make test` has time for: two of the millions.
FEWER = MILLION if LONG else 50_000
OPERATIONS = {"fixed-window": MILLION, "sliding-window-counter": MILLION, "moving-window": FEWER}


def same(trace: Path, control: Control, strategy: str, count: int, flavour: str = "memory") -> None:
    """Whatever is asked, in whatever rhythm: the control's answer is the candidate's, and each answer was there."""
    asked, seen = 0, set()
    for batch in batches(strategy, count):
        operations = list(itertools.chain.from_iterable(batch))
        candidate = ask(trace, strategy, operations, flavour)
        expected = []
        for episode in batch:
            control.begin()
            expected += map(control, episode)
        if candidate != expected:
            index = next(index for index, (a, b) in enumerate(zip(candidate, expected, strict=True)) if a != b)
            assert candidate[index] == expected[index], operations[index]
        asked += len(operations)
        seen |= {(operation.verb, said) for operation, (said, _, _) in zip(operations, expected, strict=True)}
    assert asked >= count
    assert seen == {(verb, said) for verb in VERBS for said in ((0, 1) if verb in ("hit", "test", "all") else (2,))}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_answers_as_the_library(strategy: str, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hits, tests, looks, clears, settled charges and all-or-nothing: as the library over memory, to the last bit."""
    same(trace, Library(monkeypatch, strategy), strategy, OPERATIONS[strategy])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_answers_as_the_library_over_redis(strategy: str, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in the other flavour: as the library's scripts, the server's rounding and Lua's digits included."""
    same(trace, Redis(monkeypatch, strategy), strategy, FEWER, "redis")


@pytest.mark.parametrize("burst", [1, 3, 60])
def test_gcra_is_exact(burst: int, trace: Path) -> None:
    """GCRA never rounds: decision, cells left and the microsecond of the reset are those of fractions."""
    same(trace, Cells(burst), f"gcra:{burst}", FEWER // 3)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_answers_as_the_library_when_time_runs_backwards(
    strategy: str, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over an unordered capture the hits are answered as by the library too, as far as its purge does not decide them.

    Of a moving window whose log is longer than the purge would have left it, or all expired, only the decision is
    compared, and not the one for a cost of 0.
    """
    compared, library = 0, Library(monkeypatch, strategy, settled=False)
    for batch in batches(strategy, FEWER, most_back=2):
        hits = [[operation for operation in episode if operation.verb == "hit"] for episode in batch]
        operations = list(itertools.chain.from_iterable(hits))
        candidates = iter(ask(trace, strategy, operations))
        for episode in hits:
            library.begin()
            for operation in episode:
                candidate, control = next(candidates), library(operation)
                compared += 1
                if strategy != "moving-window":
                    assert candidate == control, operation
                elif operation.cost:
                    # Nothing left inside, by the library's count: named case 1.
                    amount = library.rates[operation.rate][1]
                    exact = len(library.stamps(operation.rate, operation.key)) <= amount and control[1] < amount
                    assert candidate[: 3 if exact else 1] == control[: 3 if exact else 1], operation
    assert compared > FEWER / 2


def test_weighs_in_the_order_of_the_library(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a weight is a whole number but for rounding, the last bit decides: it is the library's.

    Just after the epoch a float has digits to spare, so there the order of its operations shows.
    """
    operations = []
    for amount, seconds, window in itertools.product((3, 7, 10, 49, 60, 100), (1, 3, 7, 60), range(1, 12)):
        rate, length = f"{amount}/{seconds}second", seconds * SECOND
        for filled in {amount, amount - 1, amount // 3}:
            key = f"{window}.{filled}"
            operations.append(Operation("hit", rate, key, filled, window * length))
            for part in range(filled):
                now = (window + 1) * length + length * part // max(filled, 1)
                operations.append(Operation("peek", rate, key, 0, now))
                operations += [Operation("hit", rate, key, cost, now) for cost in (filled - part + 1, 1)]
    library = Library(monkeypatch, "sliding-window-counter")
    for operation, candidate in zip(operations, ask(trace, library.strategy, operations), strict=True):
        assert candidate == library(operation), operation


def test_the_library_itself_decides_by_its_purge(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named case 2: at the very end of a window the library refuses before its purge has run, and grants after it.

    The candidate refuses. A microsecond before and after, both answers of the library are the same.
    """
    start = 1_700_000_000 * SECOND
    library = Library(monkeypatch, "moving-window")
    for late in (-1, 0, 1):
        decisions = []
        for purged in (False, True):
            library.begin()
            library(Operation("hit", "1/1second", "a", 1, start))
            library.now = start + SECOND + late
            if purged:
                library.purge()
            decisions.append(library.limiter.hit(parse("1/second"), "a"))
        hits = [Operation("hit", "1/1second", "a", 1, now) for now in (start, library.now)]
        _, (candidate, _, _) = ask(trace, "moving-window", hits)
        assert decisions == {-1: [False, False], 0: [False, True], 1: [True, True]}[late]
        assert candidate == decisions[0]
