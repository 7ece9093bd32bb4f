"""
Size against time for requests made to be slow: no input may take more than linear time (n log n for what sorts).

    python tests/bench/linear.py [--profile perf] [--svg OUT] [NAME…]

Each case is one request whose size is n times a piece. It is decided at n, 2n, … 32n; times are the processor's. The
last column is how time grew with a doubling, over all of them: 2 is linear, a quadratic pass gives 4. A case above MOST
is measured again, a few times, since a busy machine can only make it slower; if it stays there, this ends with exit
code 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from html import escape
from itertools import pairwise
from math import log2
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from bench.worst_cases import CASES, Case  # noqa: E402

DOUBLINGS = 5
# n log n grows by 2.1 to 2.2 at these sizes, and by up to 2.4 where they outgrow the caches. Quadratic work that is a
# tenth of the whole at n gives 2.6.
MOST = 2.6
TRIES = 4


def built(profile: str) -> Path:
    """The example binary."""
    build = ["cargo", "build", "-q", "--profile", profile, "-p", "crossfade-store", "--example", "admit_cost"]
    messages = subprocess.run([*build, "--message-format=json"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    executables = (json.loads(message).get("executable") for message in messages.splitlines())
    return next(Path(executable) for executable in executables if executable)


def ask(process: subprocess.Popen[bytes], case: Case, size: int) -> int:
    """Nanoseconds of one decision. Raises SystemExit where something else is decided than the case is about."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(
        json.dumps(case.question(size), default=lambda octets: octets.decode("latin-1")).encode() + b"\n"
    )
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{case.name}: no answer")
    answer: dict[str, Any] = json.loads(line)
    if answer["said"] != case.says:
        raise SystemExit(
            f"{case.name} at {size}: {answer['said']}, not {case.says}: it would not measure what it is for"
        )
    return int(answer["nanoseconds"])


def measured(process: subprocess.Popen[bytes], case: Case) -> list[int]:
    """Nanoseconds at each size: the best of as many tries as it needs to look linear."""
    sizes = [case.size << doubling for doubling in range(DOUBLINGS + 1)]
    best = [ask(process, case, size) for size in sizes]
    for _ in range(TRIES):
        if growth(best) <= MOST:
            break
        best = [min(time, ask(process, case, size)) for time, size in zip(best, sizes, strict=True)]
    return best


def growth(times: list[int]) -> float:
    """By how much one doubling of the size multiplies the time, on average."""
    return float((times[-1] / times[0]) ** (1 / DOUBLINGS))


def row(case: Case, times: list[int]) -> str:
    ratios = "  ".join(f"{after / before:5.2f}" for before, after in pairwise(times))
    size = len(json.dumps(case.question(case.size << DOUBLINGS), default=lambda octets: octets.decode("latin-1")))
    return (
        f"{case.name:<52} {case.size << DOUBLINGS:>9,} {size / 1e6:8.2f} {times[-1] / 1e6:10.3f}   {ratios}  "
        f"{growth(times):6.2f}{'  MORE THAN LINEAR' if growth(times) > MOST else ''}"
    )


def plot(measures: dict[str, list[int]]) -> str:
    """An SVG: doublings against time relative to n, both logarithmic; what grows too much is red."""
    lines = []
    for name, times in measures.items():
        colour = "#c00" if growth(times) > MOST else "#557"
        points = " ".join(f"{60 + i * 108},{460 - 42 * log2(time / times[0]):.1f}" for i, time in enumerate(times))
        title = f"<title>{escape(name)}</title>"
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-opacity="0.5">{title}</polyline>'
        )
    for power, dash in [(1, "4"), (2, "1 3")]:
        top = 460 - 42 * DOUBLINGS * power
        lines.append(f'<line x1="60" y1="460" x2="600" y2="{top}" stroke="#000" stroke-dasharray="{dash}"/>')
        lines.append(f'<text x="606" y="{top + 4}">{"linear" if power == 1 else "quadratic"}</text>')
    labels = "".join(f'<text x="{52 + i * 108}" y="484">{1 << i}n</text>' for i in range(DOUBLINGS + 1))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 500" font-family="sans-serif" font-size="12">'
        f"{''.join(lines)}{labels}</svg>\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="perf", help="cargo profile to build with")
    parser.add_argument("--svg", type=Path, help="file for the plot")
    parser.add_argument("names", nargs="*", help="measure the cases whose names contain one of these")
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.names or any(name in case.name for name in options.names)]

    print(f"{'case':<52} {'pieces':>9} {'MB':>8} {'ms':>10}   {'time(2n) / time(n)':<33}  {'growth':>6}")
    measures: dict[str, list[int]] = {}
    with subprocess.Popen([built(options.profile)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for case in chosen:
            measures[case.name] = measured(process, case)
            print(row(case, measures[case.name]), flush=True)
        assert process.stdin is not None
        process.stdin.close()
    if options.svg:
        options.svg.write_text(plot(measures), "utf-8")
    slow = [name for name, times in measures.items() if growth(times) > MOST]
    print(f"{len(measures)} cases, {len(slow)} of them grow by more than {MOST} when the size doubles")
    return 1 if slow or not measures else 0


if __name__ == "__main__":
    sys.exit(main())
