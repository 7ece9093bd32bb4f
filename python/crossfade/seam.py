"""
The seam: where a route can take either side.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import inspect
import logging
import os
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns, time_ns
from typing import Any

from crossfade import _control_digest
from crossfade._core import Decision, NativeSeam
from crossfade._counting import Counting
from crossfade.observation import Observation, Observe, Outcome, Reject
from crossfade.observe import _charges, _handover
from crossfade.request import Request

_LOG = logging.getLogger("crossfade")

# Answers of NativeSeam.admit and NativeSeam.place; see there.
SAME = 1
CHANGED = 2
REFUSED = 3
CANDIDATE_ANSWERS = 16
CONTROL_RUNS = 32
RECORDS = 64
CROSSED_CAP = 128
SAID = 15
DECIDES = 1
PLACE_RECORDS = 2

# What the candidate says when it has decided, and so has counted.
_COUNTED = (SAME, CHANGED, REFUSED)

# What most requests of a live route get: nothing to compare, nothing to record, nothing changed.
_SERVED_UNCHANGED = SAME | CANDIDATE_ANSWERS

UNCHANGED = Outcome.accepted()
"""The outcome of an accepted request that goes on as it came."""


class Control:
    """
    The existing function of one route, and how to read it. Strictly private.
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


class Seam(Counting):
    """
    The routes of one service, each with its control, its candidate and its stage.

    Make it with `from_file`. It may be made before a server forks its workers: nothing with a thread or a file
    exists before the first request.
    """

    def __init__(self, native: NativeSeam, *, version: str | None = None) -> None:
        self._native = native
        self._native_admit = native.admit
        self._controls: dict[str, Control] = {}
        self._version = version
        self._digest: str | None = None
        _handover.join(self)
        if native.records:
            # The thread that writes ends with the process, and what it still holds would be lost.
            atexit.register(_flush_at_exit, weakref.ref(self))

    @classmethod
    def from_file(
        cls,
        policy: str | os.PathLike[str],
        *,
        state: str | os.PathLike[str] | None = None,
        capture: str | os.PathLike[str] | None = None,
        version: str | None = None,
    ) -> Seam:
        """
        A seam by a policy file.

        Args:
            policy: Path of `crossfade.toml`.
            state: Directory of the stage file; default: the environment's CROSSFADE_STATE, else `.crossfade` beside
                the policy.
            capture: Directory to record exchanges in; default: the environment's CROSSFADE_CAPTURE, else none.
            version: What identifies the control; default: a digest of the sources of the packages that the controls
                are in.

        Raises:
            OSError: The policy file cannot be read.
            ValueError: It is no policy; the message holds every error with file, line and column.
        """
        path = Path(policy)
        text = path.read_text(encoding="utf-8")
        native = NativeSeam(
            policy_path=str(path),
            text=text,
            state_directory=str(state or os.environ.get("CROSSFADE_STATE") or path.parent / ".crossfade"),
            capture_directory=_text(capture or os.environ.get("CROSSFADE_CAPTURE") or None),
            phone_metadata=_phone_metadata(),
        )
        return cls(native, version=version)

    def control(
        self,
        route: str,
        function: Callable[..., Any],
        *,
        observe: Observe | None = None,
        reject: Reject | None = None,
    ) -> None:
        """
        Name the existing function of a route.

        Args:
            route: Name of the route in the policy.
            function: Takes a `Request` (and `now`, microseconds since the epoch, if it has a parameter of that name);
                sync or async. Returns an `Outcome`, or anything that `observe` reads.
            observe: Gets what the function returned, or None and the exception it raised; returns the `Outcome`, and
                raises for an exception that is no outcome.
            reject: Renders a refusal as the service does: gets the `Outcome`, returns an ASGI app.

        Raises:
            ValueError: The policy has no such route.
        """
        if route not in self._native.routes():
            raise ValueError(f"the policy has no route {route!r}; it has {', '.join(self._native.routes())}")
        self._controls[route] = Control(function, observe, reject)
        self._digest = None

    def admit(self, request: Request) -> Outcome:
        """
        Decide one request by whichever side is authoritative for it.

        Raises whatever the control raises that is no outcome, where the client gets the control's answer; never
        anything of the candidate's.
        """
        now = time_ns() // 1000
        code = self._native_admit(request.scope, request.body, now)
        if code == _SERVED_UNCHANGED:
            return UNCHANGED
        if code & CROSSED_CAP:
            self._warn_of_cap(request)
        code, decision = self._decision(code)
        control = self._run(request, now, code) if code & CONTROL_RUNS else None
        return self._settle(request, now, code, decision, control)

    async def admit_async(self, request: Request) -> Outcome:
        """
        As `admit`, for controls that are async.
        """
        now = time_ns() // 1000
        code = self._native_admit(request.scope, request.body, now)
        if code == _SERVED_UNCHANGED:
            return UNCHANGED
        if code & CROSSED_CAP:
            self._warn_of_cap(request)
        # Before anything is awaited: the next request of this thread writes over the last decision.
        code, decision = self._decision(code)
        control = await self._run_async(request, now, code) if code & CONTROL_RUNS else None
        return self._settle(request, now, code, decision, control)

    def status(self) -> dict[str, Any]:
        """
        What this process knows: stage file generation, stages and counters per route, unusable files met.
        """
        return self._native.status()

    def flush(self, seconds: float = 1.0) -> bool:
        """
        Write out what is recorded so far; whether that took less than `seconds`.
        """
        return self._native.flush(seconds)

    # -- what asgi.py and control.py need ---------------------------------------------------------------------------

    def control_of(self, request: Request) -> Control | None:
        """The control of the route that a request belongs to."""
        route = self._native.route_of(request.scope)
        return None if route is None else self._controls.get(route)

    def controls(self) -> dict[str, Control]:
        """Controls by route."""
        return self._controls

    def control_digest(self) -> str:
        """What identifies the control: the version given, or a digest of its sources."""
        if self._digest is None:
            functions = [control.function for control in self._controls.values()]
            try:
                self._digest = self._version or _control_digest.of(functions)
            except OSError:
                # Sources that cannot be read identify nothing; the service comes first.
                self._digest = "unreadable"
        return self._digest

    def record(
        self,
        request: Request,
        now: int,
        *,
        body_bytes: int,
        keeps_body: bool = True,
        decision: Decision | None = None,
        control: Observation | None = None,
    ) -> None:
        """Record one exchange where a capture is wanted; never raises, and counts what cannot be recorded."""
        body = request.body if keeps_body else None
        self._native.record(request.scope, body, body_bytes, now, decision, control, self.control_digest())

    def _warn_of_cap(self, request: Request) -> None:
        """Said once each time that a route passes its cap: requests outside the grammar cost what the control costs."""
        route = self._native.route_of(request.scope)
        _LOG.warning("route %s: more requests are outside the candidate's grammar than its cap allows", route)

    def _decision(self, code: int) -> tuple[int, Decision | None]:
        """What the candidate said in full; where that cannot be had, the control runs and answers."""
        decision = self._native.decision() if code & SAID else None
        return code if decision is not None else code & ~CANDIDATE_ANSWERS | CONTROL_RUNS, decision

    def _settle(
        self, request: Request, now: int, code: int, decision: Decision | None, control: Observation | None
    ) -> Outcome:
        if code & RECORDS:
            self.record(request, now, body_bytes=len(request.body), decision=decision, control=control)
        if code & CANDIDATE_ANSWERS and decision is not None:
            return _outcome(decision)
        if control is None:
            return UNCHANGED
        if control.raised is not None:
            raise control.raised
        outcome = control.outcome or UNCHANGED
        if decision is not None and decision.charges and outcome.kind == "accepted":
            outcome = replace(outcome, charges=decision.charges)
        return outcome

    def _run(self, request: Request, now: int, code: int) -> Observation | None:
        control = self.control_of(request)
        return None if control is None else self.observe(control, request, now, beside=code & SAID in _COUNTED)

    async def _run_async(self, request: Request, now: int, code: int) -> Observation | None:
        control = self.control_of(request)
        if control is None:
            return None
        beside = code & SAID in _COUNTED
        if control.is_async:
            return await self.observe_async(control, request, now, beside=beside)
        return self.observe(control, request, now, beside=beside)

    def observe(self, control: Control, request: Request, now: int, *, beside: bool = False) -> Observation:
        """
        Run a sync control and keep what it did, raising included: a rejection usually *is* an exception.

        `beside`: a candidate has decided the request, and so has counted it.
        """
        if control.is_async:
            raise TypeError("this route's control is async: await seam.admit_async(request)")
        charges = _charges.fresh(beside=beside)
        token = _charges.noted.set(charges)
        returned, error = None, None
        start = perf_counter_ns()
        try:
            returned = control.call(request, now)
        except Exception as raised:
            error = raised
        finally:
            nanos = perf_counter_ns() - start
            _charges.noted.reset(token)
        return _observation(control, returned, error, charges, nanos)

    async def observe_async(self, control: Control, request: Request, now: int, *, beside: bool = False) -> Observation:
        """The same for an async control; cancellation goes through."""
        charges = _charges.fresh(beside=beside)
        token = _charges.noted.set(charges)
        returned, error = None, None
        start = perf_counter_ns()
        try:
            returned = await control.call(request, now)
        except Exception as raised:
            error = raised
        finally:
            nanos = perf_counter_ns() - start
            _charges.noted.reset(token)
        return _observation(control, returned, error, charges, nanos)


