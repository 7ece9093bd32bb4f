"""
Limits by hand: costs that become known late, looks, and a second chance.
"""

from __future__ import annotations

from time import time_ns
from typing import NamedTuple

from crossfade._core import NativeSeam
from crossfade.observation import Outcome

# The most that a request can cost; the policy's own bound.
MOST_COST = 1 << 53


class Window(NamedTuple):
    """
    What is left of a limit for one key.

    Args:
        remaining: How much can still be granted.
        reset: When the window resets, in seconds since the epoch, as `get_window_stats` of `limits` says it.
    """

    remaining: int
    reset: float


class Counting:
    """
    The candidate's counts, as a service touches them outside of a decision. The control's own are never touched.
    """

    _native: NativeSeam

    def settle(self, outcome: Outcome, cost: int, limit: str | None = None) -> bool:
        """
        Tell what an accepted request has cost in truth, once that is known: what was charged too much is given back,
        the rest is taken, even beyond the limit. May be told again when more is known; never waits.

        Args:
            outcome: What `admit` returned for it.
            cost: The whole cost, 0 to 2**53, not the difference.
            limit: One limit of the policy with `settles = true`; None: each of them that the request was charged to.

        Returns:
            Whether there was a charge to settle. There is none where the request was not accepted, where its route is
            `off`, and where the control alone was charged.

        Raises:
            ValueError: The cost is out of its range.
        """
        if not 0 <= cost <= MOST_COST:
            raise ValueError(f"a cost is a whole number from 0 to 2**53, not {cost}")
        now = time_ns() // 1000
        settled = False
        for index, (name, key, charged, at) in enumerate(outcome.charges):
            if limit in (None, name):
                self._native.settle(name, key, charged, at, cost, now)
                outcome.charges[index] = (name, key, cost, at)
                settled = True
        return settled

    def peek(self, limit: str, *key: str) -> Window:
        """
        What is left of a limit for a key, without counting anything. A store on another host is waited for, at most as
        long as its timeout.

        Args:
            limit: Its name in the policy.
            key: The parts of its key as the policy lists them, e.g. `seam.peek("per-client", "192.0.2.7")`.

        Raises:
            ValueError: The policy has no such limit.
        """
        window = self._native.peek(limit, "/".join(key).encode(), time_ns() // 1000)
        if window is None:
            raise ValueError(f"the policy has no limit {limit!r}")
        return Window(*window)

    def reset(self, limit: str, *key: str) -> None:
        """
        Forget what a key has used of a limit.

        Args:
            limit: Its name in the policy.
            key: The parts of its key as the policy lists them.

        Raises:
            ValueError: The policy has no such limit.
        """
        if not self._native.reset(limit, "/".join(key).encode()):
            raise ValueError(f"the policy has no limit {limit!r}")
