"""
`crossfade status`, `promote`, `ledger` and `off` as a user runs them, over evidence that a sidecar could have written.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gated import HOUR, POLICY, Gated, few_limited


@pytest.fixture
def gated(tmp_path: Path, binary: Path) -> Gated:
    gated = Gated(tmp_path, binary)
    gated.run("stage", "set", "api.write", "shadow", "--why", "first route", "--who", "ana")
    return gated


def test_a_route_is_promoted_step_by_step(gated: Gated) -> None:
    """
    With proof each `promote` is one step, for the subject that was compared; the next one needs a proof of its own.
    """
    gated.prove()
    assert "api.write: shadow → canary 5 %, proven by evidence" in gated.run("promote", "api.write")
    row = gated.row()
    assert (row["stage"], row["subject"]["build"], row["subject"]["control"]) == ("canary:5", "build", "control")
    assert len(row["evidence"]) == 64
    assert gated.ledger()[-1]["proven"]

    assert "stays in canary 5 %" in gated.run("promote", "api.write", code=3)
    gated.prove()
    assert "canary 5 % → live" in gated.run("promote", "api.write")
    gated.prove()
    assert "the last stage" in gated.run("promote", "api.write", code=1)
    assert "whole: 3 lines" in gated.run("ledger", "verify")


def test_what_is_missing_is_said(gated: Gated) -> None:
    """
    A gate that holds exits with 3, and says exactly what is missing, how long that takes, and what can be done.
    """
    now = time.time_ns() // 1000
    gated.prove(kinds=few_limited(212), first=now - HOUR // 4)
    said = gated.run("promote", "api.write", code=3).splitlines()
    assert said[0] == "hold: api.write stays in shadow"
    assert said[1].startswith('  212 of 300 comparisons with outcome "limited by per-client"    about 7 min more')
    assert said[1].endswith("or: --accept-uncovered limited:per-client --why …")
    assert "  dwell 16 min of 1 h" in said[2] or "  dwell 15 min of 1 h" in said[2]
    assert gated.row()["stage"] == "shadow"

    table = gated.run("status")
    assert 'canary 5 %: hold – 212 of 300 "limited by per-client", 1' in table
    assert "webhooks" in table
    assert "shadow: ready" in table


def test_a_kind_is_accepted_by_name(gated: Gated) -> None:
    """
    A person may accept a rare kind, with a reason and by name; the acceptance is part of a promotion, and lasts for
    its subject.
    """
    gated.prove(kinds=few_limited(212))
    accept = ("promote", "api.write", "--accept-uncovered", "limited:per-client")
    gated.run(*accept, code=2)
    gated.run("promote", "api.write", "--accept-uncovered", "invalid:x", "--why", "w", code=2)
    gated.prove(kinds=few_limited(212), comparisons=10)
    gated.run(*accept, "--why", "rare", code=3)
    assert "accepted" not in gated.row()

    gated.prove(kinds=few_limited(212))
    gated.run(*accept, "--why", "rare", "--who", "ana")
    assert gated.row()["accepted"] == ["limited:per-client"]
    entry = gated.ledger()[-1]
    assert (entry["who"], entry["why"], entry["accepted"]) == ("ana", "rare", ["limited:per-client"])
    gated.prove(kinds=few_limited(212))
    gated.run("promote", "api.write")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeded": {"judged": 0, "found": 0, "first": 0, "last": 0}}, "seeded fault not seen yet"),
        ({"seeded": {"judged": 9, "found": 8, "first": 1, "last": 1}}, "seeded fault NOT FOUND in 1 of 9"),
        ({"unseen": 60_000_000}, "the sidecar was last seen 1 min ago"),
        ({"losses": {"queue_full": 900}}, "900 of 41,220 exchanges were lost"),
        ({"mismatches": 40}, "40 mismatches in 41,220 judged exchanges"),
    ],
)
def test_no_proof_no_step(gated: Gated, changes: dict[str, Any], said: str) -> None:
    """
    Whatever makes the figures say nothing holds the route.
    """
    gated.prove(**changes)
    assert said in gated.run("promote", "api.write", code=3)


def test_evidence_of_another_build_is_none(gated: Gated) -> None:
    """
    What was compared of a build that no worker runs any more promotes nothing.
    """
    gated.prove()
    gated.worker(build="newer")
    done = subprocess.run(
        [gated.binary, "promote", "api.write"],
        cwd=gated.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "0 of 5,115 comparisons" in done.stdout


def test_off_to_shadow_needs_nothing_and_a_sidecar_is_not_asked(gated: Gated) -> None:
    """
    The first step and the way back work with neither sidecar nor evidence.
    """
    assert "webhooks: off → shadow." in gated.run("promote", "webhooks")
    assert "webhooks is off" in gated.run("off", "webhooks")
    (gated.state / "evidence.sqlite").write_bytes(b"no database, but for long enough to be one" * 100)
    assert "api.write is off" in gated.run("off", "api.write")
    assert "the evidence cannot be read" in gated.run("status")
    gated.run("promote", "api.write", code=1)


def test_what_was_rolled_back_is_set_on_by_a_person(gated: Gated) -> None:
    """
    A route that was taken back is promoted by nobody until a person has re-armed it, with a reason.
    """
    gated.run("promote", "api.write", "--rearm", "--why", "w", code=1)
    stages = json.loads((gated.state / "stages.json").read_text())
    stages["routes"]["api.write"]["rolled_back"] = "12 mismatches in 6,000 judged exchanges"
    (gated.state / "stages.json").write_text(json.dumps(stages))
    gated.prove()
    assert "rolled back (12 mismatches" in gated.run("promote", "api.write", code=3)
    assert "ROLLED BACK: 12 mismatches" in gated.run("status", "api.write")
    gated.run("promote", "api.write", "--rearm", code=2)
    gated.run("promote", "api.write", "--rearm", "--why", "fixed in the new build")
    row = gated.row()
    assert ("rolled_back" in row, row["stage"], row["why"]) == (False, "shadow", "fixed in the new build")


def test_a_mismatch_is_shown_in_full(gated: Gated) -> None:
    """
    Place, kind, both values, since when, how often, of how many keys, where to find it, and how to reproduce it;
    nothing in it acts on a terminal.
    """
    now = time.time_ns() // 1000
    group = {
        "place": "$.name",
        "kind": "text",
        "count": 12,
        "keys": 3,
        "first_seen": now,
        "last_seen": now,
        "stage": "shadow",
        "example": {
            "worker": 7,
            "sequence": 5,
            "control": "\x1b[31mZo\u00eb",
            "candidate": "Zoe",
            "request_id": "req-1",
        },
    }
    gated.prove(groups=(group,), mismatches=12)
    (gated.state / "captures").mkdir()
    said = gated.run("status", "api.write")
    for text in ("$.name: text", "12 times, 3 keys at least", "Zo\u00eb", "worker 7/5", "request req-1", "reproduce: "):
        assert text in said
    assert "\x1b" not in said


def test_status_for_programs(gated: Gated) -> None:
    """
    The JSON says stage, standing, what is missing and the figures behind it.
    """
    gated.prove(comparisons=10)
    status = json.loads(gated.run("status", "--json"))
    write, hooks = status["routes"]
    assert (write["stage"], write["standing"], hooks["standing"]) == ("shadow", "held", "ready")
    assert write["missing"] == ["10 of 5,115 comparisons"]
    assert write["facts"]["counts"]["comparisons"] == 10


def test_the_ledger_is_walked(gated: Gated) -> None:
    """
    An edited line is named, exit code 3; a whole ledger is shown line by line.
    """
    gated.run("stage", "set", "api.write", "live", "--why", "brave", "--who", "ben")
    shown = gated.run("ledger", "show", "--route", "api.write")
    assert "api.write: shadow → live  by ben: brave  (without proof)" in shown
    path = gated.state / "ledger.jsonl"
    path.write_text(path.read_text().replace("first route", "First route"))
    assert "line 2: it does not follow line 1: that was edited" in gated.run("ledger", "verify", code=3)


def test_a_stage_without_proof_is_warned_of(gated: Gated) -> None:
    """
    `stage set` beyond shadow says that no gate has looked; to shadow and off it says nothing.
    """
    assert "warning: canary 5 % without proof" in gated.run("stage", "set", "api.write", "canary:5", "--why", "w")
    assert "warning" not in gated.run("stage", "set", "api.write", "shadow", "--why", "w")
    gated.run("stage", "set", "api.write", "live", "--fault", "sometimes", "--why", "w", code=2)


@pytest.fixture
def followed(make_service: Callable[[str], Any], binary: Path) -> Any:
    """A service with a real worker in this process that follows its stages."""
    service = make_service(POLICY)
    service.state.mkdir()
    seam = service.seam()
    assert seam.status()["routes"]["api.write"]["stage"] == "off"

    def run(*arguments: str, code: int = 0) -> str:
        place = ["--policy", service.policy, "--state", service.state]
        done = subprocess.run([binary, *arguments, *place], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return service, seam, run


def test_a_drill_disturbs_nobody(followed: Any, until: Callable[[Callable[[], Any]], Any]) -> None:
    """
    A drill measures how long a real worker takes to follow, and leaves the row, and so the stay, as it was; with --yes
    the route is off meanwhile, and comes back as it was.
    """
    service, _seam, run = followed
    run("stage", "set", "api.write", "live", "--why", "w")
    until(lambda: list((service.state / "workers").glob("*.json")))
    before = json.loads((service.state / "stages.json").read_text())
    said = run("drill", "api.write", "--rounds", "3")
    assert f"worker {os.getpid()}" in said
    assert "p50 0." in said
    run("drill", "api.write", "--rounds", "1", "--yes")
    after = json.loads((service.state / "stages.json").read_text())
    assert (after["routes"], after["generation"]) == (before["routes"], before["generation"] + 5)
    stages = [json.loads(line)["to"] for line in (service.state / "ledger.jsonl").read_text().splitlines()]
    assert stages == ["live", "live", "live", "live", "off", "live"]
    run("ledger", "verify")


def test_a_drill_needs_somebody(gated: Gated) -> None:
    """
    Without a worker there is nothing to measure, and one that does not follow is named.
    """
    gated.worker(generation=0)
    said = subprocess.run(
        [gated.binary, "drill", "api.write", "--rounds", "1"],
        cwd=gated.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (said.returncode, "DID NOT FOLLOW" in said.stdout) == (1, True)
    (gated.state / "workers" / f"{os.getpid()}.json").unlink()
    said = subprocess.run(
        [gated.binary, "drill", "api.write"], cwd=gated.folder, capture_output=True, text=True, check=False
    )
    assert (said.returncode, "no worker is there" in said.stderr) == (1, True)
