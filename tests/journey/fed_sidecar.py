"""
A sidecar as a process, and the feed that speaks to it as workers do.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from built import example
from conftest import WAITS, until

POLICY = """
version = 1

[limits.clients]
key = ["client"]
rate = "5/minute"
strategy = "moving-window"

[[route]]
name = "things"
match = "POST /things"
limits = ["clients"]

[route.json]
max_bytes = "64KiB"
"""


class Sidecar:
    """A sidecar over a directory of its own, and the feed that speaks to it."""

    def __init__(self, binary: Path, home: Path) -> None:
        self.binary, self.home = binary, home
        self.policy = home / "crossfade.toml"
        self.policy.write_text(POLICY)
        self.state = home / "state"
        self.socket = self.state / "sidecar.sock"
        self.log = home / "log"
        version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
        self.build = version.split("build ")[1].strip(" )\n")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Sidecar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def command(self, *options: str) -> list[str]:
        return [str(self.binary), "sidecar", "--policy", str(self.policy), "--dir", str(self.state), *options]

    def start(self, *options: str, before: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
        begun = self.events("started")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(*options), stderr=log, preexec_fn=before)
        until(lambda: len(self.events("started")) > len(begun) or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()
        return self.process

    def end(self, how: int = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(how)
        code, self.process = self.process.wait(WAITS), None
        return code

    def events(self, name: str) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        lines = (line for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [event for event in map(json.loads, lines) if event.get("event") == name]

    def feed(self, *options: str, **popen: Any) -> subprocess.Popen[str]:
        command = [example("feed"), "--socket", self.socket, "--policy", self.policy]
        command += ["--build", self.build, "--target", "POST /things", *options]
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True, **popen)

    def fed(self, *options: str) -> dict[str, Any]:
        return result_of(self.feed(*options))

    def rows(self, query: str) -> list[Any]:
        with sqlite3.connect(self.state / "evidence.sqlite") as book:
            return book.execute(query).fetchall()

    def received(self) -> int:
        """Exchanges that are written down."""
        found: int = self.rows("select coalesce(sum(exchanges), 0) from received")[0][0]
        return found

    def counts(self) -> dict[str, Any]:
        """The counts of all processes and stays, where they are numbers."""
        sums: dict[str, Any] = {}
        for (text,) in self.rows("select counts from counts"):
            add(sums, json.loads(text))
        return sums


def add(sums: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict):
            add(sums.setdefault(name, {}), value)
        else:
            sums[name] = sums.get(name, 0) + value


def result_of(feed: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = feed.communicate(timeout=60)
    assert feed.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found
