"""
What a call makes that Python's collector tracks.
"""

from __future__ import annotations

import gc
from typing import Any


def tracked(call: Any, arguments: list[Any]) -> list[int]:
    """
    How often each call set off the collector, when it is set off by the first tracked object that is made, even one
    that is gone at once.
    """
    amount = len(arguments)
    # Small containers are kept for reuse, which the collector does not count: hold all that are kept now.
    held = [
        [[] for _ in range(200)],
        [{} for _ in range(200)],
        [(None,) * n for n in range(1, 21) for _ in range(2_100)],
    ]
    keep: list[Any] = [None] * amount
    before: list[Any] = [None] * amount
    after: list[Any] = [None] * amount
    collect, stats = gc.collect, gc.get_stats
    thresholds, callbacks = gc.get_threshold(), gc.callbacks[:]
    gc.freeze()
    # Test tools have callbacks, and those make objects.
    gc.callbacks.clear()
    try:
        gc.set_threshold(1, 1 << 30, 1 << 30)
        for index in range(amount):
            before[index] = stats()
            collect(0)
            keep[index] = []
            call(arguments[index])
            after[index] = stats()
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.extend(callbacks)
        gc.unfreeze()
    held.clear()
    return [end[0]["collections"] - start[0]["collections"] for start, end in zip(before, after, strict=True)]
