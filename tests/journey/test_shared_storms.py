"""
Storms over the shared table: processes that are killed while they hit, and floods of keys.

The clock is the driver's. It moves only while every worker waits, so that all hits of a turn have one `now`, whatever
the scheduler does, and each turn can be accounted for hit by hit. Of a killed worker one attempt is in doubt, and only
that: it was granted, perhaps, and not told. With g told grants of a key in a turn, d attempts in doubt, and c grants
that the oracle in tests/reference has left for it: g <= c, and where an attempt was refused, c <= g + d.

CROSSFADE_LONG=1 storms for a minute and floods with ten million keys.
"""

from __future__ import annotations

import copy
import os
import random
import selectors
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from built import example
from reference.limits import Limit, Store

LONG = os.environ.get("CROSSFADE_LONG") == "1"

SECONDS = 60.0 if LONG else 4.0
WORKERS = 8
KILLS = 0.05
"""Seconds between two kills."""

TURN = 20 if LONG else 3
"""Kills in one turn of the clock."""

STRATEGIES = {"fixed-window": 0, "moving-window": 0, "sliding-window-counter": 0, "gcra": 40}
HOT, MANY = 300, 3
KEYS = 100_000

START = 1_700_000_000_000_000
STEPS = [250_000, 500_000, 999_999, 1_000_000, 1_000_001, 2_500_000]
"""Microseconds between two turns: within windows of a second, at their very ends, and beyond."""

WORDS = struct.Struct("=QQQQ")
"""What the workers write, see the example."""

WAIT = 60.0
"""Longest wait for all workers to stand still: generous, because other processes share the machine."""


@pytest.fixture(scope="session")
def storm() -> Path:
    """The example binary `storm`."""
    return example("storm")


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Path]:
    """Where a shared table would be: in memory."""
    memory = Path("/dev/shm")
    path = (memory if memory.is_dir() else tmp_path) / f"crossfade-storm-{os.getpid()}.shm"
    yield path
    path.unlink(missing_ok=True)


def lines(limits: list[tuple[str, str, str, int]], at: Path) -> Path:
    at.write_text("".join(f"{name} {strategy} {rate} {keys}\n" for name, strategy, rate, keys in limits))
    return at


def worded(strategy: str) -> str:
    burst = STRATEGIES[strategy]
    return f"{strategy}:{burst}" if burst else strategy


def rule(name: str, strategy: str, rate: str) -> Limit:
    return Limit.read(name, {"rate": rate, "strategy": strategy, "burst": STRATEGIES[strategy], "key": "client"})