def _observation(
    control: Control,
    returned: Any,
    error: Exception | None,
    charges: list[tuple[str, bytes, int]] | None,
    nanos: int,
) -> Observation:
    try:
        outcome = control.read(returned, error)
    except Exception as raised:
        # The control's own exception if there was one: an observe function that does not know it must not hide it.
        return Observation(raised=error or raised, charges=charges, nanos=nanos)
    return Observation(outcome=outcome, charges=charges, nanos=nanos)


def _outcome(decision: Decision) -> Outcome:
    kind = decision.kind
    if kind == "accepted":
        return Outcome.accepted(
            path=decision.path,
            query=decision.query,
            headers=decision.headers,
            body=decision.body,
            warnings=decision.warnings,
            limit_headers=decision.limit_headers,
            charges=decision.charges,
        )
    if kind == "limited":
        refused = Outcome.limited(decision.limit or "", retry_after=decision.retry_after)
    else:
        refused = Outcome.invalid(decision.code or "", field=decision.field)
    told = decision.limit_headers
    return replace(refused, limit_headers=told) if told else refused


def _phone_metadata() -> str | None:
    """Version of the metadata that the service's own library of telephone numbers has; None without one."""
    try:
        return importlib.metadata.version("phonenumbers")
    except importlib.metadata.PackageNotFoundError:
        return None


def _takes_now(function: Callable[..., Any]) -> bool:
    try:
        return "now" in inspect.signature(function).parameters
    except ValueError:
        # Some compiled functions do not say what they take.
        return False


def _flush_at_exit(seam: weakref.ref[Seam]) -> None:
    alive = seam()
    if alive is not None:
        alive.flush()


def _text(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)
