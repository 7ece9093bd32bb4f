"""
The committed stub of the extension is the one that its sources generate.

`python tests/stubs.py` fails with the difference; `python tests/stubs.py --write` takes it over.
"""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUB = ROOT / "python" / "crossfade" / "_core.pyi"
# The folder that builds the extension too, so that only the binding itself is compiled again.
TARGET = ROOT / "target" / "maturin"


def generated(folder: Path) -> str:
    run("maturin", "generate-stubs", "-q", "--features", "stubs", "--target-dir", TARGET, "--out", folder)
    stub = next(folder.rglob("_core.pyi"))
    # Sorted and spelled as `make lint` wants it.
    run("ruff", "check", "-q", "--fix-only", "--config", ROOT / "pyproject.toml", stub)
    run("ruff", "format", "-q", "--config", ROOT / "pyproject.toml", stub)
    return stub.read_text()


def run(tool: str, *arguments: str | Path) -> None:
    """A tool of the environment that runs this."""
    command = [Path(sys.executable).with_name(tool), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        wanted = generated(Path(folder))
    if arguments == ["--write"]:
        STUB.write_text(wanted)
        return 0
    committed = STUB.read_text() if STUB.exists() else ""
    difference = difflib.unified_diff(
        committed.splitlines(keepends=True), wanted.splitlines(keepends=True), "committed", "generated"
    )
    sys.stdout.writelines(difference)
    if committed != wanted:
        print("\nthe stub is not that of the sources: python tests/stubs.py --write")
    return int(committed != wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
