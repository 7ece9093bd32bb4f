"""
Hands counts over between the two sides, key by key, so that no key starts over when a route changes sides.

The control's count of a key is the whole one, except for keys that the candidate has counted alone. The native half
remembers those; so before the control counts one of them, its storage is given what the candidate has counted. And
before the candidate counts a key of which it may have missed something, the native half asks for the control's count.

Strictly private.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Mapping
from typing import Any

from crossfade.observe._charges import noted
from crossfade.observe._kept import Kept, Places, State

_LOG = logging.getLogger("crossfade")

_places = Places()
_seams: list[weakref.ref[Any]] = []
_warned = False


def watch(limiter: Any, names: Mapping[Any, str]) -> None:
    """
    Make a limiter's counts known, by the policy's names of its items.
    """
    _places.add(limiter, names)


def join(seam: Any) -> None:
    """
    Let a seam (an object with a `_native`) take part.
    """
    _seams.append(weakref.ref(seam, _seams.remove))
    seam._native.hand_over(count_of)


def count_of(limit: str, terms: tuple[str, int, int], key: str, now: float) -> State | None:
    """
    The control's count of a key of the limit with these terms (strategy, amount, seconds), as far as it matters at
    `now`, in seconds since the epoch; None where it is not known. The native half takes an exception as None.
    """
    place = _places.of(limit, terms)
    return None if place is None else place.read(key, now)


class Turn:
    """
    One hit of the control's, of a limit whose counts can be handed over. No method raises.
    """

    __slots__ = ("cost", "key", "limit", "natives", "place")

    def __init__(self, natives: list[Any], limit: str, place: Kept, key: str, cost: int) -> None:
        self.natives = natives
        self.limit = limit
        self.place = place
        self.key = key
        self.cost = cost

    def bring_up(self) -> None:
        """Before the hit: give the storage what the candidate has counted alone."""
        try:
            for state in self._owed():
                self.place.write(self.key, state)
        except Exception:
            _failed()

    async def bring_up_async(self) -> None:
        """The same for a storage of `limits.aio`."""
        try:
            for state in self._owed():
                await self.place.write_async(self.key, state)
        except Exception:
            _failed()

    def _owed(self) -> list[State]:
        now = time.time()
        owed = (native.owed(self.limit, self.place.terms, self.key, now) for native in self.natives)
        return [state for state in owed if state is not None]

    def counted(self) -> None:
        """After the hit: unless the candidate has counted it too, it lacks this one."""
        charges = noted.get()
        if charges is not None and charges.beside:
            return
        told = charges is not None and charges.told
        try:
            now = time.time()
            for native in self.natives:
                native.counted_alone(self.limit, self.place.terms, self.key, self.cost, now, told)
        except Exception:
            _failed()


def turn(limiter: Any, names: Mapping[Any, str], item: Any, identifiers: tuple[Any, ...], cost: int) -> Turn | None:
    """
    What has to be done around a hit; None, mostly: nothing.
    """
    now = time.time()
    natives = [seam._native for joined in _seams if (seam := joined()) is not None and seam._native.hands_over(now)]
    if not natives:
        return None
    try:
        limit = names.get(item)
        place = None if limit is None else _places.at(limiter, item, limit)
        # A key that is no text is none of the candidate's.
        return None if place is None or limit is None else Turn(natives, limit, place, _text(identifiers), cost)
    except UnicodeDecodeError:
        return None
    except Exception:
        _failed()
        return None


def _failed() -> None:
    """
    Say once that counts could not be handed over. The control goes on as without us.
    """
    global _warned
    if not _warned:
        _warned = True
        _LOG.warning("counts of a limit could not be handed over: see docs/seam.md, Warm counts", exc_info=True)


def _text(identifiers: tuple[Any, ...]) -> str:
    """The identifiers as `limits` joins them."""
    return "/".join(part.decode() if isinstance(part, bytes) else str(part) for part in identifiers)
