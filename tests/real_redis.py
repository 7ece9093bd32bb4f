"""
A real Redis server for tests, and the store's example binary that speaks with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from built import example

ROOT = Path(__file__).resolve().parents[1]
STARTS = 10.0
"""Longest wait for a server to start, in seconds."""


def executable() -> str:
    """`make test` brings it; there is no test that does without."""
    brought = ROOT / ".cache" / "redis" / "redis-server"
    found = str(brought) if brought.exists() else shutil.which("redis-server")
    assert found, "no redis-server: run `make redis`, which brings one"
    return found


class Server:
    """One server on a port of its own, with more options if some are given, which keeps nothing on disk."""

    def __init__(self, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.options = options
        self.start()

    def start(self) -> None:
        options = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--loglevel",
            "warning",
            *self.options,
        ]
        self.process = subprocess.Popen([executable(), *options], stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self.port)
        deadline = time.monotonic() + STARTS
        while time.monotonic() < deadline:
            try:
                self.client.ping()
            except redis.ConnectionError:
                assert self.process.poll() is None, "redis-server ended"
                time.sleep(0.01)
            else:
                return
        raise AssertionError("redis-server does not answer")

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.client.close()


@contextmanager
def server(*options: str) -> Iterator[Server]:
    running = Server(*options)
    try:
        yield running
    finally:
        running.stop()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Said:
    """What the store said of one charge."""

    admitted: bool
    remaining: int
    reset: float


class Store:
    """The store in a process of its own; what it can be asked is in rust/store/examples/redis_trace.rs."""

    def __init__(self, port: int, *options: str) -> None:
        program = example("redis_trace")
        command = [program, f"127.0.0.1:{port}", *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(10) == 0

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")

    def receive(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def ask(self, line: str) -> str:
        self.send(line)
        return self.receive()

    def hit(self, charges: str, what: str = "hit") -> tuple[list[Said], str]:
        """What was said of each charge, and who said it."""
        hits, by = self.ask(f"{what} {charges}").rsplit(" ", 1)
        return [said(hit) for hit in hits.split(";")], by

    def look(self, charge: str) -> Said:
        return said(self.ask(f"look {charge}"))

    def stats(self) -> dict[str, int]:
        return {name: int(count) for name, count in (word.split("=") for word in self.ask("stats").split())}


def said(words: str) -> Said:
    admitted, remaining, reset = words.split()
    return Said(admitted == "1", int(remaining), struct.unpack(">d", bytes.fromhex(reset))[0])


def account(stats: dict[str, int]) -> None:
    """Every request ended once, and every one that the server did not answer has a cause."""
    ends = ("answered", "held", "blocked", "degraded", "opened", "closed", "abandoned")
    causes = ("timeouts", "disconnected", "refusals", "breaker_shed", "queue_full")
    assert stats["asked"] == sum(stats[name] for name in ends), stats
    assert sum(stats[name] for name in ends[3:6]) == sum(stats[name] for name in causes), stats


LONG = bool(os.environ.get("CROSSFADE_LONG"))
