"""
A small service's seam with real files, for tests of the binding and for journeys.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

POLICY = """
version = 1

[client]
trusted_proxies = []

[limits.clients]
key = ["client"]
rate = "5/minute"
strategy = "moving-window"

[limits.senders]
key = ["header:x-sender"]
on_missing = "share"
shared_as = "nobody"
rate = "3/second"
strategy = "fixed-window"

[[route]]
name = "items"
match = "POST /items/{rest*}"
limits = ["senders"]
max_bytes = "4KiB"

[route.json]
output = "python"

[route.json.fields]
"name" = { text = ["trim"], max_chars = 20 }

[[route]]
name = "pages"
match = "GET|HEAD /{path*}"
limits = ["clients"]

[route.target]
merge_slashes = true
query = { drop = ["utm_*"], sort = "pair", space = "+" }
"""

WAITS = 20.0
"""Longest wait for an event, in seconds: generous, because other processes share the machine."""


class Service:
    """The files of a service: its policy, its state directory, and seams over them."""

    def __init__(self, folder: Path, policy: str = POLICY) -> None:
        self.policy = folder / "crossfade.toml"
        self.state = folder / "state"
        self.captures = folder / "captures"
        self.rows: dict[str, Any] = {}
        self.generation = 0
        self.policy.write_text(policy)

    def seam(self, **options: Any) -> Any:
        from crossfade import Seam

        return Seam.from_file(self.policy, state=self.state, version="test", **options)

    def digests(self) -> dict[str, str]:
        """Digest of each route's policy, as the file now is."""
        return {name: row["policy"] for name, row in self.seam().status()["routes"].items()}

    def stage(self, route: str, stage: str, *, follow: Any = None, **changes: Any) -> None:
        """Write a route's row as the writing function does; with `follow`, wait until that seam has taken it over."""
        from crossfade import BUILD

        subject = {"build": BUILD, "policy": self.digests()[route]} | changes.pop("subject", {})
        row = {"stage": stage, "salt": "s", "subject": subject, "who": "test", "why": "test", "at": 0}
        self.rows[route] = row | changes
        self.generation += 1
        self.write(json.dumps({"version": 1, "generation": self.generation, "routes": self.rows}))
        if follow is not None:
            until(lambda: follow.status()["generation"] == self.generation)

    def write(self, text: str | bytes) -> None:
        """Replace the stage file's content at once."""
        self.state.mkdir(exist_ok=True)
        aside = self.state / "stages.json.aside"
        aside.write_bytes(text if isinstance(text, bytes) else text.encode())
        aside.rename(self.state / "stages.json")


def until(holds: Callable[[], Any], *, seconds: float = WAITS) -> Any:
    """Look again and again until something holds, and give what it was; fails after a bounded time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


@pytest.fixture(scope="session")
def binary() -> Path:
    """The native binary: the one named by CROSSFADE_BIN, or built here."""
    if named := os.environ.get("CROSSFADE_BIN"):
        return Path(named)
    subprocess.run(["cargo", "build", "-q", "-p", "crossfade-cli"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "crossfade"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


@pytest.fixture
def make_service(tmp_path: Path) -> Callable[[str], Service]:
    """A service by another policy."""
    return lambda policy: Service(tmp_path, policy)


@pytest.fixture(name="until")
def until_fixture() -> Callable[[Callable[[], Any]], Any]:
    return until


@pytest.fixture
def table() -> Iterator[str]:
    """The name of a shared table for storages of `limits`, whose file is removed at the end."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    for file in Path("/dev/shm").glob(f"crossfade-{os.getuid()}-limits.{name}*"):
        file.unlink()
