"""
Where watched libraries note their charges while a control runs.

Strictly private.
"""

from __future__ import annotations

from contextvars import ContextVar

Charge = tuple[str, bytes, int]


class Charges(list[Charge]):
    """The charges of one control, and whether it runs beside a candidate that has counted the request too."""

    beside = False


# A context variable: controls may be async, and many of them run at a time.
noted: ContextVar[Charges | None] = ContextVar("crossfade_charges", default=None)

_watched = False


def watching() -> None:
    """
    Say that from now on charges are reported: silence then means that there were none.
    """
    global _watched
    _watched = True


def fresh(*, beside: bool) -> Charges | None:
    """
    A list for one control's charges, or None where nothing is watched.
    """
    if not _watched:
        return None
    charges = Charges()
    charges.beside = beside
    return charges
