"""
A service's files as `crossfade promote` meets them: a policy, stages, a worker, and evidence that a sidecar could
have written.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

POLICY = """
version = 1
[limits.per-client]
key = ["client"]
rate = "60/minute"
strategy = "moving-window"
[[route]]
name = "api.write"
match = "POST /api"
limits = ["per-client"]
gate = { dwell = "1h", canary = [5] }
[[route]]
name = "webhooks"
match = "POST /hooks"
"""
HOUR = 3_600_000_000
TABLES = """
create table stays (id integer primary key, stay text not null unique, keys blob not null) strict;
create table counts (stay integer not null references stays, worker integer not null, epoch integer not null,
    counts text not null, primary key (stay, worker, epoch)) strict, without rowid;
create table accounts (worker integer not null, epoch integer not null, route text not null, account text not null,
    primary key (worker, epoch, route)) strict, without rowid;
create table received (worker integer not null, epoch integer not null, exchanges integer not null,
    primary key (worker, epoch)) strict, without rowid;
create table groups (identity text primary key, found text not null) strict, without rowid;
create table clock (one integer primary key check (one = 1), now integer not null, written integer not null) strict;
pragma user_version = 1;
"""


def few_limited(compared: int) -> dict[str, Any]:
    """Comparisons by kind of outcome, so many of them refusals."""
    return {
        "accepted": {"compared": 40_900, "mismatched": 0},
        "limited:per-client": {"compared": compared, "mismatched": 0},
    }


class Gated:
    """A service's files: a policy, a state directory with one worker, and the evidence in it."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.folder, self.binary, self.state = folder, binary, folder / ".crossfade"
        (folder / "crossfade.toml").write_text(POLICY)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command in the service's folder, and give what it says."""
        # Workers and sidecars write again and again; here nobody does.
        self.worker()
        done = subprocess.run(
            [self.binary, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def worker(self, **changes: Any) -> None:
        """A worker that is there, and follows whatever comes next."""
        stages = self.state / "stages.json"
        generation = json.loads(stages.read_text())["generation"] if stages.exists() else 0
        said = {"pid": os.getpid(), "generation": generation + 1, "build": "build", "held": [], "errors": 0}
        (self.state / "workers").mkdir(parents=True, exist_ok=True)
        (self.state / "workers" / f"{os.getpid()}.json").write_text(json.dumps(said | changes))

    def row(self, route: str = "api.write") -> dict[str, Any]:
        row: dict[str, Any] = json.loads((self.state / "stages.json").read_text())["routes"][route]
        return row

    def ledger(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "ledger.jsonl").read_text().splitlines()]

    def prove(self, *, groups: tuple[dict[str, Any], ...] = (), unseen: int = 0, away: int = 0, **changes: Any) -> None:
        """
        Evidence of the route's stay as it is, of which nothing is missing but for the changes. Its sidecar wrote last
        `unseen` microseconds ago, when its clock was `away` microseconds behind this one.
        """
        row, now = self.row(), time.time_ns() // 1000
        subject = {"build": "build", "policy": row["subject"]["policy"], "control": "control"}
        stay = {"route": "api.write", "subject": subject, "stage": row["stage"].partition(":")[0], "entered": row["at"]}
        counts = {
            "verdicts": {"match": 41_208, "known": 12},
            "kinds": few_limited(320),
            "comparisons": 6_000,
            "requests": 41_220,
            "seeded": {"judged": 3, "found": 3, "first": now - HOUR // 2, "last": now - HOUR // 2},
            "first": now - HOUR,
            "last": now,
        }
        (self.state / "evidence.sqlite").unlink(missing_ok=True)
        with sqlite3.connect(self.state / "evidence.sqlite") as book:
            book.executescript(TABLES)
            keys = b"".join((number < 30).to_bytes(4, "little") for number in range(4_096))
            book.execute("insert into stays values (1, ?, ?)", (json.dumps(stay), keys))
            book.execute("insert into counts values (1, 7, 8, ?)", (json.dumps(counts | changes),))
            book.execute("insert into clock values (1, ?, ?)", (now - away, now - unseen))
            for number, group in enumerate(groups):
                found = {"route": "api.write", "subject": subject} | group
                book.execute("insert into groups values (?, ?)", (str(number), json.dumps(found)))
