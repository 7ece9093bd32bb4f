"""The packages that hold the suites: brought once, verified each time, read as they are."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("CROSSFADE_SUITES") or ROOT / ".cache" / "suites")
sys.path.insert(0, str(ROOT / "shadow" / "traffic"))

import registries  # noqa: E402
from cassette import Refused  # noqa: E402

__all__ = ["Refused", "files", "source"]


@cache
def source(name: str) -> dict[str, Any]:
    """The package's table of manifest.toml."""
    sources = tomllib.loads((HERE / "manifest.toml").read_text("utf-8"))["source"]
    return next(one for one in sources if one["name"] == name)


@cache
def files(name: str) -> dict[str, bytes]:
    """The files of a package by their path in it, without a top folder. Raises Refused if it cannot be had."""
    CACHE.mkdir(parents=True, exist_ok=True)
    package = registries.brought(source(name), CACHE)
    if package.suffix == ".deb":
        unpack = [registries.needs("dpkg-deb", "`apt-get install dpkg`"), "--fsys-tarfile", str(package)]
        archive = subprocess.run(unpack, check=True, stdout=subprocess.PIPE).stdout
    else:
        archive = package.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        read = {member.name: opened.extractfile(member) for member in opened if member.isfile()}
        return {name.partition("/")[2]: file.read() for name, file in read.items() if file is not None}
