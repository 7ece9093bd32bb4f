"""Sizes as a policy writes them."""

from __future__ import annotations

UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "B": 1}


def size(written: str | int) -> int:
    """Bytes of `"64KiB"` or a number."""
    if isinstance(written, int):
        return written
    unit = next(unit for unit in UNITS if written.endswith(unit))
    return int(written.removesuffix(unit)) * UNITS[unit]
