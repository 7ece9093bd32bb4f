"""
The sidecar as a process: fed as workers feed it, killed, stopped, starved of disk, and told nonsense.

What it has acknowledged it keeps, whatever happens to it; what it has not, its workers count as lost; and both add up.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import WAITS, until
from fed_sidecar import POLICY, Sidecar, result_of

SECOND = 1_000_000


@pytest.fixture
def sidecar(binary: Path, tmp_path: Path) -> Iterator[Sidecar]:
    with Sidecar(binary, tmp_path) as sidecar:
        yield sidecar


def test_every_exchange_ends_once(sidecar: Sidecar) -> None:
    """
    Each exchange is one verdict, wrong ones are found, seeded ones are in no other count, losses have their reasons.
    """
    sidecar.start()
    fed = sidecar.fed(
        "--count", "4000", "--rate", "4000", "--step", "400000", "--wrong", "401", "--seeded", "100", "--dropped", "251"
    )
    assert fed["unanswered"] == fed["lost"] == 0
    assert sidecar.end() == 0
    counts = sidecar.counts()
    assert sum(counts["verdicts"].values()) == sum(counts["free"].values()) == fed["sent"]
    assert sidecar.received() == fed["sent"] + fed["seeded"]
    assert counts["seeded"]["judged"] == counts["seeded"]["found"] == fed["seeded"]
    assert counts["losses"] == {"queue_full": fed["dropped"]}
    assert counts["requests"] == fed["sent"] + fed["dropped"]
    assert counts["free"]["mismatch"] == fed["wrong"]
    assert 0 < counts["verdicts"]["mismatch"] <= fed["wrong"]
    assert counts["verdicts"]["match"] > fed["sent"] / 2
    # Keys of what was dropped are not judged for a window, nor are any in the first one.
    assert counts["verdicts"]["not_judged"] == counts["not_judged"]["cold"] > 0
    assert counts["verdicts"]["match"] + counts["verdicts"]["mismatch"] == sum(
        k["compared"] for k in counts["kinds"].values()
    )


def test_what_is_acknowledged_survives_a_kill(sidecar: Sidecar) -> None:
    """
    Killed in the middle of a stream, it has kept what it acknowledged; the rest counts as lost, and it all adds up.
    """
    sidecar.start()
    feed = sidecar.feed("--count", "12000", "--rate", "4000")
    for kills in range(3):
        floor = sidecar.received()
        until(lambda floor=floor: sidecar.received() > floor + 500)
        sidecar.end(signal.SIGKILL)
        kept = sidecar.received()
        sidecar.start()
        assert sidecar.received() >= kept, kills
    fed = result_of(feed)
    assert fed["unanswered"] == 0
    assert fed["connections"] >= 4
    assert sidecar.end() == 0
    counts = sidecar.counts()
    assert sidecar.received() == fed["acknowledged"] == fed["sent"] - fed["lost"]
    assert sum(counts["verdicts"].values()) == fed["acknowledged"]
    assert counts["losses"].get("lost", 0) == fed["lost"]
    assert counts["requests"] == fed["requests"]


def test_one_that_stands_still_loses_nothing(sidecar: Sidecar) -> None:
    """
    While it is stopped nothing is acknowledged and nothing is lost; it goes on where it was.
    """
    process = sidecar.start()
    feed = sidecar.feed("--count", "6000", "--rate", "3000")
    until(lambda: sidecar.received() > 300)
    process.send_signal(signal.SIGSTOP)
    until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rsplit(")")[-1].split()[0] == "T")
    still = sidecar.received()
    with pytest.raises(subprocess.TimeoutExpired):
        feed.wait(1.0)
    assert sidecar.received() == still
    process.send_signal(signal.SIGCONT)
    fed = result_of(feed)
    assert (fed["unanswered"], fed["lost"], fed["connections"]) == (0, 0, 2)
    assert sidecar.end() == 0
    assert sidecar.received() == fed["sent"]


def test_it_drains_when_told_to_stop(sidecar: Sidecar) -> None:
    """
    Told to stop, it takes away its socket, counts what it has received, seals its captures and leaves with 0.
    """
    sidecar.start()
    feed = sidecar.feed("--count", "100000", "--rate", "4000")
    until(lambda: sidecar.received() > 1_000)
    began = time.monotonic()
    assert sidecar.end() == 0
    assert time.monotonic() - began < 6
    feed.kill()
    feed.wait()
    assert not sidecar.socket.exists()
    assert sidecar.events("stopped")
    counts = sidecar.counts()
    assert sum(counts["verdicts"].values()) == sidecar.received()
    captures = sorted(path.suffix for path in (sidecar.state / "captures").glob("*-*"))
    assert captures == [".seg"]


def test_nothing_is_acknowledged_that_cannot_be_written(sidecar: Sidecar) -> None:
    """
    With no room for the evidence it goes on counting and says that it is not ready; with room again it acknowledges.
    """
    most = 512 << 10

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    process = sidecar.start("--metrics", "127.0.0.1:0", before=small)
    address = sidecar.events("metrics_served")[-1]["address"]
    feed = sidecar.feed("--count", "40000", "--rate", "6000", "--keys", "2000")
    until(lambda: sidecar.events("evidence_not_written"))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{address}/readyz")
    assert refused.value.code == 503
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: sidecar.events("evidence_written_again"))
    assert urllib.request.urlopen(f"http://{address}/readyz").status == 200
    fed = result_of(feed)
    assert (fed["unanswered"], fed["lost"]) == (0, 0)
    assert sidecar.end() == 0
    assert sidecar.received() == fed["sent"]


def test_two_do_not_share_a_directory(sidecar: Sidecar) -> None:
    """
    A second one over one directory, or at a socket where somebody answers, says so and leaves; a dead one is replaced.
    """
    sidecar.start()
    again = subprocess.run(sidecar.command(), capture_output=True, text=True, timeout=WAITS)
    assert again.returncode == 1
    assert "a sidecar is running over" in again.stderr
    elsewhere = [*sidecar.command()[:4], "--dir", str(sidecar.home / "other"), "--socket", str(sidecar.socket)]
    again = subprocess.run(elsewhere, capture_output=True, text=True, timeout=WAITS)
    assert again.returncode == 1
    assert "somebody answers there" in again.stderr
    sidecar.end(signal.SIGKILL)
    assert sidecar.socket.exists()
    sidecar.start()
    assert stat.S_IMODE(sidecar.socket.stat().st_mode) == 0o600
    assert sidecar.fed("--count", "100")["unanswered"] == 0


def test_a_socket_that_is_taken_away_comes_back(sidecar: Sidecar) -> None:
    """
    A socket that somebody deletes is made again; workers that were connected stay.
    """
    sidecar.start()
    feed = sidecar.feed("--count", "4000", "--rate", "1500")
    until(lambda: sidecar.received() > 300)
    sidecar.socket.unlink()
    until(lambda: sidecar.events("socket_replaced"))
    assert sidecar.fed("--count", "100", "--workers", "1")["unanswered"] == 0
    assert result_of(feed)["connections"] == 2


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def hello(version: int, worker: int = 7) -> bytes:
    # {"h": {"v": version, "w": worker, "e": 1, "b": ""}} in MessagePack.
    return frame(b"\x81\xa1h\x84\xa1v" + bytes([version]) + b"\xa1w" + bytes([worker]) + b"\xa1e\x01\xa1b\xa0")


def said(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    connection.settimeout(WAITS)
    found = b""
    while more := connection.recv(4_096):
        found += more
    return found


@pytest.mark.parametrize("version", [0, 2, 100])
def test_other_versions_are_told_ours(sidecar: Sidecar, version: int) -> None:
    """
    A worker of an older or newer protocol hears which version this is, and is sent away.
    """
    sidecar.start()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(sidecar.socket))
        connection.sendall(hello(version))
        assert said(connection) == frame(b"\x82\xa1v\x01\xa1n\x00")
    assert until(lambda: sidecar.events("connection_closed"))[-1]["reason"] == "version"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        struct.pack(">I", 1 << 31),
        frame(b"\xc1"),
        frame(b""),
        frame(b"\x81\xa1x\x80" + b"\x00"),
        hello(1) + hello(1),
        hello(1) + frame(b"\x91" * 5_000),
        hello(1) + frame(os.urandom(2_000)),
    ],
)
def test_nonsense_ends_one_connection(sidecar: Sidecar, nonsense: bytes) -> None:
    """
    Whoever says what cannot be read is sent away, counted and logged; others are not disturbed.
    """
    sidecar.start()
    assert sidecar.fed("--count", "50")["unanswered"] == 0
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(sidecar.socket))
        connection.sendall(nonsense)
        said(connection)
    assert until(lambda: sidecar.events("connection_closed"))[-1]["reason"] == "garbage"
    assert sidecar.fed("--count", "50")["unanswered"] == 0
    assert sidecar.received() == 100


def test_metrics_name_every_route_from_the_start(sidecar: Sidecar) -> None:
    """
    Every series of a route is there at zero before its first exchange, and counts what was fed.
    """
    sidecar.start("--metrics", "127.0.0.1:0")
    address = sidecar.events("metrics_served")[-1]["address"]

    def metrics() -> dict[str, float]:
        text = urllib.request.urlopen(f"http://{address}/metrics").read().decode()
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    before = metrics()
    assert before['crossfade_comparisons_total{route="things",verdict="mismatch"}'] == 0
    assert before['crossfade_exchange_losses_total{reason="queue_full",route="things"}'] == 0
    fed = sidecar.fed("--count", "500")
    after = until(lambda: (found := metrics())['crossfade_requests_total{route="things"}'] == fed["sent"] and found)
    verdicts = [value for name, value in after.items() if name.startswith("crossfade_free_comparisons_total")]
    assert sum(verdicts) == fed["sent"]
    assert after['crossfade_unaccounted{route="things"}'] == 0
    assert urllib.request.urlopen(f"http://{address}/healthz").status == 200


def test_captures_stay_small_and_hold_no_credentials(sidecar: Sidecar) -> None:
    """
    Stored exchanges can be read again, and beyond their bound the oldest go, exported ones first.
    """
    sidecar.start("--capture-bytes", "1")
    sidecar.fed("--count", "500", "--rate", "5000")
    sidecar.end()
    assert list((sidecar.state / "captures").glob("*.seg")) == []
    sidecar.start()
    sidecar.fed("--count", "500", "--rate", "5000")
    sidecar.end()
    shown = subprocess.run(
        [sidecar.binary, "capture", "show", sidecar.state / "captures"], capture_output=True, text=True, check=True
    )
    assert "500" in shown.stdout
    assert json.loads((sidecar.state / "captures" / "capture.json").read_text())["kept"] == "redacted"


def test_the_clock_can_be_moved(sidecar: Sidecar) -> None:
    """
    What dwell is measured by follows the file of the clock, each second, with traffic or without.
    """
    offset = sidecar.home / "offset"
    offset.write_text("86400")
    sidecar.start("--clock-offset-file", str(offset))
    ahead = until(lambda: [now - written for now, written in sidecar.rows("select now, written from clock")])
    assert abs(ahead[0] - 86_400 * SECOND) < SECOND
    offset.write_text("172800.5")
    until(
        lambda: [
            now for now, written in sidecar.rows("select now, written from clock") if now - written > 172_800 * SECOND
        ]
    )


def test_a_changed_policy_is_followed(sidecar: Sidecar) -> None:
    """
    Exchanges of a changed policy are judged once the sidecar has read it; a file that is no policy changes nothing.
    """
    sidecar.start()
    sidecar.policy.write_text("nonsense")
    until(lambda: sidecar.events("policy_unusable"))
    sidecar.policy.write_text(POLICY.replace("5/minute", "6/minute"))
    until(lambda: sidecar.events("policy_changed"))
    sidecar.fed("--count", "400", "--step", "500000")
    counts = sidecar.counts()
    assert counts["free"]["match"] == 400
    assert set(counts["not_judged"]) == {"cold"}
