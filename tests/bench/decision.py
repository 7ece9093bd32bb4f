"""
Decision latency of control and candidate on the recorded traffic, side by side in one process.

Both sides are called as the service calls them: the control through the function that the wiring names, the candidate
through `seam.admit` on a live route, binding included. Each request comes from a client of its own, so that none is
refused, and the two sides take turns request by request. Times are wall time; read the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import quantiles
from time import perf_counter_ns, sleep, time_ns

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the traffic")
    parser.add_argument("--most", type=int, default=4_000, help="requests of each source")
    options = parser.parse_args()
    work: Path = options.work.resolve()

    subprocess.run([sys.executable, ROOT / "shadow/traffic/bring.py", work / "traffic"], check=True, stdout=2)
    # Only the gateway: crossfade itself is the installed one.
    service = work / "service"
    service.mkdir(parents=True, exist_ok=True)
    if not (service / "gateway").exists():
        (service / "gateway").symlink_to(ROOT / "python" / "gateway")
    with tempfile.TemporaryDirectory() as state:
        os.environ["CROSSFADE_STATE"] = state
        sys.path.insert(0, str(service))
        measure(work / "traffic", Path(state), options.most)


def measure(traffic: Path, state: Path, most: int) -> None:
    from gateway.wiring import seam

    sys.path.insert(0, str(ROOT / "shadow"))
    from crossfade import Request
    from drive import _combined, _jsonl

    all_live(seam, state)
    samples: dict[str, tuple[list[int], list[int]]] = {}
    files = [traffic / source["file"] for source in json.loads((traffic / "summary.json").read_text())["sources"]]
    client = 0
    for _ in range(ROUNDS):
        for file in files:
            parse = _jsonl if file.suffix == ".jsonl" else _combined
            with file.open(encoding="utf-8", errors="replace") as lines:
                for _, line in zip(range(most), lines, strict=False):
                    _, recorded = parse(line)
                    if recorded is None:
                        continue
                    client += 1
                    request = Request.of(
                        recorded.method,
                        recorded.target,
                        headers=[(n.encode(), v.encode()) for n, v in recorded.headers if n not in OWN]
                        + [(b"authorization", b"%d" % client), (b"x-github-hook-id", b"%d" % client)],
                        peer=f"10.{client >> 16 & 255}.{client >> 8 & 255}.{client & 255}",
                        body=recorded.body,
                    )
                    control = seam.control_of(request)
                    if control is None:
                        continue
                    route = seam._native.route_of(request.scope)
                    of_control, of_candidate = samples.setdefault(route, ([], []))
                    start = perf_counter_ns()
                    seam.admit(request)
                    middle = perf_counter_ns()
                    seam.observe(control, request, time_ns() // 1000)
                    end = perf_counter_ns()
                    of_candidate.append(middle - start)
                    of_control.append(end - middle)

    sides = f"{'control p50 / p99 µs':>22}   {'candidate p50 / p99 µs':>22}"
    print(f"{'route':<11} {'decisions':>9}   {sides}   {'p50':>6} {'p99':>6}")
    for route, (of_control, of_candidate) in sorted(samples.items()):
        a50, a99 = at(of_control, 50), at(of_control, 99)
        b50, b99 = at(of_candidate, 50), at(of_candidate, 99)
        print(
            f"{route:<11} {len(of_control):>9}   {a50:>11.1f} / {a99:>8.1f}   {b50:>11.1f} / {b99:>8.1f}"
            f"   {a50 / b50:>5.0f}× {a99 / b99:>5.0f}×"
        )
    print("the candidate's figures hold the drift sample: for one key in a hundred the control runs too")
    for route, row in seam.status()["routes"].items():
        if row["candidate"]:
            share = row["answered_by_candidate"] / row["candidate"]
            print(
                f"{route}: the candidate answered {share:.1%} of {row['candidate']}, {row['unsupported']} unsupported"
            )


OWN = {"authorization", "x-github-hook-id", "x-forwarded-for"}


def all_live(seam, state: Path) -> None:
    status = seam.status()
    rows = {
        name: {
            "stage": "live",
            "salt": "bench",
            "subject": {"build": status["build"], "policy": row["policy"]},
            "who": "bench",
            "why": "measure",
            "at": 0,
        }
        for name, row in status["routes"].items()
    }
    (state / "stages.json").write_text(json.dumps({"version": 1, "generation": 1, "routes": rows}))
    while seam.status()["generation"] != 1:
        sleep(0.05)


def at(samples: list[int], percent: int) -> float:
    """A percentile in microseconds."""
    return quantiles(samples, n=100)[percent - 1] / 1000


if __name__ == "__main__":
    main()
