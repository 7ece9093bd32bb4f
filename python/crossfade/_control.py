"""
The existing function of one route, and how to read it. Strictly private.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from crossfade.observation import Observe, Outcome, Reject
from crossfade.request import Request


class Control:
    """
    A control, as `Seam.control` was told of it.
    """

    __slots__ = ("function", "is_async", "observe", "reject", "wants_now")

    def __init__(self, function: Callable[..., Any], observe: Observe | None, reject: Reject | None) -> None:
        self.function = function
        self.observe = observe
        self.reject = reject
        # An object's `__call__` may be what is async.
        self.is_async = any(map(inspect.iscoroutinefunction, (function, getattr(function, "__call__", None))))  # noqa: B004
        self.wants_now = _takes_now(function)

    def call(self, request: Request, now: int) -> Any:
        return self.function(request, now=now) if self.wants_now else self.function(request)

    def read(self, returned: Any, error: Exception | None) -> Outcome:
        """
        The outcome of what the control returned or raised; raises for an exception that is no outcome.
        """
        if self.observe is not None:
            outcome = self.observe(returned, error)
        elif error is not None:
            raise error
        else:
            outcome = returned
        if not isinstance(outcome, Outcome):
            raise TypeError(f"a control gives an Outcome, not {type(outcome).__name__}; bring an observe function")
        return outcome if error is None else replace(outcome, exception=error)


def _takes_now(function: Callable[..., Any]) -> bool:
    try:
        return "now" in inspect.signature(function).parameters
    except ValueError:
        # Some compiled functions do not say what they take.
        return False
