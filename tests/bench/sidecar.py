"""
A sidecar under a steady load: its memory over time, its processor time for each exchange, and its account.

    python tests/bench/sidecar.py [--seconds 60] [--rate 2000] BINARY FEED
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

POLICY = """
version = 1

[limits.clients]
key = ["client"]
rate = "5/second"
strategy = "moving-window"

[[route]]
name = "things"
match = "POST /things"
limits = ["clients"]

[route.json]
max_bytes = "64KiB"
"""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--rate", type=int, default=2000)
    arguments.add_argument("binary", type=Path)
    arguments.add_argument("feed", type=Path)
    wanted = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return run(wanted, Path(folder))


def run(wanted: argparse.Namespace, home: Path) -> int:
    policy, state, log = home / "crossfade.toml", home / "state", home / "log"
    policy.write_text(POLICY)
    build = subprocess.run([wanted.binary, "--version"], capture_output=True, text=True, check=True).stdout
    command = [wanted.binary, "sidecar", "--policy", policy, "--dir", state, "--metrics", "127.0.0.1:0"]
    with log.open("wb") as out:
        sidecar = subprocess.Popen(command, stderr=out)
    try:
        while not (started := [e for e in events(log) if e.get("event") == "started"]) and sidecar.poll() is None:
            time.sleep(0.05)
        if not started:
            sys.exit(log.read_text())
        address = next(event["address"] for event in events(log) if event.get("event") == "metrics_served")
        feed = [wanted.feed, "--socket", state / "sidecar.sock", "--policy", policy, "--target", "POST /things"]
        feed += ["--build", build.split("build ")[1].strip(" )\n"), "--seconds", wanted.seconds, "--rate", wanted.rate]
        feed += ["--keys", 1000, "--body", 1000, "--watch", sidecar.pid]
        fed = subprocess.run([str(word) for word in feed], stdout=subprocess.PIPE, text=True, check=True)
        time.sleep(1.5)
        text = urllib.request.urlopen(f"http://{address}/metrics").read().decode()
    finally:
        sidecar.send_signal(signal.SIGTERM)
        sidecar.wait(10)
    figures = json.loads(fed.stdout)
    shown = ("crossfade_unaccounted", "crossfade_comparisons_total", "crossfade_captured", "crossfade_slow")
    print(*(line for line in text.splitlines() if line.startswith(shown) and not line.endswith(" 0")), sep="\n")
    print(json.dumps(figures, indent=2))
    return 0 if figures["unanswered"] == figures["lost"] == 0 else 1


def events(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


if __name__ == "__main__":
    sys.exit(main())
