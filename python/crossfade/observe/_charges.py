"""
Where watched libraries note their charges while a control runs.

Strictly private.
"""

from __future__ import annotations

from contextvars import ContextVar

Charge = tuple[str, bytes, int]

# A context variable: controls may be async, and many of them run at a time.
noted: ContextVar[list[Charge] | None] = ContextVar("crossfade_charges", default=None)

_watched = False


def watching() -> None:
    """
    Say that from now on charges are reported: silence then means that there were none.
    """
    global _watched
    _watched = True


def fresh() -> list[Charge] | None:
    """
    A list for one control's charges, or None where nothing is watched.
    """
    return [] if _watched else None
