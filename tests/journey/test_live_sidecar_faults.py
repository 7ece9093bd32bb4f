"""
A sidecar that dies, stands still, is of another release, has no room or nobody to listen to: clients see nothing of it,
and every exchange is accounted for.
"""

from __future__ import annotations

import resource
import signal
import socket
import struct
import threading
from pathlib import Path

from conftest import until
from live_service import BATCH, batches, live, quantile, tell


def test_a_sidecar_that_is_killed(tmp_path: Path) -> None:
    """
    Killed in the middle of a frame and started again, it has kept all that it acknowledged; what it had not is counted
    as lost, and what was sent to nobody as dropped.
    """
    with live(tmp_path) as service:
        before = service.ask(batches(size=1_000))
        killer = threading.Timer(0.3, lambda: service.stop_sidecar(signal.SIGKILL))
        killer.start()
        answers = service.ask(batches(size=2_000))
        killer.join()
        kept = service.account()
        answers += service.ask(batches())
        service.start_sidecar()
        until(lambda: service.ask(batches()) and service.account().ended > kept.ended)
        account = service.settled()
        tell("killed", answers, before, account.losses.total(), "all accounted for")
        assert {answer.status for answer in answers} == {200}
        assert account.losses["no_sidecar"] > 0
        assert account.verdicts.total() >= kept.verdicts.total() > 0
        assert account.mismatches == 0


def test_a_sidecar_that_stands_still(tmp_path: Path) -> None:
    """
    Stopped, it takes nothing off the socket: the newest exchanges are dropped and counted, and no client waits.
    """
    with live(tmp_path) as service:
        assert service.sidecar is not None
        before = service.ask(batches(size=3_000))
        service.sidecar.send_signal(signal.SIGSTOP)
        answers = [answer for _ in range(5) for answer in service.ask(batches(size=3_000))]
        service.sidecar.send_signal(signal.SIGCONT)
        account = service.settled()
        tell("stopped", answers, before, account.losses.total(), "all accounted for")
        ratio = quantile(answers, 0.999) / quantile(before, 0.999)
        print(f"p999 with a stopped sidecar over p999 with a running one: {ratio:.2f}")
        assert {answer.status for answer in answers} == {200}
        assert account.mismatches == 0


def stranger(path: Path, version: int) -> socket.socket:
    """A listener that speaks the protocol of another release: it says so to whoever comes, and hangs up."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                peer.recv(65_536)
                heard = b"\x82\xa1v" + bytes([version]) + b"\xa1n\x00"
                peer.sendall(struct.pack(">I", len(heard)) + heard)

    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_a_sidecar_of_another_release(tmp_path: Path) -> None:
    """
    Workers send nothing to a sidecar that speaks an older or a newer protocol, and go on with one that speaks theirs.
    """
    with live(tmp_path) as service:
        before = service.ask(batches())
        service.settled()
        for version in (0, 99):
            service.stop_sidecar()
            other = stranger(service.socket, version)
            answers = service.ask(batches(size=600))
            assert {answer.status for answer in answers} == {200}
            other.close()
            service.socket.unlink()
            service.start_sidecar()
            judged = service.account().verdicts.total()
            until(lambda seen=judged: service.ask(batches()) and service.account().verdicts.total() > seen)
            tell(f"release {version}", answers, before, 0, "back")
        account = service.settled()
        assert account.losses["no_sidecar"] >= 1_200
        assert set(account.losses) <= {"no_sidecar", "lost"}


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """
    A sidecar that cannot write keeps judging, acknowledges nothing, says that it is not ready, and writes it all once
    there is room again.
    """
    with live(tmp_path, sidecar=False) as service:
        inherited = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        service.start_sidecar("--capture", "none")
        signal.signal(signal.SIGXFSZ, inherited)
        assert service.sidecar is not None
        pid = service.sidecar.pid
        before = service.ask(batches())
        service.settled()
        # Nothing may be written beyond this, by this process alone: less than one transaction, more than its log.
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (16 << 10, resource.RLIM_INFINITY))
        written = service.account().ended
        answers = service.ask(batches(size=1_500))
        log = tmp_path / "sidecar.log"
        until(lambda: "evidence_not_written" in log.read_text())
        assert service.account().ended <= written + BATCH
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        account = service.settled()
        tell("disk full", answers, before, account.losses.total(), "all accounted for")
        assert {answer.status for answer in answers} == {200}
        assert account.mismatches == 0


def test_a_socket_that_is_replaced(tmp_path: Path) -> None:
    """
    A socket file that somebody put another in the place of is noticed; workers come back to the sidecar's own.
    """
    with live(tmp_path) as service:
        before = service.ask(batches())
        service.settled()
        aside = service.socket.with_suffix(".aside")
        service.socket.rename(aside)
        deaf = socket.socket(socket.AF_UNIX)
        deaf.bind(str(service.socket))
        deaf.listen()
        deaf.settimeout(10)
        # Whoever is connected to the old one notices by the file alone.
        noticed = threading.Thread(target=deaf.accept)
        noticed.start()
        answers = service.ask(batches())
        while noticed.is_alive():
            answers += service.ask(batches())
        deaf.close()
        service.socket.unlink()
        aside.rename(service.socket)
        judged = service.account().verdicts.total()
        until(lambda: service.ask(batches()) and service.account().verdicts.total() > judged)
        account = service.settled()
        tell("socket replaced", answers, before, account.losses.total(), "back")
        assert {answer.status for answer in answers} == {200}
        assert account.mismatches == 0


def test_nobody_comes(tmp_path: Path) -> None:
    """
    Without traffic the gate holds, however long one waits; and it says that there is none.
    """
    with live(tmp_path) as service:
        service.ask(batches(size=1_200))
        service.settled()
        service.pass_time(90_000)
        held = service.crossfade("promote", "fixed", expect=3)
        assert "traffic" in held.stdout
        assert service.row()["stage"] == "shadow"
