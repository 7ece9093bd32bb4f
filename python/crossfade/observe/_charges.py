"""
Where watched libraries note their charges while a control runs.

Strictly private.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar

Charge = tuple[str, bytes, int]

Granted = tuple[str, bytes, int, bool]
"""A hit that was answered: limit, key in UTF-8, cost, whether it was granted."""

Answer = tuple[str, bytes, int, bool, float | None]
"""The same, and the seconds until the limit's reset if the control asked for that."""


class Charges(list[Charge]):
    """
    The charges of one control.

    Where the candidate counts in the control's own counters and has counted this request, `counted` holds its hits:
    then the control must not count again. `beside`: where each side counts for itself, the candidate has counted this
    request too. `told`: a candidate was asked, so the request's exchange holds these charges.
    """

    def __init__(self, *, beside: bool, told: bool, counted: Iterable[Granted] | None) -> None:
        super().__init__()
        self.beside = beside
        self.told = told
        self.answers: list[Answer] = []
        self.counted = None if counted is None else list(counted)

    def counted_as(self, limit: str, key: bytes, cost: int, *, take: bool) -> bool | None:
        """
        What the candidate's hit of that limit and key was answered; None: it made none, or all of them are taken.
        """
        same = [hit for hit in self.counted or () if hit[:2] == (limit, key)]
        # Another cost is a difference, which the charges show, and no reason to count again.
        hit = next((hit for hit in same if hit[2] == cost), same[0] if same else None)
        if hit is None:
            return None
        if take and self.counted is not None:
            self.counted.remove(hit)
        return hit[3]

    def resets(self, limit: str, key: bytes, seconds: float) -> None:
        """
        Keep when the limit resets, as the control was told, with the last hit of it.
        """
        for index in reversed(range(len(self.answers))):
            if self.answers[index][:2] == (limit, key):
                self.answers[index] = (*self.answers[index][:4], seconds)
                return


# A context variable: controls may be async, and many of them run at a time.
noted: ContextVar[Charges | None] = ContextVar("crossfade_charges", default=None)

_watched = False


def watching() -> None:
    """
    Say that from now on charges are reported: silence then means that there were none.
    """
    global _watched
    _watched = True


def watched() -> bool:
    """
    Whether charges are reported.
    """
    return _watched


def fresh(*, beside: bool, told: bool, counted: Iterable[Granted] | None = None) -> Charges | None:
    """
    A list for one control's charges, or None where nothing is watched.
    """
    return Charges(beside=beside, told=told, counted=counted) if _watched else None
