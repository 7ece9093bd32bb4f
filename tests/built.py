"""
Programs of ours that tests run, built where that is needed.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@cache
def example(crate: str, name: str, *options: str) -> Path:
    """The binary of an example of a crate."""
    build = ["cargo", "build", "-q", "-p", crate, "--example", name, *options, "--message-format=json"]
    messages = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    executables = (json.loads(message).get("executable") for message in messages)
    return next(Path(executable) for executable in executables if executable)
