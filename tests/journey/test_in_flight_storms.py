"""
Requests in flight over the shared table: processes that are killed while they take places and give them back.

Each place has a seat, a byte that whoever was granted the place locks. The system unlocks those of a killed process
before it unlocks its row, so a worker that was granted a place and finds no free seat has been granted one too many.

CROSSFADE_LONG=1 storms for a minute.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from built import example

SECONDS = 60.0 if os.environ.get("CROSSFADE_LONG") == "1" else 4.0
WORKERS = 8
KILLS = 0.02
"""Seconds between two kills."""

SEATS = 48
ROWS = 256


@pytest.fixture(scope="session")
def storm() -> Path:
    """The example binary `in_flight`."""
    return example("in_flight")


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Path]:
    """Where a shared table would be: in memory."""
    memory = Path("/dev/shm")
    path = (memory if memory.is_dir() else tmp_path) / f"crossfade-places-{os.getpid()}.shm"
    yield path
    path.unlink(missing_ok=True)


def free(storm: Path, table: Path, who: str = "") -> list[tuple[int, int]]:
    """Of each key, how many places a process gets that comes now, and how many there are."""
    said = subprocess.run([str(storm), "whole", str(table), who], stdout=subprocess.PIPE, check=True, text=True)
    return [(int(got), int(most)) for got, most in (line.split() for line in said.stdout.splitlines())]


def hold(storm: Path, table: Path, who: str) -> subprocess.Popen[bytes]:
    """A process that holds one place of each key of somebody."""
    holder = subprocess.Popen([str(storm), "hold", str(table), who], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"4\n"
    return holder


def test_killed_workers_hold_nothing(storm: Path, table: Path, tmp_path: Path) -> None:
    """
    Eight processes take and give back the places of four keys while one is killed every 20 ms. Never do more hold a
    place than there are, and when all have been killed all places are free.
    """
    chance = random.Random(5)
    seats = tmp_path / "seats"
    seats.write_bytes(bytes(SEATS))
    started = 0

    def start() -> subprocess.Popen[bytes]:
        nonlocal started
        started += 1
        return subprocess.Popen(
            [str(storm), "work", str(table), str(seats), str(started)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def kill(worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        assert worker.communicate()[0] == b""

    workers = [start() for _ in range(WORKERS)]
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(KILLS)
        killed = chance.randrange(WORKERS)
        kill(workers[killed])
        workers[killed] = start()
    for worker in workers:
        kill(worker)

    print(f"{started} workers, all killed")
    assert free(storm, table) == [(most, most) for most in (1, 2, 5, 40)]


def test_places_are_held_by_the_living(storm: Path, table: Path) -> None:
    """
    What a living process holds nobody else gets, though it is stopped; when it is killed, all is free at once.
    """
    holder = hold(storm, table, "")
    assert free(storm, table) == [(most - 1, most) for most in (1, 2, 5, 40)]
    holder.send_signal(signal.SIGSTOP)
    assert free(storm, table) == [(most - 1, most) for most in (1, 2, 5, 40)]
    holder.kill()
    holder.communicate()
    assert free(storm, table) == [(most, most) for most in (1, 2, 5, 40)]


def test_a_file_without_rows_left_refuses(storm: Path, table: Path) -> None:
    """
    There are rows for 256 processes at once. One more is refused, until another ends.
    """
    holders = []
    try:
        for number in range(ROWS):
            holders.append(hold(storm, table, str(number)))
        assert [got for got, _ in free(storm, table)] == [0, 0, 0, 0]
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()
    assert free(storm, table) == [(most, most) for most in (1, 2, 5, 40)]
