"""
Waiting for a store that answers later: in an event loop by a descriptor that it watches, elsewhere without the GIL.

Either wait ends at the store's timeout, whatever the store does. Strictly private.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from typing import ClassVar

from crossfade._core import Bell, Pending


def ask(pending: Pending) -> None:
    """
    Ask the store, and wait for what it says.
    """
    if pending.ask(None) is not None:
        pending.wait()


async def ask_async(pending: Pending) -> None:
    """
    The same without holding up the running loop. Cancelling it gives the answers up.
    """
    ear = _Ear.of(asyncio.get_running_loop())
    number = pending.ask(ear.bell)
    while number is not None and not pending.ready():
        await ear.hears(number, pending.seconds())


class _Ear:
    """
    Where one event loop hears of answers.
    """

    _by_loop: ClassVar[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Ear]] = weakref.WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.bell = Bell()
        # The numbers of two stores can be alike, while a changed policy is taken over.
        self._waiting: dict[int, list[asyncio.Future[None]]] = {}
        loop.add_reader(self.bell.fileno(), self._rings)

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Ear:
        ear = cls._by_loop.get(loop)
        if ear is None:
            ear = cls._by_loop[loop] = cls(loop)
        return ear

    async def hears(self, number: int, seconds: float) -> None:
        """Wait until the bell rings for `number`, but not longer than `seconds`."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        waiting = self._waiting.setdefault(number, [])
        waiting.append(future)
        timer = loop.call_later(seconds, _wake, future)
        try:
            await future
        finally:
            timer.cancel()
            with contextlib.suppress(ValueError):
                waiting.remove(future)
            if not waiting:
                self._waiting.pop(number, None)

    def _rings(self) -> None:
        for number in self.bell.rung():
            for future in self._waiting.get(number, ()):
                _wake(future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
