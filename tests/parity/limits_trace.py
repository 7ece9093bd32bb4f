"""Random operations on limits, with a liking for the edges of windows, and the candidate's answers to them."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from built import example
from parity.limits_controls import SECOND, Answer, Operation, Rates

KEYS = 3
YEAR = 365 * 86_400 * SECOND
LATEST = 1 << 53  # microseconds, the year 2255: beyond, a float does not hold every one
RATES = [
    *("0/1second", "1/1second", "3/1second", "10/1second", "100/7second", "5/1minute", "60/1minute", "7/3minute"),
    *("2/1hour", "1000/1day", "30/1month", "4/100year"),
]
VERBS = {"hit": 76, "peek": 7, "test": 9, "settle": 5, "reset": 1, "all": 2}
EPISODE = 1_000  # operations on the same few keys
BATCH = 50  # episodes that one process of the candidate answers


@pytest.fixture(scope="session")
def trace() -> Path:
    """The example binary `trace`: operations in, answers out."""
    return example("trace")


def ask(trace: Path, strategy: str, operations: list[Operation], flavour: str = "memory") -> list[Answer]:
    """The candidate's answers, from empty counts."""
    numbers: dict[str, int] = {}
    lines = []
    for operation in operations:
        for rate in (operation.rate, *(charge[0] for charge in operation.charges)):
            if rate not in numbers:
                numbers[rate] = len(numbers)
                lines.append(f"limit {strategy} {rate} {flavour}\n")
    for verb, rate, key, cost, now, (charged, at), charges in operations:
        if verb in ("hit", "test"):
            lines.append(f"{verb} {numbers[rate]} {key} {cost} {now}\n")
        elif verb == "settle":
            lines.append(f"settle {numbers[rate]} {key} {cost} {now} {charged} {at}\n")
        elif verb == "all":
            listed = (f" {numbers[rate]} {key} {cost}" for rate, key, cost in charges)
            lines.append(f"all {now}{''.join(listed)}\n")
        else:
            lines.append(f"{verb} {numbers[rate]} {key} {now}\n")
    said = subprocess.run([trace], input="".join(lines).encode(), stdout=subprocess.PIPE, check=True).stdout
    answers = list(struct.iter_unpack("<BQd", said))
    assert len(answers) == len(operations)
    return answers  # type: ignore[return-value]


class Episode:
    """Random operations on a few keys under two rates."""

    def __init__(self, strategy: str, number: int, most_back: int = 0) -> None:
        self.random = random.Random(f"{strategy} {most_back} {number}")
        self.number, self.most_back = number, most_back
        self.now = 0
        self.marks: list[int] = []
        self.rates = Rates()

    def operations(self) -> list[Operation]:
        draw = self.random.random
        names = self.random.sample(RATES, 1 if self.most_back else 2)
        rates = [(name, max(self.rates[name][1], 1), self.rates[name][2] * SECOND) for name in names]
        starts = [(0, 200 * SECOND), (0, YEAR), (31 * YEAR, 67 * YEAR), (54 * YEAR, 57 * YEAR)]
        self.now = latest = self.random.randrange(*self.random.choice(starts))
        keys = [f"{self.number}.{key}" for key in range(KEYS)]
        # All keys at once, so that the store has no reason to reclaim one later: that is a purge as well.
        operations = [Operation("hit", names[0], key, 1, self.now) for key in keys]
        verbs = self.random.choices([*VERBS], [*VERBS.values()], k=EPISODE - KEYS)
        charged: list[tuple[str, str, int, int]] = [(names[0], keys[0], 1, self.now)]
        for verb in verbs:
            rate, amount, length = rates[int(draw() * len(rates))]
            self.now = self.later(length, amount)
            if self.most_back and draw() < 0.3:
                self.now = max(0, self.now - int(draw() * length * self.most_back))
                # Sliding windows: the one before the newest is as far back as the original surely remembers.
                self.now = max(self.now, (latest // length - 1) * length)
            if self.now >= LATEST:
                break
            latest = max(latest, self.now)
            self.marks.append(self.now)
            key = keys[int(draw() * KEYS)]
            cost = self.cost(amount)
            if verb == "settle":
                # Mostly one of the last hits, granted or not: what it settles is the store's own business.
                rate, key, was, at = charged[-1 - int(draw() * min(len(charged), 6))]
                cost = int(draw() * (was + 1)) if draw() < 0.7 else was + int(draw() * (amount + 3))
                operations.append(Operation("settle", rate, key, cost, self.now, (was, at)))
            elif verb == "all":
                charges = [
                    (names[int(draw() * len(names))], keys[int(draw() * KEYS)], self.cost(amount)) for _ in "abc"
                ]
                operations.append(Operation("all", rate, key, 0, self.now, (0, 0), charges))
            else:
                operations.append(Operation(verb, rate, key, cost, self.now))
                if verb == "hit":
                    charged.append((rate, key, cost, self.now))
        return operations

    def later(self, length: int, amount: int) -> int:
        draw = self.random.random
        step, now = draw(), self.now
        if step < 0.3:
            return now
        if step < 0.4:
            return now + int(draw() * 3)
        if step < 0.7:
            return now + int(draw() * (2 * length // amount + 1))
        if step < 0.75:
            return now + int(draw() * 3 * length)
        start = now - now % length
        if step < 0.85:
            # Where a full previous window weighs a whole number, so that the last bit of a float decides.
            edge = start + int(draw() * 2 * amount) * length // amount
        else:
            ends = [start, *self.marks[-10:]]
            edge = ends[int(draw() * len(ends))] + (2 if draw() < 0.33 else 1) * length
        # A microsecond around the edge; or a millisecond, which is Redis' own.
        beside = draw()
        edge += int(beside * 4) - 1 if beside < 0.75 else int(draw() * 2001) - 1000
        return max(now, edge)

    def cost(self, amount: int) -> int:
        chance = self.random.random()
        if chance < 0.78:
            return 1
        if chance < 0.84:
            return 0
        if chance < 0.88:
            return amount
        if chance < 0.91:
            return amount + 1
        return int(self.random.random() * (amount + 1))


def batches(strategy: str, count: int, most_back: int = 0) -> Iterator[list[list[Operation]]]:
    """Episodes with `count` operations and a few more, some of them at a time."""
    number = 0
    while count > 0:
        batch = [Episode(strategy, number + index, most_back).operations() for index in range(BATCH)]
        number += BATCH
        count -= sum(map(len, batch))
        yield batch
