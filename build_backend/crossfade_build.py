"""
PEP 517 backend: maturin, plus the native binary in the same wheel.

maturin builds one kind of artefact per wheel. What it does put into a wheel is a folder named after the module with
`.data`, and pip installs what lies in its `scripts/` onto the PATH. So the binary is built first and laid there.
"""

from __future__ import annotations

import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import maturin

ROOT = Path(__file__).resolve().parent.parent
STAGED = ROOT / "crossfade._core.data"


def _features(config_settings: Any) -> list[str]:
    """The cargo features that maturin is asked to build with: the binary is built with the same ones."""
    arguments = (config_settings or {}).get("build-args") or os.environ.get("MATURIN_PEP517_ARGS", "")
    words = arguments if isinstance(arguments, list) else shlex.split(arguments)
    named = [word.partition("=")[2] for word in words if word.startswith("--features=")]
    named += [after for word, after in itertools.pairwise(words) if word in ("--features", "-F")]
    return [word for name in named for word in ("--features", name)]


def _stage_binary(config_settings: Any) -> None:
    command = ["cargo", "build", "--release", "--locked", "-p", "crossfade-cli", "--bin", "crossfade"]
    command += _features(config_settings)
    # The executable's path is asked for, not guessed: it depends on the target directory and the target.
    built = subprocess.run(
        [*command, "--message-format=json-render-diagnostics"], cwd=ROOT, stdout=subprocess.PIPE, check=False
    )
    if built.returncode != 0:
        sys.exit(f"crossfade: `{' '.join(command)}` failed; building needs a Rust toolchain, 1.89 or newer")
    messages = (json.loads(line) for line in built.stdout.splitlines() if line.startswith(b"{"))
    executables = [m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "crossfade"]
    scripts = STAGED / "scripts"
    shutil.rmtree(STAGED, ignore_errors=True)
    scripts.mkdir(parents=True)
    shutil.copy2(executables[-1], scripts / Path(executables[-1]).name)


def build_wheel(directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    _stage_binary(config_settings)
    try:
        return maturin.build_wheel(directory, config_settings, metadata_directory)
    finally:
        shutil.rmtree(STAGED, ignore_errors=True)


def build_editable(directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    _stage_binary(config_settings)
    try:
        return maturin.build_editable(directory, config_settings, metadata_directory)
    finally:
        shutil.rmtree(STAGED, ignore_errors=True)


build_sdist = maturin.build_sdist
get_requires_for_build_wheel = maturin.get_requires_for_build_wheel
get_requires_for_build_editable = maturin.get_requires_for_build_editable
get_requires_for_build_sdist = maturin.get_requires_for_build_sdist
prepare_metadata_for_build_wheel = maturin.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = maturin.prepare_metadata_for_build_editable
