"""
Programs of ours that tests run, built where that is needed.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


# As `make test-rust` builds them: alone, each crate's example would have its dependencies compiled once more, with the
# features that it alone needs.
AS_TESTED = ("--workspace", "--exclude", "crossfade-py", "--features", "crossfade-store/redis")


@cache
def example(name: str) -> Path:
    """The binary of an example."""
    build = ["cargo", "build", "-q", *AS_TESTED, "--example", name, "--message-format=json"]
    messages = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    executables = (json.loads(message).get("executable") for message in messages)
    return next(Path(executable) for executable in executables if executable)
