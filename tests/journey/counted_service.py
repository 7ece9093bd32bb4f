"""
The service `counted` with two workers, its policy, and requests to it; used by journeys about where counts live.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = Path(os.environ.get("CROSSFADE_BIN", TARGET / "debug" / "crossfade"))
PATHS = ("fixed", "sliding", "moving")
STRATEGIES = {"fixed": "fixed-window", "sliding": "sliding-window-counter", "moving": "moving-window"}
WORKERS = 2

# Longest wait for all workers to answer, in seconds: generous, because other processes share the machine.
WAITS = 30.0

SERVE = """
import sys
from argparse import Namespace
from gateway.__main__ import serve
serve(Namespace(app=sys.argv[1], port=0, workers=int(sys.argv[2]), no_access_log=True))
"""


def policy(store: str, rate: str) -> str:
    """A policy with one route, and one limit of the same name, for each strategy."""
    text = f"version = 1\n[store]\n{store}\n"
    for name, strategy in STRATEGIES.items():
        first = "counted" if name == "fixed" else name
        text += f'[limits.{name}]\nkey = ["literal:{first}", "header:x-client"]\non_missing = "reject"\n'
        text += f'rate = "{rate}"\nstrategy = "{strategy}"\n'
    for name in STRATEGIES:
        text += f'[[route]]\nname = "{name}"\nmatch = "GET /{name}"\nlimits = ["{name}"]\n'
    return text


class Counted:
    """A running service."""

    def __init__(self, folder: Path, address: tuple[str, int]) -> None:
        self.folder = folder
        self.address = address

    def ask(self, path: str, client: str = "a") -> tuple[int, bytes]:
        """Status and body of one request on a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request("GET", path, headers={"X-Client": client, "Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ask_often(self, path: str, clients: list[str], times: int) -> Counter[tuple[str, int]]:
        """How often each client got which status, from several threads at once."""
        asked = [client for _ in range(times) for client in clients]
        with ThreadPoolExecutor(4) as threads:
            statuses = threads.map(lambda client: (client, self.ask(path, client)[0]), asked)
            return Counter(statuses)

    def statuses(self, workers: int = WORKERS) -> dict[int, dict[str, Any]]:
        """What each worker's seam knows, by process; asks until all have answered."""
        found: dict[int, dict[str, Any]] = {}
        deadline = time.monotonic() + WAITS
        # At once, as one idle worker may accept all that come one after the other.
        with ThreadPoolExecutor(2 * workers) as threads:
            while time.monotonic() < deadline:
                for _, body in threads.map(self.ask, ["/status"] * 2 * workers):
                    status = json.loads(body)
                    found[status["pid"]] = status
                if len(found) == workers:
                    return found
        raise AssertionError(f"only {len(found)} workers answer")

    def crossfade(self, *arguments: str, workers: int = WORKERS) -> None:
        """Run the command line on the service's state, and wait until every worker has followed."""
        environment = os.environ | {"CROSSFADE_STATE": str(self.folder / "state")}
        environment |= {"CROSSFADE_POLICY": str(self.folder / "crossfade.toml")}
        subprocess.run([str(BINARY), *arguments], env=environment, check=True, capture_output=True)
        generation = json.loads((self.folder / "state" / "stages.json").read_text())["generation"]
        for _ in range(1_000):
            if all(status["generation"] == generation for status in self.statuses(workers).values()):
                return
        raise AssertionError("the workers do not follow")

    def stage(self, stage: str, *, workers: int = WORKERS) -> None:
        """Set every route to a stage."""
        for route in PATHS:
            self.crossfade("stage", "set", route, stage, "--why", "journey", workers=workers)


@contextmanager
def counted(
    folder: Path, *, store: str, storage: str, rate: str = "40/hour", workers: int = WORKERS
) -> Iterator[Counted]:
    """The service over `storage`, with a candidate that counts in `store` (lines of `[store]`)."""
    (folder / "crossfade.toml").write_text(policy(store, rate))
    (folder / "state").mkdir()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(Path(__file__).parent / "fixtures")]),
        "COUNTED_STORAGE": storage,
        "COUNTED_RATE": rate,
        "COUNTED_POLICY": str(folder / "crossfade.toml"),
        "CROSSFADE_STATE": str(folder / "state"),
        "CROSSFADE_CAPTURE": str(folder / "captures"),
    }
    command = [sys.executable, "-c", SERVE, "counted.wiring:app", str(workers)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)", line)
        assert found, (folder / "log").read_text()
        try:
            yield Counted(folder, (found[1], int(found[2])))
        finally:
            process.terminate()


def exchanges(folder: Path) -> list[dict[str, Any]]:
    """What was captured, once the service has ended."""
    command = [str(BINARY), "capture", "show", "--json", str(folder / "captures")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [json.loads(line) for line in lines[:-1]]
