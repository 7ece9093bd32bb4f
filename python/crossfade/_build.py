"""
Whether the compiled extension was built from the Rust sources beside it.

Strictly private. In an editable install the sources lie two folders above this package. An extension that is older
than they are decides by rules that nobody can read any more, so it is refused: when this module is imported, before
anything else asks the extension for what it may not have yet.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["BUILD", "refuse_stale_extension", "source_digest"]

# The same folders and the same rule as rust/seam/build.rs.
_FOLDERS = ("rust/core/src", "rust/store/src", "rust/exchange/src", "rust/seam/src", "rust/py/src")


def source_digest(root: Path) -> str:
    """
    Digest of the Rust sources below `root`: SHA-256 over every file, sorted by path, as `path NUL length NUL bytes`;
    16 hex digits.
    """
    files = {path.relative_to(root).as_posix(): path for folder in _FOLDERS for path in (root / folder).rglob("*.rs")}
    digest = hashlib.sha256()
    for name in sorted(files):
        content = files[name].read_bytes()
        digest.update(b"%s\0%d\0" % (name.encode(), len(content)))
        digest.update(content)
    return digest.hexdigest()[:16]


def refuse_stale_extension(root: Path, build: str | None) -> None:
    """
    Raise ImportError when the sources are below `root` and `build` was not made of them; None: there is no extension.
    """
    if not (root / "rust" / "core" / "src").is_dir():
        return
    sources = source_digest(root)
    if sources != build:
        fault = "is missing" if build is None else f"was built from other Rust sources ({build}) than these ({sources})"
        raise ImportError(f"crossfade: the extension {fault}. Build it in {root}: make build")


_ROOT = Path(__file__).resolve().parents[2]

try:
    from crossfade._core import BUILD
except ModuleNotFoundError:
    refuse_stale_extension(_ROOT, None)
    raise
refuse_stale_extension(_ROOT, BUILD)
