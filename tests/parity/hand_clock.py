"""
The library `limits` under a clock that is set by hand, without its purge thread.
"""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import limits.storage.memory
import pytest


class Clock:
    """What `time.time()` says."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class NoTimer:
    """Stands in for the purge thread of the original, and never runs."""

    def __init__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        pass

    def is_alive(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    monkeypatch.setattr(limits.storage.memory, "threading", SimpleNamespace(Timer=NoTimer, RLock=threading.RLock))
    return clock
