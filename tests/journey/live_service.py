"""
The service `counted` with a sidecar beside it, for journeys about live comparison: what clients saw, what the evidence
says, and whether every exchange is accounted for.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conftest import until
from counted_service import BINARY, ROOT, SERVE, STRATEGIES

WORKERS = 2

# Connections at a time: enough to keep both workers busy.
CLIENTS = 4

# A batch of requests between two looks.
BATCH = 300

# Enough clients that none brings more than its share of comparisons.
KEYS = [f"client-{number}" for number in range(60)]


def policy_of(rate: str, key: str, below: str, gate: str) -> str:
    """A policy of the service's three routes. `key` is the first part of the first one's, `counted` in the service."""
    text = "version = 1\n"
    for name, strategy in STRATEGIES.items():
        first = key if name == "fixed" else name
        text += f'[limits.{name}]\nkey = ["literal:{first}", "header:x-client"]\non_missing = "reject"\n'
        text += f'rate = "{rate}"\nstrategy = "{strategy}"\n'
    for name in STRATEGIES:
        text += f'[[route]]\nname = "{name}"\nmatch = "GET /{name}"\nlimits = ["{name}"]\n'
        text += f'[route.gate]\nmismatch_below = {below}\ndwell = "24h"\n{gate}\n'
    return text


@dataclass(frozen=True, slots=True)
class Answer:
    """What one client read: status, the worker that answered, and how long it took in seconds."""

    client: str
    status: int
    worker: int
    seconds: float


@dataclass
class Account:
    """What the evidence says became of one route's exchanges, over all processes and stays."""

    verdicts: Counter[str] = field(default_factory=Counter)
    free: Counter[str] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    not_judged: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    unaccounted: int = 0
    mismatches: int = 0
    comparisons: int = 0

    @property
    def ended(self) -> int:
        """Exchanges that ended in a verdict or in a drop counter."""
        return sum(self.verdicts.values()) + sum(self.losses.values())


