"""
What one hit of a limit costs, by where it is counted: all rows from one run on this machine, as ratios to the first.

The rows are those of programs that print `name<TAB>nanoseconds of one hit<TAB>million hits a second`; a line with
another number of fields is a figure of its own and is printed as it is. Times are those that a processor worked. Read
the ratios: the numbers belong to this machine and this moment.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Each prints rows; another one is another line.
PROGRAMS = [
    "cargo run --quiet --profile perf -p crossfade-store --example limits_cost",
    "cargo run --quiet --release --manifest-path tests/bench/governor/Cargo.toml --target-dir target/governor",
]


def main() -> None:
    first: float | None = None
    print(f"{'':50} {'ns a hit':>10} {'M hits/s':>10} {'ratio':>8}")
    for program in PROGRAMS:
        with subprocess.Popen(program.split(), cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            for line in running.stdout:
                name, *fields = line.rstrip("\n").split("\t")
                if len(fields) != 2:
                    print(f"{name:50} {' '.join(fields):>10}", flush=True)
                    continue
                each, rate = map(float, fields)
                first = first or each
                print(f"{name:50} {each:10.1f} {rate:10.2f} {each / first:8.1f}", flush=True)
        if running.returncode != 0:
            raise SystemExit(f"{program} ended with {running.returncode}")


if __name__ == "__main__":
    main()
