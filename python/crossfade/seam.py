"""
The seam: where a route can take either side.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import logging
import os
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns, time_ns
from typing import Any

from crossfade import _asking, _control_digest
from crossfade._control import Control
from crossfade._core import Decision, NativeSeam, Pending
from crossfade._counting import Counting
from crossfade._decided import outcome_of
from crossfade.observation import Observation, Observe, Outcome, Reject
from crossfade.observe import _charges, _handover
from crossfade.request import Request

_LOG = logging.getLogger("crossfade")

# Answers of NativeSeam.admit and NativeSeam.place; see there.
SAME = 1
CHANGED = 2
REFUSED = 3
ASKS = 6
CONTROL_FIRST = 7
CANDIDATE_ANSWERS = 16
CONTROL_RUNS = 32
RECORDS = 64
CROSSED_CAP = 128
SAID = 15
DECIDES = 1
PLACE_RECORDS = 2
PLACE_AWAITS = 4

# What the candidate says when it has decided, and so has counted.
_COUNTED = (SAME, CHANGED, REFUSED)

# What most requests of a live route get: nothing to compare, nothing to record, nothing changed.
_SERVED_UNCHANGED = SAME | CANDIDATE_ANSWERS

Counted = list[_charges.Granted] | None

UNCHANGED = Outcome.accepted()
"""The outcome of an accepted request that goes on as it came."""


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
        self._is_silent = False
        url, scope, counters = native.store()
        if scope != "worker":
            _LOG.info("limits count in %s: scope %s, a key has %s", url, scope, counters)
        # The threads that write end with the process, and what they still hold would be lost.
        atexit.register(_flush_at_exit, weakref.ref(self))

    @classmethod
    def from_file(
        cls,
        policy: str | os.PathLike[str],
        *,
        state: str | os.PathLike[str] | None = None,
        capture: str | os.PathLike[str] | None = None,
        socket: str | os.PathLike[str] | None = None,
        version: str | None = None,
    ) -> Seam:
        """
        A seam by a policy file.

        Args:
            policy: Path of `crossfade.toml`.
            state: Directory of the stage file; default: the environment's CROSSFADE_STATE, else `.crossfade` beside
                the policy.
            capture: Directory to record exchanges in; default: the environment's CROSSFADE_CAPTURE, else none.
            socket: Path of the sidecar's socket; default: the environment's CROSSFADE_SOCKET, else `sidecar.sock` in
                the directory of the stage file.
            version: What identifies the control; default: a digest of the sources of the packages that the controls
                are in.

        Raises:
            OSError: The policy file cannot be read.
            ValueError: It is no policy; the message holds every error with file, line and column.
        """
        path = Path(policy)
        text = path.read_text(encoding="utf-8")
        directory = Path(state or os.environ.get("CROSSFADE_STATE") or path.parent / ".crossfade")
        native = NativeSeam(
            policy_path=str(path),
            text=text,
            state_directory=str(directory),
            socket_path=str(socket or os.environ.get("CROSSFADE_SOCKET") or directory / "sidecar.sock"),
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
        control, counted = None, None
        if code & SAID >= ASKS:
            pending = self._native.pending()
            if pending is not None and self._asks(code, pending, request):
                _asking.ask(pending)
                counted = pending.granted()
            else:
                control = self._run(request, now, code)
            code = self._go_on(pending, request, now, control)
            if code == _SERVED_UNCHANGED:
                return UNCHANGED
        if code & CROSSED_CAP:
            self._warn_of_cap(request)
        code, decision = self._decision(code)
        if code & CONTROL_RUNS and control is None:
            control = self._run(request, now, code, counted)
        return self._settle(request, now, code, decision, control)

    async def admit_async(self, request: Request) -> Outcome:
        """
        As `admit`, for controls that are async and for event loops: a store that answers later is awaited.
        """
        now = time_ns() // 1000
        code = self._native_admit(request.scope, request.body, now)
        if code == _SERVED_UNCHANGED:
            return UNCHANGED
        control, counted = None, None
        if code & SAID >= ASKS:
            pending = self._native.pending()
            if pending is not None and self._asks(code, pending, request):
                await _asking.ask_async(pending)
                counted = pending.granted()
            else:
                control = await self._run_async(request, now, code)
            code = self._go_on(pending, request, now, control)
            if code == _SERVED_UNCHANGED:
                return UNCHANGED
        if code & CROSSED_CAP:
            self._warn_of_cap(request)
        # Before anything is awaited: the next request of this thread writes over the last decision.
        code, decision = self._decision(code)
        if code & CONTROL_RUNS and control is None:
            control = await self._run_async(request, now, code, counted)
        return self._settle(request, now, code, decision, control)

    def status(self) -> dict[str, Any]:
        """
        What this process knows: stage file generation, stages and counters per route, unusable files met.
        """
        return self._native.status()

    def flush(self, seconds: float = 1.0) -> bool:
        """
        Write out what is recorded so far, to the capture and to the sidecar; whether that took less than `seconds`.
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
            self._native.set_control(self._digest)
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
        """Record one exchange for whoever wants it; never raises, and counts what cannot be recorded."""
        if self._digest is None:
            self.control_digest()
        body = request.body if keeps_body else None
        self._native.record(request.scope, body, body_bytes, now, decision, control)

    def _warn_of_cap(self, request: Request) -> None:
        """Said once each time that a route passes its cap: requests outside the grammar cost what the control costs."""
        route = self._native.route_of(request.scope)
        _LOG.warning("route %s: more requests are outside the candidate's grammar than its cap allows", route)

    def _decision(self, code: int) -> tuple[int, Decision | None]:
        """What the candidate said in full; where that cannot be had, the control runs and answers."""
        decision = self._native.decision() if code & SAID else None
        return code if decision is not None else code & ~CANDIDATE_ANSWERS | CONTROL_RUNS, decision

    def _asks(self, code: int, pending: Pending, request: Request) -> bool:
        """
        Whether the candidate's hits go to the store. Into the control's own counters they go only if the control can be
        told of them, or it would count them again.
        """
        if code & SAID != ASKS:
            return False
        return not pending.for_both or _charges.watched() or self.control_of(request) is None

    def _go_on(self, pending: Pending | None, request: Request, now: int, control: Observation | None) -> int:
        """The code of a request whose charges are answered: by the control's limiter if it ran, else by the store."""
        if pending is None:
            return CONTROL_RUNS
        charges = None if control is None else control.charges
        answers = charges.answers if isinstance(charges, _charges.Charges) else None
        if control is not None and answers is None:
            self._warn_of_silence()
        return self._native.go_on(pending, request.scope, request.body, now, answers)

    def _warn_of_silence(self) -> None:
        if not self._is_silent:
            self._is_silent = True
            _LOG.warning(
                "the policy's limits count in the control's own counters, and none of its limiters is watched, so "
                "candidates judge nothing: call crossfade.observe.limits"
            )

    def _settle(
        self, request: Request, now: int, code: int, decision: Decision | None, control: Observation | None
    ) -> Outcome:
        if decision is not None and decision.holds:
            request._held = decision
        if self._digest is None:
            # A stage that was set for this control waits for it.
            self.control_digest()
        if code & RECORDS:
            self._native.record(request.scope, request.body, len(request.body), now, decision, control)
        if code & CANDIDATE_ANSWERS and decision is not None:
            return outcome_of(decision)
        if control is None:
            return UNCHANGED
        if control.raised is not None:
            raise control.raised
        outcome = control.outcome or UNCHANGED
        if decision is not None and decision.charges and outcome.kind == "accepted":
            outcome = replace(outcome, charges=decision.charges)
        return outcome

    def _run(self, request: Request, now: int, code: int, counted: Counted = None) -> Observation | None:
        control = self.control_of(request)
        if control is None:
            return None
        return self.observe(control, request, now, said=code & SAID, counted=counted)

    async def _run_async(self, request: Request, now: int, code: int, counted: Counted = None) -> Observation | None:
        control = self.control_of(request)
        if control is None:
            return None
        if control.is_async:
            return await self.observe_async(control, request, now, said=code & SAID, counted=counted)
        return self.observe(control, request, now, said=code & SAID, counted=counted)

    def observe(
        self, control: Control, request: Request, now: int, *, said: int = 0, counted: Counted = None
    ) -> Observation:
        """
        Run a sync control and keep what it did, raising included: a rejection usually *is* an exception.

        `said`: what the candidate said first; 0: it was not asked. `counted`: its hits in the control's own counters,
        which the control must not make again.
        """
        if control.is_async:
            raise TypeError("this route's control is async: await seam.admit_async(request)")
        charges = _charges.fresh(beside=said in _COUNTED, told=said > 0, counted=counted)
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

    async def observe_async(
        self, control: Control, request: Request, now: int, *, said: int = 0, counted: Counted = None
    ) -> Observation:
        """The same for an async control; cancellation goes through."""
        charges = _charges.fresh(beside=said in _COUNTED, told=said > 0, counted=counted)
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


def _phone_metadata() -> str | None:
    """Version of the metadata that the service's own library of telephone numbers has; None without one."""
    try:
        return importlib.metadata.version("phonenumbers")
    except importlib.metadata.PackageNotFoundError:
        return None


def _flush_at_exit(seam: weakref.ref[Seam]) -> None:
    alive = seam()
    if alive is not None:
        alive.flush()


def _text(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)
