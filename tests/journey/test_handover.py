"""
A service over real connections, its routes taken through all stages while clients hammer it: nobody is admitted once
more than the limit says, and nobody is refused before.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")

from journey.test_gateway import BINARY, POLICY, serving
from live_service import answers_at_once, connected

STAGES = ["off", "shadow", "canary:50", "live", "shadow", "live", "off"]


class Clients:
    """Clients of one worker: what they send goes over one connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.connection = connected(address)

    def status(self, method: str, target: str, client: str) -> int:
        headers = {"X-Forwarded-For": client, "Authorization": f"token {client}"}
        self.connection.request(method, target, headers=headers)
        answers_at_once(self.connection)
        response = self.connection.getresponse()
        response.read()
        return response.status


def set_stage(route: str, stage: str, state: Path) -> None:
    """Returns when the workers have followed."""
    command = [str(BINARY), "stage", "set", route, stage, "--why", "test"]
    variables = {"CROSSFADE_POLICY": str(POLICY), "CROSSFADE_STATE": str(state)}
    subprocess.run(command, env=variables, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("route", "method", "target", "most", "each"),
    [
        ("login", "POST", "/wp-login.php", 5, 1),  # a fixed window
        ("api.v1", "GET", "/api/v1/dashboard", 120, 21),  # a moving window, shared with routes that stay off
    ],
)
def test_a_limit_holds_through_all_stages(tmp_path, route, method, target, most, each):
    """
    Whatever the stage, the first so many requests of a client within the limit's window are admitted, and no other.
    """
    state = tmp_path / "state"
    begin = time.monotonic()
    with serving("gateway.wiring:app", CROSSFADE_STATE=str(state)) as address:
        clients = Clients(address)
        told: dict[str, list[int]] = {f"203.0.113.{n}": [] for n in range(3)}
        for stage in STAGES:
            set_stage(route, stage, state)
            for client, statuses in told.items():
                statuses.extend(clients.status(method, target, client) for _ in range(each))
    assert time.monotonic() - begin < 60, "too slow a machine: the window of the first request is over"

    for statuses in told.values():
        assert 429 not in statuses[:most]
        assert statuses[most:] == [429] * (each * len(STAGES) - most)
