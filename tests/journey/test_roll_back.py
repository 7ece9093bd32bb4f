"""
A running sidecar takes back by itself what has to go back, and moves nothing forward unless it is asked to.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gated import HOUR, Gated

Until = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def gated(tmp_path: Path, binary: Path) -> Gated:
    gated = Gated(tmp_path, binary)
    gated.run("stage", "set", "api.write", "live", "--why", "brave")
    return gated


@pytest.fixture
def sidecar(gated: Gated) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a sidecar over the evidence that is there, whose log is `sidecar.log`."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> subprocess.Popen[bytes]:
        with (gated.folder / "sidecar.log").open("wb") as log:
            process = subprocess.Popen([gated.binary, "sidecar", *options], cwd=gated.folder, stderr=log)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_mismatch_takes_back(gated: Gated, sidecar: Callable[..., Any], until: Until) -> None:
    """
    Mismatches take a live route to shadow within seconds, loudly, on record, and with the cause in its row.
    """
    gated.prove(mismatches=40)
    begun = time.monotonic()
    sidecar()
    until(lambda: gated.row()["stage"] == "shadow")
    assert time.monotonic() - begun < 10
    row = gated.row()
    assert (row["who"], row["rolled_back"]) == ("crossfade sidecar", "40 mismatches in 41,220 judged exchanges")
    until(lambda: "ROLLED BACK: api.write: live" in (gated.folder / "sidecar.log").read_text())
    assert "ROLLED BACK: 40 mismatches" in gated.run("ledger", "show")
    gated.run("ledger", "verify")


def test_a_pinned_route_goes_off(gated: Gated, sidecar: Callable[..., Any], until: Until) -> None:
    """
    A worker that lets the control alone judge a route takes it off for all of them.
    """
    gated.prove()
    gated.worker(pinned={"api.write": "2 failures in 10 min"})
    sidecar()
    until(lambda: gated.row()["stage"] == "off")
    assert "2 failures in 10 min" in gated.row()["rolled_back"]


def test_off_works_beside_a_sidecar_that_is_stopped_or_killed(
    gated: Gated, sidecar: Callable[..., Any], until: Until
) -> None:
    """
    Going back asks no sidecar: not one that stands still, nor one that died.
    """
    gated.prove()
    process = sidecar()
    until((gated.state / "sidecar.sock").exists)
    process.send_signal(signal.SIGSTOP)
    assert "api.write is off" in gated.run("off", "api.write")
    gated.run("stage", "set", "api.write", "shadow", "--why", "again")
    process.kill()
    process.wait()
    assert "api.write is off" in gated.run("off", "api.write")
    assert gated.row()["stage"] == "off"


def test_only_auto_promotes(gated: Gated, sidecar: Callable[..., Any], until: Until) -> None:
    """
    With `--auto` a proven route moves one step; the next stay has to show everything again.
    """
    gated.run("stage", "set", "api.write", "shadow", "--why", "back")
    gated.prove()
    gated.worker()
    sidecar("--auto")
    until(lambda: gated.row()["stage"] == "canary:5")
    # The line comes after the stages.
    until(lambda: gated.ledger()[-1]["proven"])
    until(lambda: "promoted: api.write" in (gated.folder / "sidecar.log").read_text())
    assert gated.row()["stage"] == "canary:5"


def test_dwell_stands_still_without_a_sidecar(gated: Gated, sidecar: Callable[..., Any], until: Until) -> None:
    """
    The time in which no sidecar ran does not count as watched, however long the stay lasts.
    """
    gated.run("stage", "set", "api.write", "shadow", "--why", "back")
    gated.prove(away=HOUR // 2)
    process = sidecar()
    until(lambda: '"started"' in (gated.folder / "sidecar.log").read_text())
    process.terminate()
    assert process.wait() == 0
    assert "dwell 30 min of 1 h" in gated.run("promote", "api.write", code=3)
    assert gated.row()["stage"] == "shadow"


def test_alerts_ask_for_metrics_that_are_there(gated: Gated, sidecar: Callable[..., Any], until: Until) -> None:
    """
    Every metric that an alert of docs/alerts.yml asks for is in a scrape of a sidecar without traffic.
    """
    gated.prove()
    sidecar("--metrics", "127.0.0.1:0")
    log = gated.folder / "sidecar.log"
    (address,) = until(lambda: re.findall(r"\b127\.0\.0\.1:[1-9]\d*", log.read_text()))
    rules = (Path(__file__).resolve().parents[2] / "docs" / "alerts.yml").read_text()
    wanted = set(re.findall(r"crossfade_[a-z_]+", rules))
    assert len(wanted) > 6

    def scraped() -> set[str]:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
            return set(re.findall(r"^(crossfade_[a-z_]+)", page.read().decode(), re.MULTILINE))

    until(lambda: wanted <= scraped())
