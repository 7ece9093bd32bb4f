"""
What identifies a control: its sources.

Strictly private.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def of(functions: Iterable[Callable[..., Any]]) -> str:
    """
    Digest of every Python file of the packages that the functions are in; 16 hex digits.

    The whole package, because a hot path calls its neighbours. What it imports from elsewhere is named by the
    `version` that a seam can be given instead.
    """
    folders = {folder for function in functions if (folder := _package_folder(function)) is not None}
    digest = hashlib.sha256()
    for folder in sorted(folders):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder.parent).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _package_folder(function: Callable[..., Any]) -> Path | None:
    module = sys.modules.get(getattr(function, "__module__", ""))
    if module is None or getattr(module, "__file__", None) is None:
        return None
    package = sys.modules.get((module.__package__ or "").partition(".")[0])
    file = getattr(package, "__file__", None) or module.__file__
    folder = Path(str(file)).resolve().parent
    # A script's folder is no package: its own file must do, and that is what this finds when it is alone there.
    return folder
