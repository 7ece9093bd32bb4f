"""
Stages by feature flags, with the real OpenFeature SDK, its in-memory provider and the real binary.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gated import Gated
from openfeature import api
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

ROOT = Path(__file__).resolve().parents[2]


class Flags:
    """Flags of one provider, and a follower of them."""

    def __init__(self, gated: Gated, **options: Any) -> None:
        from crossfade.openfeature import Follower

        self.provider = InMemoryProvider({})
        self.values: dict[str, Any] = self.provider._flags
        # Of its own domain, so that no test meets another's provider.
        domain = uuid.uuid4().hex
        api.set_provider_and_wait(self.provider, domain)
        place = ["--policy", str(gated.folder / "crossfade.toml")]
        self.follower = Follower(api.get_client(domain), [str(gated.binary)], place, **options)
        self.gated = gated

    def set(self, stage: Any, route: str = "api.write") -> str:
        """Give a route's flag a value, let the follower look once, and give the stage."""
        self.values[f"crossfade.{route}"] = InMemoryFlag("on", {"on": stage})
        return self.turn(route)

    def turn(self, route: str = "api.write") -> str:
        self.gated.worker()
        self.follower.turn()
        return str(self.stages().get(route, {}).get("stage", "off"))

    def stages(self) -> dict[str, Any]:
        stages: dict[str, Any] = json.loads((self.gated.state / "stages.json").read_text())["routes"]
        return stages


@pytest.fixture
def gated(tmp_path: Path, binary: Path) -> Gated:
    gated = Gated(tmp_path, binary)
    gated.run("stage", "set", "api.write", "shadow", "--why", "first route")
    return gated


@pytest.fixture
def flags(gated: Gated) -> Iterator[Flags]:
    yield Flags(gated)
    api.clear_providers()


def test_a_higher_flag_goes_by_the_gate(gated: Gated, flags: Flags) -> None:
    """
    A flag raises nothing without proof, and with it one step at a time, never beyond the flag.
    """
    assert flags.set("live") == "shadow"
    gated.prove()
    assert flags.turn() == "canary:5"
    assert flags.turn() == "canary:5"
    assert gated.row()["who"] == "openfeature"
    assert gated.ledger()[-1]["proven"]
    gated.prove()
    assert flags.set("canary:50") == "canary:5"
    assert flags.set("live") == "live"


def test_a_lower_flag_is_followed_at_once(gated: Gated, flags: Flags) -> None:
    """
    Going back needs nothing, in one step.
    """
    gated.run("stage", "set", "api.write", "live", "--why", "w")
    assert flags.set("canary:1") == "canary:1"
    assert flags.set("off") == "off"
    entry = gated.ledger()[-1]
    assert (entry["who"], entry["why"]) == ("openfeature", "flag crossfade.api.write is off")


@pytest.mark.parametrize("value", ["LIVE", "canary:0", "canary:100", "", 7, None])
def test_a_flag_that_says_nothing_keeps_the_last(gated: Gated, flags: Flags, value: Any) -> None:
    """
    A value that is no stage, a flag that is gone and a provider that fails keep the last good value; without one,
    nothing moves.
    """
    assert flags.set(value) == "shadow"
    assert flags.set("shadow") == "shadow"
    flags.set(value)
    gated.run("stage", "set", "api.write", "live", "--why", "w")
    assert flags.turn() == "shadow"
    flags.values.clear()
    gated.run("stage", "set", "api.write", "live", "--why", "w")
    assert flags.turn() == "shadow"
    gated.run("stage", "set", "api.write", "live", "--why", "w")
    flags.provider.resolve_string_details = lambda *_: 1 / 0
    assert flags.turn() == "shadow"


def test_what_went_back_stays(gated: Gated, flags: Flags) -> None:
    """
    A flag does not fight a person who took a route off, nor a roll-back; a flag that changes sets on what a person
    took off.
    """
    assert flags.set("shadow") == "shadow"
    gated.run("off", "api.write", "--who", "ana")
    assert flags.turn() == "off"
    assert flags.set("live") == "shadow"
    stages = json.loads((gated.state / "stages.json").read_text())
    stages["routes"]["api.write"]["rolled_back"] = "12 mismatches"
    (gated.state / "stages.json").write_text(json.dumps(stages))
    gated.prove()
    assert flags.turn() == "shadow"


def test_without_proof_only_if_asked_for(gated: Gated) -> None:
    """
    With `without_proof` a flag is followed upwards too, and the ledger says that nothing was proven.
    """
    flags = Flags(gated, without_proof=True)
    assert flags.set("canary:30") == "canary:30"
    assert not gated.ledger()[-1]["proven"]


def test_trouble_is_logged_once(gated: Gated, flags: Flags, caplog: pytest.LogCaptureFixture) -> None:
    """
    A policy or stage file that cannot be used stops nothing, and is said once.
    """
    flags.set("shadow")
    (gated.state / "stages.json").write_text("{")
    flags.follower.turn()
    flags.follower.turn()
    assert len([record for record in caplog.records if "no stage file" in record.message]) == 1
    (gated.folder / "crossfade.toml").write_text("nonsense")
    flags.follower.turn()


def test_as_a_process(gated: Gated, until: Callable[[Callable[[], Any]], Any]) -> None:
    """
    The command follows its provider until it is told to end, and says at once when it has none.
    """
    (gated.folder / "flags.py").write_text(
        "from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider\n"
        "def provider():\n"
        "    return InMemoryProvider({'crossfade.api.write': InMemoryFlag('on', {'on': 'off'})})\n"
    )
    path = os.pathsep.join([str(ROOT / "python"), *filter(None, [os.environ.get("PYTHONPATH")])])
    places = {"PYTHONPATH": path, "PATH": f"{gated.binary.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "crossfade.openfeature"]
    options: dict[str, Any] = {"cwd": gated.folder, "env": os.environ | places}
    follower = subprocess.Popen([*command, "flags:provider", "--every", "100ms"], **options)
    try:
        until(lambda: gated.row()["stage"] == "off")
    finally:
        follower.send_signal(signal.SIGTERM)
    assert follower.wait(30) == 0
    assert (
        subprocess.run([*command, "flags:nothing"], stderr=subprocess.DEVNULL, check=False, **options).returncode == 2
    )
