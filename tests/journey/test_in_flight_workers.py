"""
Requests in flight in the workers of one host: one bound for all of them, whatever becomes of a worker.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from conftest import until
from counted_service import ROOT, SERVE
from crossfade import Outcome, Request

MOST = 3
ASKED = 12
NUMBERS = itertools.count()


@pytest.fixture
def table() -> Iterator[Path]:
    """Where a table of this test lies; nothing is left behind."""
    path = Path(f"/dev/shm/crossfade-{os.getuid()}-in-flight-{os.getpid()}-{next(NUMBERS)}.shm")
    if not path.parent.is_dir():
        pytest.skip("no /dev/shm here")
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def slow(make_service: Callable[[str], Any], table: Path) -> Any:
    """The files of a service that lets `MOST` requests be in flight on the host."""
    service = make_service(f"""
version = 1

[store]
url = "shm://{table.stem.split("-", 2)[2]}?scope=host"
max_keys = 1000
ring_bytes = "1KiB"

[limits.in-flight]
key = ["literal:slow"]
strategy = "concurrent"
most = {MOST}

[[route]]
name = "slow"
match = "GET /slow"
limits = ["in-flight"]
""")
    service.stage("slow", "live")
    return service


def ask(seam: Any) -> tuple[str, Request]:
    request = Request.of("GET", "/slow", peer="10.0.0.1")
    return seam.admit(request).kind, request


def in_child(run: Callable[[], Any]) -> Any:
    """What `run` gives in a forked child, which then ends without cleaning up, as one that is killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os.write(writing, json.dumps(run()).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    return json.loads(said)


def test_a_fork_holds_places_of_its_own(slow: Any) -> None:
    """
    Parent and child share the bound. What the parent holds the child cannot give back, and what the child holds ends
    with it; the status says how many are in flight.
    """
    seam = slow.seam()
    seam.control("slow", lambda _: Outcome.accepted())
    kind, held = ask(seam)
    assert kind == "accepted"

    def child() -> list[Any]:
        asked = [ask(seam) for _ in range(MOST - 1)]
        held.finish()
        asked.append(ask(seam))
        store = seam.status()["store"]
        return [[kind for kind, _ in asked], store["in_flight"], store["workers"]]

    assert in_child(child) == [["accepted", "accepted", "limited"], MOST, 2]
    assert in_child(child) == [["accepted", "accepted", "limited"], MOST, 2]
    store = seam.status()["store"]
    assert (store["in_flight"], store["workers"]) == (1, 1)
    more = [ask(seam) for _ in range(MOST)]
    assert [kind for kind, _ in more] == ["accepted", "accepted", "limited"]
    held.finish()
    assert ask(seam)[0] == "accepted"


class Slow:
    """The running service, two workers."""

    def __init__(self, address: tuple[str, int], gate: Path) -> None:
        self.address, self.gate = address, gate

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; 0 where the worker ended instead."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read()
        except (http.client.HTTPException, OSError):
            return 0, b""
        finally:
            connection.close()

    def workers(self, former: frozenset[int] = frozenset()) -> frozenset[int]:
        """The process ids of two workers that are not among the former."""
        found: set[int] = set()

        def both() -> bool:
            status, body = self.get("/who")
            found.update({int(body)} - former if status == 200 else ())
            return len(found) == 2

        until(both)
        return frozenset(found)

    def crowd(self, while_held: Callable[[], None]) -> Counter[int]:
        """The statuses of many requests at once, after what was done while as many as may be were in flight."""
        self.gate.unlink(missing_ok=True)
        with ThreadPoolExecutor(ASKED) as threads:
            asked = [threads.submit(self.get, "/slow") for _ in range(ASKED)]
            until(lambda: sum(one.done() for one in asked) >= ASKED - MOST)
            while_held()
            self.gate.touch()
            return Counter(one.result()[0] for one in asked)


@pytest.fixture
def running(slow: Any, tmp_path: Path) -> Iterator[Slow]:
    """The service, with two workers of uvicorn."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(Path(__file__).parent / "fixtures")]),
        "SLOW_GATE": str(tmp_path / "gate"),
        "SLOW_POLICY": str(slow.policy),
        "CROSSFADE_STATE": str(slow.state),
    }
    command = [sys.executable, "-c", SERVE, "slow:app", "2"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        found = re.search(r"http://([\d.]+):(\d+)", process.stdout.readline())
        assert found, (tmp_path / "log").read_text()
        try:
            yield Slow((found[1], int(found[2])), tmp_path / "gate")
        finally:
            process.terminate()


def test_killed_workers_leave_no_place_behind(running: Slow) -> None:
    """
    Two workers serve as many at once as the limit says, again and again, and as many after both were killed while they
    served.
    """
    whole = {200: MOST, 429: ASKED - MOST}
    assert running.crowd(lambda: None) == whole
    assert running.crowd(lambda: None) == whole
    former = running.workers()

    def kill() -> None:
        for worker in former:
            os.kill(worker, signal.SIGKILL)
        running.workers(former)

    assert running.crowd(kill) == {0: MOST, 429: ASKED - MOST}
    assert running.crowd(lambda: None) == whole
