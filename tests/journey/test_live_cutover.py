"""
A route of the gateway goes from off to live by `promote` alone: two workers, a sidecar, recorded traffic over HTTP. And
through every switch each client is admitted exactly as often as its limits say.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from conftest import until
from drive import Recorded, _as_another, _combined
from live_service import ROOT, Live, answers_at_once, connected

ROUTE = "blog.page"
GATEWAY = ROOT / "python" / "gateway"
DAY = 86_400.0

# What the gateway grants a client in one worker: `PAGES_BURST` and `PAGES` of gateway/limiting.py.
BURST, PER_MINUTE = 10, 60

# Clients that ask far more often than they may, all the time.
GREEDY = ["10.99.0.1"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a greedy client: when it was sent and answered, by whom, and whether it was admitted."""

    sent: float
    answered: float
    worker: int
    admitted: bool


class Gateway(Live):
    """The gateway, its sidecar, and its recorded traffic."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ROUTE)
        self.greedy: dict[str, list[Asked]] = defaultdict(list)
        self.ends = threading.Event()

    def environment(self) -> dict[str, str]:
        paths = [str(ROOT / "python"), str(Path(__file__).parent / "fixtures")]
        policy = str(self.folder / "crossfade.toml")
        names = {"PYTHONPATH": os.pathsep.join(paths), "GATEWAY_POLICY": policy, "CROSSFADE_POLICY": policy}
        return os.environ | names | {"CROSSFADE_STATE": str(self.state)}

    def send(self, requests: list[Recorded]) -> dict[int, int]:
        """Send recorded requests; how often each status was answered."""
        statuses: dict[int, int] = defaultdict(int)
        connection = connected(self.address)
        for request in requests:
            connection.request(request.method, request.target, headers=dict(request.headers))
            answers_at_once(connection)
            response = connection.getresponse()
            response.read()
            statuses[response.status] += 1
        connection.close()
        return dict(statuses)

    def hammer(self, client: str) -> None:
        """Ask for a page without a pause, until told to end."""
        connection = connected(self.address)
        while not self.ends.wait(0.02):
            sent = time.monotonic()
            connection.request("GET", "/index.html", headers={"X-Forwarded-For": client})
            answers_at_once(connection)
            response = connection.getresponse()
            response.read()
            worker = int(response.headers["x-worker"])
            self.greedy[client].append(Asked(sent, time.monotonic(), worker, response.status == 200))
        connection.close()


@contextmanager
def gateway(folder: Path) -> Iterator[Gateway]:
    found = Gateway(folder)
    gate = '\n[route.gate]\nmismatch_below = 1e-2\ndwell = "24h"\n'
    (folder / "crossfade.toml").write_text((GATEWAY / "crossfade.toml").read_text() + gate)
    found.state.mkdir()
    command = [sys.executable, "-m", "gateway", "--app", "named_workers:app", "--port", "0", "--no-access-log"]
    with (
        (folder / "gateway.log").open("w") as log,
        subprocess.Popen(
            command, env=found.environment(), stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT / "python"
        ) as process,
    ):
        assert process.stdout is not None
        address = re.search(r"http://([\d.]+):(\d+)", process.stdout.readline())
        assert address, (folder / "gateway.log").read_text()
        found.address = (address[1], int(address[2]))
        try:
            found.start_sidecar()
            yield found
        finally:
            found.ends.set()
            process.terminate()
            if found.sidecar is not None and found.sidecar.poll() is None:
                found.sidecar.kill()
                found.sidecar.wait()


def recorded(folder: Path) -> list[Recorded]:
    """Requests for pages as a blog's visitors made them, in the order in which they came."""
    subprocess.run([sys.executable, ROOT / "shadow/traffic/bring.py", folder / "traffic"], check=True, stdout=2)
    lines = (folder / "traffic" / "logstalgia.log").read_text(encoding="utf-8", errors="replace").split("\n")
    requests = [request for _, request in map(_combined, lines) if request is not None]
    return [request for request in requests if request.method in ("GET", "HEAD")]