class Crew:
    """Workers over one table, each with files of its own, and the clock that they read."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.command, self.folder = command, folder
        self.clock = folder / "clock"
        self.clock.write_bytes(bytes(8))
        self.hand = os.open(self.clock, os.O_WRONLY)
        self.started = 0
        self.live: dict[int, subprocess.Popen[bytes]] = {}
        self.doubts: list[tuple[int, ...]] = []
        for _ in range(WORKERS):
            self.start()

    def start(self) -> None:
        number, self.started = self.started, self.started + 1
        command = [*self.command, str(self.clock), str(self.folder / str(number)), str(number + 1)]
        self.live[number] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def wait_for_pause(self) -> None:
        """Waits until every live worker stands still."""
        with selectors.DefaultSelector() as selector:
            for number, worker in self.live.items():
                assert worker.stdout
                selector.register(worker.stdout, selectors.EVENT_READ, number)
            waiting = set(self.live)
            while waiting:
                ready = selector.select(WAIT)
                assert ready, f"workers {waiting} neither stand still nor die"
                for key, _ in ready:
                    assert os.read(key.fd, 100) == b"paused\n"
                    selector.unregister(key.fd)
                    waiting.discard(key.data)

    def turn(self, now: int, kills: int, chance: random.Random) -> None:
        """Lets all hit at `now`, and kills some meanwhile, each at once followed by another."""
        self.set(now)
        for worker in self.live.values():
            assert worker.stdin
            worker.stdin.write(b"go\n")
            worker.stdin.flush()
        with selectors.DefaultSelector() as timer:
            for _ in range(kills):
                timer.select(KILLS)
                self.kill(chance.choice(list(self.live)))
                self.start()
            timer.select(KILLS)
        self.set(0)
        self.wait_for_pause()

    def set(self, now: int) -> None:
        """In place: a file that is written anew is empty for a moment."""
        os.pwrite(self.hand, now.to_bytes(8, sys.byteorder), 0)

    def kill(self, number: int) -> None:
        worker = self.live.pop(number)
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            assert pipe
            pipe.close()
        tried = self.folder / f"{number}.try"
        if tried.exists() and (said := tried.read_bytes()):
            self.doubts.append((number, *WORDS.unpack(said)))

    def stop(self) -> None:
        for number in list(self.live):
            worker = self.live[number]
            worker.communicate(timeout=WAIT)
            assert worker.returncode == 0
        os.close(self.hand)


@dataclass
class Turn:
    """What is known of the hits on one key at one time."""

    granted: int = 0
    refused: bool = False
    doubts: int = 0


@dataclass
class Story:
    """What all workers wrote."""

    turns: dict[tuple[int, int], dict[int, Turn]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Turn))
    )
    attempts: int = 0
    grants: int = 0
    doubts: int = 0

    @classmethod
    def read(cls, crew: Crew) -> Story:
        story = cls()
        told: dict[int, int] = {}
        for number in range(crew.started):
            hits = crew.folder / f"{number}.hits"
            for now, limit, key, word in WORDS.iter_unpack(hits.read_bytes() if hits.exists() else b""):
                turn = story.turns[limit, key][now]
                turn.granted += word & 1
                turn.refused |= not word & 1
                story.grants += word & 1
                told[number] = word >> 1
            tried = crew.folder / f"{number}.try"
            story.attempts += WORDS.unpack(tried.read_bytes())[0] if tried.exists() and tried.stat().st_size else 0
        for number, sequence, now, limit, key in crew.doubts:
            if told.get(number) != sequence:
                story.turns[limit, key][now].doubts += 1
                story.doubts += 1
        return story


def explained(limit: Limit, key: int, turns: dict[int, Turn]) -> None:
    """
    Holds a key's turns against the oracle: in each, what was told, and some of what is in doubt, is what it grants.
    """
    states = [Store()]
    for now in sorted(turns):
        turn, following = turns[now], []
        for state in states:
            for doubted in range(turn.doubts + 1):
                branch = copy.deepcopy(state) if turn.doubts else state
                hits = [branch.hit(limit, b"", 1, now) for _ in range(turn.granted + doubted)]
                if not any(hits) and (not turn.refused or branch.hit(limit, b"", 1, now)):
                    following.append(branch)
        assert following, f"{limit.name} {key} at {now - START}: {turn} is more or less than the limit grants"
        states = following


def test_killed_workers_leave_exact_counts(storm: Path, table: Path, tmp_path: Path) -> None:
    """
    Eight processes hit four hot keys and 100,000 others while one is killed every 50 ms. Each key's grants are those of
    its strategy, none more and none less, but for what the killed ones did not tell; in the end no key is stuck.
    """
    chance = random.Random(4)
    limits = [(f"hot-{strategy}", worded(strategy), f"{HOT}/second", 1) for strategy in STRATEGIES]
    limits += [(f"many-{strategy}", worded(strategy), f"{MANY}/second", KEYS // 4) for strategy in STRATEGIES]
    sizes = [str(table), str(4 * KEYS), str(64 << 20), str(lines(limits, tmp_path / "limits"))]
    crew = Crew([str(storm), "work", *sizes], tmp_path)
    crew.wait_for_pause()
    now, end, turns = START, time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        crew.turn(now, TURN, chance)
        now += chance.choice(STEPS)
        turns += 1
    crew.stop()

    story = Story.read(crew)
    rated = [rule(name, word.split(":")[0], rate) for name, word, rate, _ in limits]
    for (limit, key), of_key in story.turns.items():
        explained(rated[limit], key, of_key)
    print(f"{story.attempts} hits, {story.grants} granted, {turns} turns")
    print(f"{crew.started - WORKERS} kills, {story.doubts} hits in doubt")
    assert len(crew.doubts) >= turns
    assert all(story.turns[limit, 0] for limit in range(4))

    swept = subprocess.run([str(storm), "sweep", *sizes, str(now + 10_000_000)], stdout=subprocess.PIPE, check=True)
    assert swept.stdout == b""


def test_a_flood_frees_nobody(storm: Path, table: Path, tmp_path: Path) -> None:
    """
    A key that is refused stays refused, however many others come, and no process grows by them.
    """
    limits = [(f"flood-{strategy}", worded(strategy), "3/hour", 200) for strategy in STRATEGIES]
    sizes = [str(table), "20000", str(4 << 20), str(lines(limits, tmp_path / "limits"))]
    count = 10_000_000 if LONG else 400_000
    command = [str(storm), "flood", *sizes, str(START), str(count)]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    figures = {name: int(figure) for name, figure in (line.split() for line in said.stdout.splitlines())}

    print(figures)
    assert figures["free"] == 0
    assert figures["blocked"] == 0
    assert figures["evicted"] > count // 2
    assert figures["grown"] < 1 << 20