class Live:
    """A running service and its sidecar."""

    def __init__(self, folder: Path, route: str = "fixed") -> None:
        self.folder = folder
        self.state = folder / "state"
        self.socket = self.state / "sidecar.sock"
        self.offset = folder / "clock"
        self.route = route
        self.address = ("", 0)
        self.sidecar: subprocess.Popen[str] | None = None
        self.asked = 0

    # -- the service ---------------------------------------------------------------------------------------------------

    def ask(self, clients: list[str]) -> list[Answer]:
        """One request of each of `clients`, in that order over a few kept connections."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            shares = list(pool.map(lambda n: self._share(clients[n::CLIENTS]), range(CLIENTS)))
        self.asked += len(clients)
        return [answer for share in shares for answer in share]

    def _share(self, clients: list[str]) -> list[Answer]:
        answers: list[Answer] = []
        connection = connected(self.address)
        for client in clients:
            start = time.perf_counter()
            connection.request("GET", f"/{self.route}", headers={"X-Client": client})
            answers_at_once(connection)
            response = connection.getresponse()
            worker = int(response.read())
            answers.append(Answer(client, response.status, worker, time.perf_counter() - start))
        connection.close()
        return answers

    def statuses(self) -> list[dict[str, Any]]:
        """What each worker's announcement says."""
        return [json.loads(file.read_text()) for file in (self.state / "workers").glob("*.json")]

    # -- commands ------------------------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(Path(__file__).parent / "fixtures")]),
            "COUNTED_POLICY": str(self.folder / "crossfade.toml"),
            "CROSSFADE_POLICY": str(self.folder / "crossfade.toml"),
            "CROSSFADE_STATE": str(self.state),
        }

    def crossfade(self, *arguments: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run the command line; `expect` is the exit code, None: any."""
        done = subprocess.run(
            [str(BINARY), *arguments], env=self.environment(), capture_output=True, text=True, check=False
        )
        print(f"$ crossfade {' '.join(arguments)}\n{done.stdout}{done.stderr}exit {done.returncode}\n")
        assert expect is None or done.returncode == expect, f"exit {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def stage(self, stage: str, *more: str) -> None:
        """Set the stage without proof, and wait until every worker follows."""
        self.crossfade("stage", "set", self.route, stage, "--why", "journey", *more)
        self.followed()

    def followed(self) -> None:
        generation = json.loads((self.state / "stages.json").read_text())["generation"]
        until(lambda: all(worker["generation"] == generation for worker in self.statuses()))

    # -- the sidecar ---------------------------------------------------------------------------------------------------

    def start_sidecar(self, *more: str, binary: Path = BINARY) -> subprocess.Popen[str]:
        """Start one and wait until it listens."""
        command = [str(binary), "sidecar", "--policy", str(self.folder / "crossfade.toml"), "--dir", str(self.state)]
        command += ["--socket", str(self.socket), "--clock-offset-file", str(self.offset), *more]
        log = (self.folder / "sidecar.log").open("a")
        # What is ignored here is ignored there: SIGXFSZ, where a journey has no room on the disk.
        self.sidecar = subprocess.Popen(command, env=self.environment(), stderr=log, text=True, restore_signals=False)
        log.close()
        until(lambda: self.listens() or self.sidecar is None or self.sidecar.poll() is not None)
        assert self.sidecar.poll() is None, (self.folder / "sidecar.log").read_text()
        return self.sidecar

    def listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
            return True

    def stop_sidecar(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self.sidecar is not None
        self.sidecar.send_signal(how)
        self.sidecar.wait(timeout=30)

    def pass_time(self, seconds: float) -> None:
        """Let the sidecar's clock go on by so much, and wait until it has seen it."""
        before = float(self.offset.read_text() or 0) if self.offset.exists() else 0.0
        aside = self.offset.with_suffix(".new")
        aside.write_text(str(before + seconds))
        aside.rename(self.offset)
        now = (time.time() + before + seconds) * 1e6
        until(lambda: (self._one("select now from clock") or 0) >= now - 1e6)

    # -- the evidence --------------------------------------------------------------------------------------------------

    def account(self) -> Account:
        """What the evidence says of the route."""
        account = Account()
        for _, counts in self.stays():
            for name in ("verdicts", "free", "losses", "not_judged"):
                getattr(account, name).update(counts[name])
            account.requests += counts["requests"]
            account.mismatches += counts["mismatches"]
            account.comparisons += counts["comparisons"]
        for (text,) in self._all("select account from accounts where route = ?", self.route):
            row = json.loads(text)
            said = row["said"]
            account.unaccounted += max(0, said["s"] - said["l"] - row["received"])
        return account

    def settled(self, least: int | None = None) -> Account:
        """
        The account once it speaks of all requests so far, each ended once. `least`: so many at least, where some came
        while a worker left the route to the control alone.
        """
        wanted = self.asked if least is None else least
        last = Account()

        def adds_up() -> bool:
            nonlocal last
            last = self.account()
            enough = last.requests == wanted if least is None else last.requests >= least
            return enough and last.ended == last.requests and last.unaccounted == 0

        try:
            until(adds_up, seconds=30)
        except AssertionError as error:
            raise AssertionError(f"{wanted} requests, but {last}") from error
        return last

    def stays(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Each stay of the route, with the counts of one process."""
        rows = self._all("select stays.stay, counts from counts join stays on stays.id = counts.stay")
        found = [(json.loads(stay), json.loads(counts)) for stay, counts in rows]
        return [(stay, counts) for stay, counts in found if stay["route"] == self.route]

    def groups(self) -> list[dict[str, Any]]:
        """Mismatches that differ alike."""
        return [json.loads(text) for (text,) in self._all("select found from groups")]

    def row(self) -> dict[str, Any]:
        """The route's row of the stage file."""
        found: dict[str, Any] = json.loads((self.state / "stages.json").read_text())["routes"][self.route]
        return found

    def ledger(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "ledger.jsonl").read_text().splitlines()]

    def _all(self, query: str, *values: Any) -> list[Any]:
        path = self.state / "evidence.sqlite"
        if not path.exists():
            return []
        with sqlite3.connect(path, timeout=10) as connection:
            try:
                return connection.execute(query, values).fetchall()
            except sqlite3.OperationalError:
                # Made a moment ago.
                return []

    def _one(self, query: str) -> Any:
        rows = self._all(query)
        return rows[0][0] if rows else None


def connected(address: tuple[str, int]) -> http.client.HTTPConnection:
    """A connection that stays open."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.connect()
    return connection


def answers_at_once(connection: http.client.HTTPConnection) -> None:
    """
    Acknowledge the head of an answer at once. A server that writes its body apart, on a socket that waits for that,
    else takes 40 ms for each.
    """
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


@contextmanager
def service(
    live: Live, *, rate: str, workers: int = WORKERS, name: str = "service", **variables: str
) -> Iterator[tuple[str, int]]:
    """The service with so many workers; its address. `rate` is what its own limits admit."""
    environment = live.environment() | {"COUNTED_STORAGE": "memory://", "COUNTED_RATE": rate} | variables
    command = [sys.executable, "-c", SERVE, "counted.wiring:app", str(workers)]
    with (
        (live.folder / f"{name}.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        found = re.search(r"http://([\d.]+):(\d+)", process.stdout.readline())
        assert found, (live.folder / f"{name}.log").read_text()
        try:
            yield found[1], int(found[2])
        finally:
            process.terminate()


@contextmanager
def live(
    folder: Path,
    *,
    rate: str = "1000/second",
    candidate_rate: str | None = None,
    key: str = "counted",
    below: str = "1e-2",
    gate: str = "",
    stage: str | None = "shadow",
    route: str = "fixed",
    sidecar: bool = True,
    workers: int = WORKERS,
    **variables: str,
) -> Iterator[Live]:
    """The service with a sidecar, in `stage`. `candidate_rate`: the policy's, if it is not the control's."""
    found = Live(folder, route)
    (folder / "crossfade.toml").write_text(policy_of(candidate_rate or rate, key, below, gate))
    found.state.mkdir()
    with service(found, rate=rate, workers=workers, **variables) as address:
        found.address = address
        try:
            if sidecar:
                found.start_sidecar()
            if stage:
                # Workers announce themselves once they have served.
                until(lambda: found.ask(KEYS) and len(found.statuses()) == workers)
                found.asked = 0
                found.stage(stage)
            yield found
        finally:
            if found.sidecar is not None and found.sidecar.poll() is None:
                found.sidecar.kill()
                found.sidecar.wait()


def quantile(answers: list[Answer], share: float) -> float:
    """The time, in seconds, that this share of the answers did not exceed."""
    times = sorted(answer.seconds for answer in answers)
    return times[min(len(times) - 1, int(share * len(times)))]


def batches(keys: list[str] = KEYS, size: int = BATCH) -> list[str]:
    return [keys[number % len(keys)] for number in range(size)]


def tell(fault: str, answers: list[Answer], before: list[Answer], exchanges: int, then: str) -> None:
    """What a journey prints."""
    statuses = dict(Counter(answer.status for answer in answers))
    p50, p999 = (quantile(answers, share) * 1e3 for share in (0.5, 0.999))
    was50, was999 = (quantile(before, share) * 1e3 for share in (0.5, 0.999))
    print(
        f"{fault}: clients saw {statuses}; p50 {p50:.2f} ms (before {was50:.2f}), p999 {p999:.1f} ms "
        f"(before {was999:.1f}); {then} after {exchanges} exchanges"
    )
