"""
Exchanges on their way to a sidecar, as a service's processes have it: forked, spawned, and with nobody there.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import Service
from crossfade import Outcome, Request

sys.path.insert(0, str(Path(__file__).parent / "fixtures"))

from msgpack_frames import read_frame

NO = Outcome.invalid("control")
HEARD = bytes([0x82, 0xA1, ord("v"), 1, 0xA1, ord("n"), 0])


def page(peer: str = "10.0.0.1") -> Request:
    return Request.of("GET", "/a", peer=peer)


def row(seam: Any) -> dict[str, Any]:
    found: dict[str, Any] = seam.status()["routes"]["pages"]
    return found


class Reader:
    """A sidecar that keeps what each connection says: `h` hello, `x` an exchange, `a` an account."""

    def __init__(self, path: Path) -> None:
        self.said: list[list[dict[str, Any]]] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            said: list[dict[str, Any]] = []
            self.said.append(said)
            threading.Thread(target=self.read, args=(connection, said), daemon=True).start()

    def read(self, connection: socket.socket, said: list[dict[str, Any]]) -> None:
        connection.sendall(len(HEARD).to_bytes(4, "big") + HEARD)
        with connection.makefile("rb") as stream:
            while (frame := read_frame(stream)) is not None:
                said.append(frame)

    def counts(self) -> list[tuple[int, int]]:
        """Hellos and exchanges of each connection."""
        return [(sum("h" in frame for frame in said), sum("x" in frame for frame in said)) for said in self.said]

    def missed(self, route: str) -> list[tuple[int, bool]]:
        """How many missed keys of a route each account names, and whether all may be."""
        accounts = [frame["a"]["r"] for said in self.said for frame in said if "a" in frame]
        return [(len(routes[route]["k"]), routes[route]["m"]) for routes in accounts if route in routes]


@pytest.fixture
def reader(service) -> Reader:
    service.state.mkdir(exist_ok=True)
    return Reader(service.state / "sidecar.sock")


def serves(policy: Path, state: Path) -> None:
    """A worker that was spawned: it makes a seam of its own."""
    from crossfade import Seam

    seam = Seam.from_file(policy, state=state, version="test")
    seam.control("pages", lambda _: NO)
    seam.admit(page())
    assert seam.flush(5)


def test_decided_requests_reach_a_sidecar(service, reader, until):
    """
    What is decided is sent, once each and with seeded copies of the first ones; the status says how many and to whom.
    """
    service.stage("pages", "shadow")
    seam = service.seam()
    seam.control("pages", lambda _: NO)
    for n in range(20):
        assert seam.admit(page(f"10.0.0.{n}")) == NO

    assert seam.flush(5)
    until(lambda: reader.counts() == [(1, 23)])
    assert seam.status()["sidecar"] == "connected"
    account = row(seam)["account"]
    assert {name: count for name, count in account.items() if count} == {"requests": 20, "sent": 20}


def test_what_is_off_is_not_sent(service, reader):
    """
    A route that is off says nothing to anybody, and nothing is started for it.
    """
    seam = service.seam()
    seam.control("pages", lambda _: NO)
    seam.admit(page())

    assert seam.flush(5)
    assert "nothing to say" in seam.status()["sidecar"]
    assert reader.counts() == []


class Unrecorded:
    """A seam's native half that nobody may record with."""

    def __init__(self, native: Any) -> None:
        self.native = native

    def __getattr__(self, name: str) -> Any:
        assert name != "record"
        return getattr(self.native, name)


def test_without_a_sidecar_nothing_is_recorded(service):
    """
    Where nobody listens the request is counted, and its exchange is not even asked for.
    """
    service.stage("pages", "shadow")
    seam = service.seam()
    seam.control("pages", lambda _: NO)
    seam._native = Unrecorded(seam._native)

    assert [seam.admit(page()) for _ in range(3)] == [NO] * 3
    assert seam.status()["sidecar"].startswith("not connected (No such file")
    assert (row(seam)["account"]["requests"], row(seam)["account"]["no_sidecar"]) == (3, 3)


def test_a_control_that_ends_the_request_abandons_it(service, reader):
    """
    A request that is cancelled while its control runs is counted, as abandoned.
    """
    service.stage("pages", "shadow")
    seam = service.seam()

    def control(_: Request) -> Outcome:
        raise KeyboardInterrupt

    seam.control("pages", control)
    with pytest.raises(KeyboardInterrupt):
        seam.admit(page())

    assert (row(seam)["account"]["requests"], row(seam)["account"]["abandoned"]) == (1, 1)