def test_a_route_goes_live_by_evidence_alone(tmp_path: Path) -> None:
    """
    off → shadow → canary 1 % → canary 10 % → live, each step by `promote` and by nothing else; at no stage is a client
    admitted more often or less often than its limits say.
    """
    traffic = recorded(tmp_path)
    with gateway(tmp_path) as service:
        at = 0

        def send(count: int) -> None:
            nonlocal at
            at += count
            # Recorded visitors came over days: sent in minutes, they are as many more as it takes not to meet a limit.
            service.send([as_visitor(traffic[number % len(traffic)], number // 5) for number in range(at - count, at)])

        send(50)
        threads = [threading.Thread(target=service.hammer, args=(client,)) for client in GREEDY]
        for thread in threads:
            thread.start()

        promoted(service, "shadow")
        until(lambda: send(100) or service.account().not_judged["cold"], seconds=60)
        early = service.crossfade("promote", ROUTE, expect=3)
        # What was not judged yet has been seen all the same.
        assert '300 comparisons with outcome "accepted"' in early.stdout
        for stage in ("canary:1", "canary:10", "live"):
            until(lambda: send(300) or only_time_is_missing(service), seconds=200)
            service.pass_time(DAY + 60)
            # A route without traffic is not promoted, whatever was seen a day ago.
            send(30)
            promoted(service, stage)
        send(300)

        service.ends.set()
        for thread in threads:
            thread.join()
        account = service.account()
        print(account)
        assert account.mismatches == 0
        stages = [(entry["from"], entry["to"], entry["proven"]) for entry in service.ledger()]
        assert stages == [
            ("off", "shadow", False),
            ("shadow", "canary:1", True),
            ("canary:1", "canary:10", True),
            ("canary:10", "live", True),
        ]
        service.crossfade("ledger", "verify")
        service.crossfade("status", ROUTE)
        for client, asked in service.greedy.items():
            admitted = sum(one.admitted for one in asked)
            print(f"{client}: asked {len(asked)} times, admitted {admitted} times")
            assert admitted > PER_MINUTE
            for worker in {one.worker for one in asked}:
                check_quota([one for one in asked if one.worker == worker])


def as_visitor(request: Recorded, number: int) -> Recorded:
    """The same request of another visitor."""
    return replace(request, headers=_as_another(request.headers, number))


def only_time_is_missing(service: Gateway) -> bool:
    """Whether the gate holds for nothing but the time that a stage is watched."""
    held = service.crossfade("promote", ROUTE, expect=3).stdout.splitlines()
    missing = [line.split()[0] for line in held[1:] if line.strip()]
    return missing[:1] == ["dwell"] and set(missing) <= {"dwell", "so"}


def promoted(service: Gateway, stage: str) -> None:
    """Promote once what was sent is judged; the ledger's line says which evidence justified it."""
    done = until(lambda: step(service), seconds=60)
    assert done
    service.followed()
    assert service.row()["stage"] == stage
    print(json.dumps(service.ledger()[-1], indent=2))


def step(service: Gateway) -> bool:
    return service.crossfade("promote", ROUTE, expect=None).returncode == 0


def check_quota(asked: list[Asked]) -> None:
    """
    The limits of one client in one worker, by what the client itself saw: never one more than a window grants, and
    never a refusal while one was left. Times are known from sending to answering, so only what is certain counts.
    """
    admitted = [one for one in asked if one.admitted]
    for amount, window in ((BURST, 1.0), (PER_MINUTE, 60.0)):
        for first, one_more in zip(admitted, admitted[amount:], strict=False):
            assert one_more.answered - first.sent >= window, f"{amount + 1} within {window} s: {first} to {one_more}"
    for index, one in enumerate(asked):
        if one.admitted:
            continue
        minute = sum(other.admitted and one.answered - other.sent < 60.5 for other in asked[:index])
        second = sum(one.answered - other.sent < 1.5 for other in asked[:index])
        assert minute >= PER_MINUTE or second >= BURST, (
            f"refused after {minute} in a minute, {second} in a second: {one}"
        )
