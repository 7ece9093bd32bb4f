"""
What identifies a control: its sources.

Strictly private.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any


def of(functions: Iterable[Callable[..., Any]]) -> str:
    """
    Digest of every Python file of the packages that the functions are in; 16 hex digits.

    The whole package, because a hot path calls its neighbours. Of a module in no package, its own file. What it
    imports from elsewhere is named by the `version` that a seam can be given instead.
    """
    files = {name: path for function in functions for name, path in _files(function)}
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0")
        digest.update(files[name].read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _files(function: Callable[..., Any]) -> Iterator[tuple[str, Path]]:
    """
    The sources of a function, each with a name that does not depend on where they are installed.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    if file is None:
        return
    # `__package__` is empty for a top-level module, a script included: its folder is not its own.
    package = (getattr(module, "__package__", None) or "").partition(".")[0]
    if not package:
        yield Path(file).name, Path(file)
        return
    root = getattr(sys.modules.get(package), "__file__", None)
    folder = Path(root or file).resolve().parent
    for path in folder.rglob("*.py"):
        yield path.relative_to(folder.parent).as_posix(), path
