"""Journey: a real Redis that is stopped, frozen, slowed and restarted under load.

No request waits longer than the timeout and a little, whatever the server does; every request is counted once; and the
store finds back by itself. Other processes share the machine: how late it wakes whoever waits for nothing but the clock
is measured meanwhile, and only where that is much may a few waits be longer.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import real_redis
from real_redis import Server, Store

Until = Callable[[Callable[[], Any]], Any]

LONGEST = 25_000
"""Longest wait, in microseconds: the default timeout and 5 ms."""

QUIET = 2_000
"""A machine that wakes nobody later than this, in microseconds, is no excuse."""

STORM = "storm 1500 4 moving-window 1000000/1hour storm 1"


@pytest.fixture
def server() -> Iterator[Server]:
    with real_redis.server() as running:
        yield running


def weathered(store: Store, what: str) -> dict[str, int]:
    """What a storm came to: nobody waited too long, and the account is whole."""
    granted, longest, slow, late = map(int, store.receive().split())
    stats = store.stats()
    print(f"{what}: longest wait {longest} µs, {slow} above {LONGEST}, the machine's own delay {late} µs, {stats}")
    assert slow <= (0 if late < QUIET else stats["asked"] // 100)
    assert granted > 0
    real_redis.account(stats)
    return stats


def counted(server: Server, until: Until) -> None:
    """Waits until the storm has reached the server."""
    until(lambda: server.client.dbsize() > 0)


def finds_back(store: Store, until: Until) -> None:
    until(lambda: store.hit("moving-window 1000000/1hour back 1")[1] == "Server")


def test_stopped_and_restarted(server: Server, until: Until) -> None:
    """A server that goes away in the middle of a storm: everybody is answered; when it is back, it counts again."""
    with Store(server.port) as store:
        store.send(STORM)
        counted(server, until)
        server.stop()
        assert weathered(store, "stopped")["degraded"] > 0
        server.start()
        finds_back(store, until)


def test_restarted_under_load(server: Server, until: Until) -> None:
    """A server that goes away and comes back during one storm."""
    with Store(server.port) as store:
        finds_back(store, until)
        store.send(STORM)
        until(lambda: server.client.llen("LIMITS:LIMITER/storm/1000000/1/hour") > 20)
        server.stop()
        server.start()
        until(lambda: server.client.llen("LIMITS:LIMITER/storm/1000000/1/hour") > 20)
        stats = weathered(store, "restarted")
        assert stats["connects"] >= 2 and stats["degraded"] > 0


def test_frozen(server: Server, until: Until) -> None:
    """A server that accepts everything and answers nothing: the breaker opens, and closes when it goes on."""
    with Store(server.port) as store:
        finds_back(store, until)
        server.freeze()
        store.send(STORM)
        stats = weathered(store, "frozen")
        assert stats["timeouts"] > 0 and stats["breaker_opens"] >= 1 and stats["breaker_shed"] > 0
        server.thaw()
        finds_back(store, until)


class Slow:
    """A way to the server on which each answer takes a while longer."""

    def __init__(self, port: int, delay: float) -> None:
        self.server, self.delay = port, delay
        self.over = threading.Event()
        self.listens = socket.create_server(("127.0.0.1", 0))
        self.port = self.listens.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            near, _ = self.listens.accept()
            far = socket.create_connection(("127.0.0.1", self.server))
            threading.Thread(target=self.carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, True), daemon=True).start()

    def carry(self, source: socket.socket, sink: socket.socket, slowly: bool) -> None:
        try:
            while chunk := source.recv(1 << 16):
                if slowly:
                    self.over.wait(self.delay)
                sink.sendall(chunk)
        except OSError:
            pass
        finally:
            sink.close()


def test_slowed(server: Server, until: Until) -> None:
    """A server behind a way that got slow is as good as none, until the way is better."""
    way = Slow(server.port, delay=0.4)
    with Store(way.port) as store:
        store.send(STORM)
        stats = weathered(store, "slowed")
        assert stats["answered"] == 0 and stats["timeouts"] > 0
        way.over.set()
        finds_back(store, until)


def test_forgotten_scripts(server: Server, until: Until) -> None:
    """A server that forgets the scripts is told them again, within the same request; nothing is counted twice."""
    charge = "fixed-window 5/1hour scripts 1"
    with Store(server.port, "timeout=5000") as store:
        for left in (4, 3):
            server.client.script_flush()
            [said], by = store.hit(charge)
            assert (said.remaining, by) == (left, "Server")
        assert store.stats()["scripts_lost"] >= 1


@pytest.mark.parametrize(("kind", "admitted"), [("open", [True] * 6), ("closed", [False] * 6)])
def test_open_and_closed(kind: str, admitted: list[bool]) -> None:
    """Without a server, as the policy says: everybody or nobody."""
    with Store(real_redis.free_port(), f"failure={kind}") as store:
        hits = [store.hit("fixed-window 5/1hour nobody 1") for _ in range(6)]
        assert [said[0].admitted for said, _ in hits] == admitted
        assert {by for _, by in hits} == {kind.capitalize()}
        stats = store.stats()
        assert stats["opened" if kind == "open" else "closed"] == 6
        real_redis.account(stats)


def test_degrades_to_its_share(server: Server) -> None:
    """Without a server each store gives its share of a limit: by how many stores were there, and at least 1."""
    with Store(server.port, "timeout=5000") as one, Store(server.port, "timeout=5000") as other:
        for store in (one, other):
            store.hit("fixed-window 100/1hour hello 1")
        assert other.stats()["hosts"] == 2
        server.stop()
        hits = [other.hit("moving-window 10/1hour share 1") for _ in range(8)]
        assert [said[0].admitted for said, _ in hits] == [True] * 5 + [False] * 3
        assert {by for _, by in hits} == {"Degraded"}
        assert other.hit("gcra:1 1/1hour share 1")[0][0].admitted
        real_redis.account(other.stats())


def test_a_blocked_key_is_not_asked_about(server: Server) -> None:
    """Who was refused until a time is refused until then, with the server gone as well."""
    with Store(server.port, "timeout=5000", "failure=open") as store:
        charge = "fixed-window 2/1hour blocked 1"
        assert [store.hit(charge)[1] for _ in range(4)] == ["Server"] * 3 + ["Block"]
        server.stop()
        [said], by = store.hit(charge)
        assert (said.admitted, by) == (False, "Block")
        assert store.stats()["blocked"] == 2
