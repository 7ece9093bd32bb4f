"""
Tells whether the extension was built from the Rust sources beside it.

Strictly private. In an editable install the sources lie two folders above this package. An extension that is older
than they are decides by rules that nobody can read any more, so it is refused.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from crossfade._core import BUILD

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


def refuse_stale_extension() -> None:
    """
    Raise ImportError when this is an editable install whose extension is older than its sources.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "rust" / "core" / "src").is_dir():
        return
    sources = source_digest(root)
    if sources != BUILD:
        raise ImportError(
            f"crossfade: the extension was built from other Rust sources ({BUILD}) than those in {root} ({sources}). "
            "Rebuild it: make build"
        )
