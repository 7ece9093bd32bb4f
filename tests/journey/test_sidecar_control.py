"""
The control beside the sidecar: asked where the service did not run it, started again when it dies, and held against
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fed_sidecar import POLICY, Sidecar

FAKE = Path(__file__).parent / "fixtures" / "fake_control.py"
"""A control worker that needs no service; it has a control for the route `free`."""

FREE = """
[[route]]
name = "free"
match = "POST /free"

[route.json]
max_bytes = "64KiB"
"""


@pytest.fixture
def sidecar(binary: Path, tmp_path: Path) -> Iterator[Sidecar]:
    with Sidecar(binary, tmp_path) as sidecar:
        yield sidecar


def test_the_control_runs_here_where_the_service_does_not_run_it(sidecar: Sidecar) -> None:
    """
    In `live`, an exchange without a control is compared with the control beside the sidecar; else it is not judged.
    """
    sidecar.policy.write_text(POLICY + FREE)
    live = ["--count", "200", "--workers", "1", "--stage", "live", "--without-control", "--target", "POST /free"]
    sidecar.start()
    sidecar.fed(*live)
    assert sidecar.end() == 0
    assert sidecar.counts()["not_judged"] == {"no_control": 200}
    sidecar.start("--control", "fake:honest", "--python", str(FAKE))
    fed = sidecar.fed(*live, "--wrong", "20", "--rate", "100")
    assert (fed["unanswered"], fed["wrong"]) == (0, 10)
    assert sidecar.end() == 0
    counts = sidecar.counts()
    assert counts["not_judged"] == {"no_control": 200}
    assert (counts["verdicts"]["match"], counts["verdicts"]["mismatch"]) == (190, 10)


def test_a_control_that_dies_is_started_again(sidecar: Sidecar) -> None:
    """
    What it does not answer is not judged, nothing is lost, and it is started again.
    """
    sidecar.policy.write_text(POLICY + FREE)
    sidecar.start("--control", "fake:dies", "--python", str(FAKE))
    fed = sidecar.fed(
        "--seconds",
        "4",
        "--workers",
        "1",
        "--stage",
        "live",
        "--without-control",
        "--target",
        "POST /free",
        "--rate",
        "50",
    )
    assert fed["unanswered"] == 0
    assert len(sidecar.events("control_started")) >= 2
    assert sidecar.end() == 0
    counts = sidecar.counts()
    assert sum(counts["verdicts"].values()) == fed["sent"]
    assert counts["verdicts"]["match"] >= 8
    assert counts["not_judged"]["no_control"] == fed["sent"] - counts["verdicts"]["match"]


def test_a_sample_of_keys_is_asked_twice(sidecar: Sidecar) -> None:
    """
    One key in a hundred is a witness: its requests are given to the control twice, to see whether it answers alike.
    """
    sidecar.policy.write_text(POLICY + FREE)
    sidecar.start("--control", "fake:honest", "--python", str(FAKE))
    sidecar.fed("--count", "2000", "--keys", "2000", "--rate", "1000", "--target", "POST /free")
    assert sidecar.end() == 0
    counts = sidecar.counts()
    assert 0 < counts["witnessed"] < 100
    assert (counts["noisy"], counts["verdicts"]["match"]) == (0, 2_000)
