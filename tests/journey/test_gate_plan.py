"""
`crossfade gate plan` as a user runs it before the start: what each route needs, and how long that takes.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

POLICY = """
version = 1
[limits.clients]
key = ["route", "client"]
rate = "3/hour"
strategy = "fixed-window"
[[route]]
name = "busy"
match = "GET /busy"
limits = ["clients"]
[[route]]
name = "lonely"
match = "GET /lonely"
gate = { mismatch_below = 1e-2, dwell = "2h" }
[[route]]
name = "quiet"
match = "GET /quiet"
"""
STEP = 10


@pytest.fixture
def run(binary, tmp_path):
    """A capture of 100 requests to `busy`, four by each client, one each ten seconds, and one to `lonely`."""
    lines = [line(number * STEP, f"10.0.0.{number % 25}", "/busy") for number in range(100)]
    lines.append(line(50 * STEP, "10.0.0.1", "/lonely"))
    # Put together with a recording of another year.
    lines.append(line(400 * 86_400, "10.0.0.1", "/elsewhere"))
    (tmp_path / "traffic.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "crossfade.toml").write_text(POLICY)

    def run(*arguments: str, code: int = 0) -> tuple[str, str]:
        done = subprocess.run(
            [binary, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout, done.stderr

    run("capture", "import", "--format", "jsonl", "traffic.jsonl", "-o", "capture")
    return run


def line(second: int, client: str, target: str) -> dict[str, Any]:
    return {"t": 1_700_000_000_000_000 + second * 1_000_000, "method": "GET", "target": target, "client": client}


def test_a_plan_says_how_long_each_need_takes(run):
    """
    Comparisons, every kind of outcome that there is, and the dwell, the longest first; with too few clients, never.
    """
    plan = json.loads(run("gate", "plan", "capture", "--json")[0])
    assert plan["seconds"] == 99 * STEP
    busy, lonely, quiet = plan["routes"]
    assert (busy["exchanges"], busy["comparable"], busy["keys"]) == (100, 100, 25)
    needs = [(need["what"], need["needed"], need["seconds"]) for need in busy["needs"]]
    assert needs == [
        ("dwell", 86_400, 86_400),
        ("comparisons", 5_115, pytest.approx(990 * 5_115 / 100)),
        ({"kind": "limited:clients"}, 300, pytest.approx(990 * 300 / 25)),
        ({"kind": "accepted"}, 300, pytest.approx(990 * 300 / 75)),
    ]
    assert lonely["needs"][0] == {"what": "comparisons", "needed": 509, "seconds": None}
    assert {"what": "dwell", "needed": 7_200, "seconds": 7_200} in lonely["needs"]
    assert quiet["exchanges"] == 0


def test_a_plan_reads_as_text(run):
    """
    A line for each route says when its gate can open, and lines below it why not before.
    """
    out, _ = run("gate", "plan", "capture")
    assert "busy: 1 d for each step" in out
    assert 'comparisons with outcome "limited:clients"' in out
    assert "lonely: never, at this traffic" in out
    assert "quiet: no traffic" in out


def test_no_plan_without_traffic_or_policy(run):
    """
    What is missing is named.
    """
    assert "nowhere" in run("gate", "plan", "nowhere", code=1)[1]
    assert "none.toml" in run("gate", "plan", "capture", "--policy", "none.toml", code=2)[1]
