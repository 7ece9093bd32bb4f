"""
`make demo`: the main job on recorded real traffic, then a live cutover with an injected fault.

Needs crossfade and the gateway's packages in the running environment; everything it makes lies below --work.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from drive import Driver, Recorded, slice_of

ROOT = Path(__file__).resolve().parents[1]
POLICY = ROOT / "python" / "gateway" / "crossfade.toml"
CROSSFADE = str(Path(sys.executable).with_name("crossfade"))

ROUTES = ["login", "webhooks", "api.v1", "api.v2", "repos", "blog.page"]

# The route that goes live by evidence.
PROVEN = "blog.page"

# A day and a minute, in seconds: what a stage is watched for by default.
DAY = 86_460

# Rounds of traffic that a step may take: a window of the route's limits has to pass before anything is judged.
ROUNDS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for everything that this makes")
    parser.add_argument("--replay-only", action="store_true", help="without the live cutover")
    options = parser.parse_args()
    work: Path = options.work.resolve()
    started = time.monotonic()

    environment = prepare(work)
    sources = bring(work)
    replay(work, sources, environment)
    if not options.replay_only:
        cutover(work, sources, environment)
    closing(work, time.monotonic() - started, live=not options.replay_only)


def prepare(work: Path) -> dict[str, str]:
    """
    Empty folders, and an environment in which `gateway` can be imported and crossfade is the installed one.
    """
    for name in ("captures", "live", "state", "service"):
        shutil.rmtree(work / name, ignore_errors=True)
    service = work / "service"
    service.mkdir(parents=True)
    # Not ROOT/python itself: there crossfade's own sources would stand before the installed package.
    (service / "gateway").symlink_to(ROOT / "python" / "gateway")
    return os.environ | {
        "PYTHONPATH": str(service),
        "CROSSFADE_POLICY": str(POLICY),
        "CROSSFADE_STATE": str(work / "state"),
    }


def bring(work: Path) -> list[dict]:
    heading("Recorded real traffic, from the package registries")
    run([sys.executable, str(ROOT / "shadow" / "traffic" / "bring.py"), str(work / "traffic")])
    return json.loads((work / "traffic" / "summary.json").read_text())["sources"]


def replay(work: Path, sources: list[dict], environment: dict[str, str]) -> None:
    heading("Replay: the gateway's own hot path and the Rust candidate, request by request, at the recorded time")
    for source in sources:
        file = work / "traffic" / source["file"]
        command = [
            CROSSFADE,
            "capture",
            "import",
            "--format",
            source["format"],
            str(file),
            "-o",
            str(work / "captures"),
        ]
        # Recorded logs hold lines that are no requests; they are listed, and everything else is imported.
        run([*command, "--max-bad", "100"], environment)
    run(
        [
            CROSSFADE, "replay", str(work / "captures"), "--policy", str(POLICY), "--control", "gateway.wiring:seam",
            "--python", sys.executable, "--html", str(work / "report.html"), "--json", str(work / "report.json"),
        ],
        environment,
    )  # fmt: skip


def cutover(work: Path, sources: list[dict], environment: dict[str, str]) -> None:
    heading("Live: the gateway with two workers and two backends, a sidecar beside it, recorded traffic over HTTP")
    policy = work / "crossfade.toml"
    # The last route of the policy is the blog's. A share of 1 in 100 is ruled out in a minute; 1 in 1,000 takes ten.
    policy.write_text(POLICY.read_text() + "\n[route.gate]\nmismatch_below = 1e-2\n")
    environment = environment | {
        "CROSSFADE_CAPTURE": str(work / "live"),
        "CROSSFADE_POLICY": str(policy),
        "GATEWAY_POLICY": str(policy),
    }
    recorded = slice_of([work / "traffic" / source["file"] for source in sources])
    with gateway(environment) as url, sidecar(work, environment):
        driver = Driver(url)
        say(f"{url} serves; {len(recorded)} recorded requests a round")
        baseline = driver.round(recorded)
        report("off", baseline, baseline)
        for route in ROUTES:
            run([CROSSFADE, "promote", route], environment)
        say("both sides run now, and the sidecar compares what they do; no client sees anything of it")
        report("shadow", driver.round(recorded), baseline)
        for stage in ("canary 1 %", "canary 10 %", "live"):
            promote(work, driver, recorded, baseline, stage, environment)
        report("live", driver.round(recorded), baseline)
        run([CROSSFADE, "status", PROVEN], environment)

        say("\nNow the candidate is made to panic, for everybody. Nobody sees it, and nobody has to do anything:")
        shown = [CROSSFADE, "stage", "set", PROVEN, "live", "--fault", "panic", "--why"]
        run([*shown, "show that nobody sees a panic"], environment)
        for _ in range(ROUNDS):
            report("live, panicking", driver.round(recorded), baseline)
            if stage_of(work, PROVEN) == "off":
                break
        else:
            raise SystemExit("the route was not taken back")
        report("taken back", driver.round(recorded), baseline)
        run([CROSSFADE, "status", PROVEN], environment)
        say("\n$ crossfade off --all")
        run([CROSSFADE, "off", "--all"], environment)
        report("off", driver.round(recorded), baseline)
    run([CROSSFADE, "ledger", "verify"], environment)
    account(work, environment)


def promote(
    work: Path,
    driver: Driver,
    recorded: list[Recorded],
    baseline: list[Recorded],
    stage: str,
    environment: dict[str, str],
) -> None:
    """
    Send rounds until nothing but time is missing, let a day pass for the sidecar, and promote.
    """
    command = [CROSSFADE, "promote", PROVEN]
    for _ in range(ROUNDS):
        answers = driver.round(recorded)
        held = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False).stdout
        missing = {line.split()[0] for line in held.splitlines()[1:] if line.strip()}
        # The last line says how much there is, not what is missing.
        if "dwell" in missing and missing <= {"dwell", "so"}:
            break
    else:
        raise SystemExit(f"the gate still holds:\n{held}")
    report(f"before {stage}", answers, baseline)
    say(f"\n$ crossfade promote {PROVEN}\n{held.strip()}")
    say("\nthe sidecar's clock is put forward by a day, so that nobody has to wait for it here")
    clock = work / "clock"
    clock.write_text(str(float(clock.read_text()) + DAY))
    for _ in range(ROUNDS):
        # A route without traffic is not promoted, whatever was seen a day ago.
        driver.round(recorded)
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode == 0:
            say(f"$ crossfade promote {PROVEN}\n{done.stdout.strip()}")
            return
    raise SystemExit(f"the gate holds:\n{done.stdout}")


def stage_of(work: Path, route: str) -> str:
    """The stage of a route by the stage file."""
    return json.loads((work / "state" / "stages.json").read_text())["routes"][route]["stage"]


@contextmanager
def sidecar(work: Path, environment: dict[str, str]) -> Iterator[None]:
    (work / "clock").write_text("0")
    command = [CROSSFADE, "sidecar", "--clock-offset-file", str(work / "clock")]
    with (work / "sidecar.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


@contextmanager
def gateway(environment: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "-m", "gateway", "--app", "gateway.wiring:app", "--port", "0", "--no-access-log"]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=environment["PYTHONPATH"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        if not ready.startswith("gateway: "):
            raise SystemExit(f"the gateway did not start: {' '.join(command)}")
        yield ready.split()[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def report(name: str, answers: list[Recorded], baseline: list[Recorded]) -> None:
    """
    Print what clients saw in a round, and stop when it was not what they saw before.
    """
    statuses = Counter(answer.status for answer in answers)
    different = [(was, now) for was, now in zip(baseline, answers, strict=True) if was.answer != now.answer]
    counted = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
    say(f"  {name:<16} {counted}; {len(different)} answers differ from those before")
    if different:
        was, now = different[0]
        raise SystemExit(f"{was.method} {was.target}\n  before: {was.answer}\n  now:    {now.answer}")


def account(work: Path, environment: dict[str, str]) -> None:
    """
    Count what the workers recorded of it: who answered, and what the candidate did.
    """
    heading("What the workers recorded")
    shown = subprocess.run(
        [CROSSFADE, "capture", "show", str(work / "live"), "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows: dict[tuple[str, str], Counter[str]] = {}
    for line in shown.stdout.splitlines():
        exchange = json.loads(line)
        if exchange.get("stage") is None:
            continue
        row = rows.setdefault((exchange["stage"], exchange["route"] or "(passed through)"), Counter())
        row["exchanges"] += 1
        row[f"answered by {exchange['authoritative']}"] += 1
        candidate = exchange.get("candidate") or {}
        row["failed"] += bool(candidate.get("failed"))
    columns = f"{'exchanges':>9} {'by control':>11} {'by candidate':>13} {'candidate failed':>17}"
    say(f"  {'stage':<8} {'route':<18} {columns}")
    order = ["off", "shadow", "canary", "live"]
    for (name, route), row in sorted(rows.items(), key=lambda item: (order.index(item[0][0]), item[0][1])):
        say(
            f"  {name:<8} {route:<18} {row['exchanges']:>9} {row['answered by control']:>11} "
            f"{row['answered by candidate']:>13} {row['failed']:>17}"
        )
    insist(rows)


def insist(rows: dict[tuple[str, str], Counter[str]]) -> None:
    """
    Make sure that the candidate has really answered where it should, and really failed where it was made to.
    """
    live = {route: row for (name, route), row in rows.items() if name == "live"}
    if not live.get(PROVEN, {}).get("answered by candidate"):
        raise SystemExit(f"the candidate never answered for {PROVEN}; see crossfade status")
    if not live[PROVEN]["failed"]:
        raise SystemExit("the injected panic never happened")


def closing(work: Path, seconds: float, *, live: bool) -> None:
    heading(f"Done in {seconds:.0f} s. What to look at")
    say(f"  {work / 'report.html'}   verdicts, differences, latency of both sides")
    say(f"  {work / 'report.json'}   the same for programs")
    if live:
        say(f"  {work / 'state' / 'ledger.jsonl'}   every stage change, with who and why")
        say(f"  {work / 'state' / 'evidence.sqlite'}   what justified each of them")
        say(f"  {work / 'sidecar.log'}   what the sidecar said meanwhile")
        say(f"  crossfade capture show {work / 'live'}   what the workers recorded")
    say(f"  {POLICY}   what the candidate does, route by route")
    say(f"  {ROOT / 'migration.md'}   the method, and what the first replays found")


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    sys.stdout.flush()
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode != 0:
        raise SystemExit(f"exit {done.returncode}: {' '.join(command)}")


def heading(text: str) -> None:
    say(f"\n── {text} ──")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
