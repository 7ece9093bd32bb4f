"""
What it costs a request to send its exchange to the sidecar.

The same requests go through one seam in `shadow`, in turns: nobody listens, a sidecar reads, a sidecar stands still
(SIGSTOP). Each way has a seam of its own over one policy; a request has about a kilobyte of body and fifteen headers.
Times are wall time of `seam.admit`; read the differences.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter_ns, sleep

POLICY = """
version = 1

[limits.clients]
key = ["client"]
rate = "1000000/minute"
strategy = "fixed-window"

[[route]]
name = "items"
match = "POST /items/{rest*}"
limits = ["clients"]
max_bytes = "64KiB"

[route.json]
output = "python"
"""

HEARD = bytes([0x82, 0xA1, ord("v"), 1, 0xA1, ord("n"), 0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="requests of each way")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.requests)


def measure(folder: Path, amount: int) -> None:
    from crossfade import Outcome, Request

    body = json.dumps({"name": "x" * 40, "items": [{"id": n, "price": n * 1.5} for n in range(34)]}).encode()
    headers = [(b"x-header-%d" % n, b"value of header %d" % n) for n in range(14)]
    headers.append((b"content-type", b"application/json"))
    requests = [
        Request.of("POST", "/items/1?b=2&a=1", headers=headers, peer=f"10.0.{n >> 8}.{n & 255}", body=body)
        for n in range(1_000)
    ]
    same = Outcome.accepted()
    (folder / "crossfade.toml").write_text(POLICY)
    ways = ("nobody listens", "a sidecar reads", "a sidecar stands still")
    seams, readers = {}, []
    for number, way in enumerate(ways):
        path = folder / f"{number}.sock"
        if number:
            readers.append(subprocess.Popen([sys.executable, __file__, "--read", path]))
            until(path.exists)
        seams[way] = seam = seam_over(folder, path)
        seam.control("items", lambda _: same)
        seam.admit(requests[0])
        if number:
            until(lambda seam=seam: seam.status()["sidecar"] == "connected")
    readers[1].send_signal(signal.SIGSTOP)
    samples: dict[str, list[int]] = {way: [] for way in ways}
    try:
        for turn in range(amount // 100):
            for way, seam in seams.items():
                admit, took = seam.admit, samples[way]
                for request in requests[turn % 10 * 100 :][:100]:
                    start = perf_counter_ns()
                    admit(request)
                    took.append(perf_counter_ns() - start)
        accounts = {way: seam.status()["routes"]["items"]["account"] for way, seam in seams.items()}
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()
    report(samples, accounts, len(body))


def seam_over(folder: Path, path: Path):
    from crossfade import Seam

    (folder / "state").mkdir(exist_ok=True)
    seam = Seam.from_file(folder / "crossfade.toml", state=folder / "state", socket=path, version="bench")
    status = seam.status()
    subject = {"build": status["build"], "policy": status["routes"]["items"]["policy"]}
    row = {"stage": "shadow", "salt": "bench", "subject": subject, "who": "bench", "why": "measure", "at": 1}
    (folder / "state" / "stages.json").write_text(json.dumps({"version": 1, "generation": 1, "routes": {"items": row}}))
    until(lambda: seam.status()["generation"] == 1)
    return seam


def report(samples: dict[str, list[int]], accounts: dict[str, dict[str, int]], size: int) -> None:
    first = None
    print(f"one exchange: 15 headers and {size} bytes of body, in shadow; µs")
    print(f"{'':<24} {'p50':>7} {'p99':>7} {'p999':>7}   {'+p50':>6}   {'×p50':>5} {'×p99':>5} {'×p999':>5}   account")
    for way, took in samples.items():
        took.sort()
        p50, p99, p999 = (took[int(len(took) * share)] / 1_000 for share in (0.5, 0.99, 0.999))
        first = first or (p50, p99, p999)
        ratios = " ".join(f"{now / then:>5.2f}" for now, then in zip((p50, p99, p999), first, strict=True))
        counted = ", ".join(f"{name} {count}" for name, count in accounts[way].items() if count)
        print(f"{way:<24} {p50:>7.1f} {p99:>7.1f} {p999:>7.1f}   {p50 - first[0]:>+6.1f}   {ratios}   {counted}")


def read(path: str) -> None:
    """A sidecar that reads all and keeps nothing."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    connection, _ = listener.accept()
    connection.sendall(len(HEARD).to_bytes(4, "big") + HEARD)
    # Far more than a worker ever sends: everything is taken for kept.
    kept = bytes([0x82, 0xA1, ord("v"), 1, 0xA1, ord("n"), 0xCE]) + (1 << 31).to_bytes(4, "big")
    while connection.recv(1 << 20):
        connection.sendall(len(kept).to_bytes(4, "big") + kept)


def until(holds) -> None:
    while not holds():
        sleep(0.01)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(sys.argv[2])
    else:
        main()