def test_a_fork_says_hello_for_itself(service, reader, until):
    """
    A forked child has a connection and an account of its own, and its parent's goes on.
    """
    service.stage("pages", "shadow")
    seam = service.seam()
    seam.control("pages", lambda _: NO)
    seam.admit(page())
    assert seam.flush(5)
    child = os.fork()
    if child == 0:
        seam.admit(page())
        sent = seam.flush(5) and row(seam)["account"]["requests"] == 1
        os._exit(0 if sent else 1)
    assert os.waitpid(child, 0)[1] == 0
    seam.admit(page("10.0.0.2"))
    assert seam.flush(5)

    # Each first exchange of a stay has a seeded copy.
    until(lambda: sorted(reader.counts()) == [(1, 2), (1, 4)])
    assert row(seam)["account"]["sent"] == 2


def test_a_spawned_worker_says_hello(service, reader, until):
    """
    A worker that was spawned sends as one that was started by hand.
    """
    service.stage("pages", "shadow")
    worker = multiprocessing.get_context("spawn").Process(target=serves, args=(service.policy, service.state))
    worker.start()
    worker.join(30)

    assert worker.exitcode == 0
    until(lambda: reader.counts() == [(1, 2)])


def test_a_failing_candidate_is_pinned(service, until, caplog):
    """
    After three failures the control alone judges the route, which status, log and the worker's file say; setting the
    stage again ends it.
    """
    service.stage("pages", "canary:99.99", fault="panic", at=1)
    seam = service.seam()
    seam.control("pages", lambda _: NO)

    assert [seam.admit(page(f"10.0.0.{n}")) for n in range(10)] == [NO] * 10

    assert (row(seam)["failed"], row(seam)["stage"], row(seam)["pins"]) == (3, "off", 1)
    assert "failed 3 times" in row(seam)["pinned"]
    assert [record.message.startswith("route pages: ") for record in caplog.records] == [True]
    file = service.state / "workers" / f"{os.getpid()}.json"
    until(lambda: file.exists() and '"pinned":{"pages"' in file.read_text())
    assert '"control":"test"' in file.read_text()
    service.stage("pages", "shadow", at=2, follow=seam)
    assert (row(seam)["stage"], row(seam)["pinned"]) == ("shadow", None)


def test_keys_outside_the_sample_are_missed_where_they_count_together(tmp_path, until):
    """
    A sample takes whole keys of one limit. What it leaves out counts in a key of another one too, and no exchange says
    so. That key is told as missed; nothing is where each key is told whole.
    """
    for second, expected in (('["header:x-team"]\non_missing = "reject"', 1), ('["client"]', 0)):
        folder = tmp_path / str(expected)
        folder.mkdir()
        service = Service(folder, SAMPLED.replace("SECOND", second))
        service.stage("r", "shadow")
        reader = Reader(service.state / "sidecar.sock")
        seam = service.seam()
        seam.control("r", lambda _: NO)
        for n in range(200):
            seam.admit(Request.of("GET", "/r", peer=f"10.0.0.{n}", headers=[(b"x-team", b"one")]))
        assert seam.flush(5)
        account = seam.status()["routes"]["r"]["account"]
        assert account["requests"] == 200 and 100 < account["sampled_out"] < 200
        said = until(lambda reader=reader: reader.missed("r"))
        assert (max(keys for keys, _ in said), any(more for _, more in said)) == (expected, False)


SAMPLED = """
version = 1
[limits.each]
key = ["client"]
rate = "9/minute"
strategy = "moving-window"
[limits.together]
key = SECOND
rate = "9/hour"
strategy = "moving-window"
[[route]]
name = "r"
match = "GET /r"
limits = ["each", "together"]
gate = { sample = 0.25 }
"""


def test_after_live_nothing_is_known(service, reader, until):
    """
    In `live` the candidate counts most keys alone. When the control is given those counts, all keys are missed.
    """
    service.stage("pages", "shadow")
    seam = service.seam()
    seam.control("pages", lambda _: NO)
    seam.admit(page())
    assert seam.flush(5)
    for stage in ("canary:99", "live", "canary:99"):
        assert not any(more for _, more in reader.missed("pages")), stage
        service.stage("pages", stage, follow=seam)
    seam.admit(page())
    assert seam.flush(5)
    until(lambda: any(more for _, more in reader.missed("pages")))
