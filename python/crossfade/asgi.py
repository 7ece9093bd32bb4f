"""
The seam of an ASGI service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum, auto
from time import time_ns
from typing import Any
from urllib.parse import unquote

from crossfade._limit_headers import telling
from crossfade._problems import problem
from crossfade.observation import Outcome
from crossfade.request import Request
from crossfade.seam import DECIDES, PLACE_AWAITS, PLACE_RECORDS, UNCHANGED, Seam

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# A larger body is recorded by its length alone: a capture is for decisions, not for uploads.
KEPT_BODY = 1 << 20

# The largest body that is held for a route whose policy bounds none. Beyond it the request goes the way of `off`.
HELD_BODY = 10 << 20


class CrossfadeMiddleware:
    """
    Puts a seam in front of an ASGI app.

    A route that is `off` goes to `app` untouched: nothing is buffered, nothing runs. Any other goes through the seam,
    and an accepted request goes on, normalised, to `behind`; a refusal is answered as the control answers it.

    Args:
        app: The service as it is, hot path included.
        seam: The seam.
        behind: What stands behind the hot path, as an app: it gets requests that are normalised and counted already.
            Default: `app` itself, which then looks for `crossfade` in the scope and skips its hot path.
    """

    def __init__(self, app: App, seam: Seam, *, behind: App | None = None) -> None:
        self.app = app
        self.seam = seam
        self.behind = behind or app
        self._place = seam._native.place
        self._max_body = seam._native.max_body
        seam.control_digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                receive = self._flushing(receive)
            await self.app(scope, receive, send)
            return
        plain = scope if isinstance(scope, dict) else dict(scope)
        place = self._place(plain)
        if place & DECIDES:
            await self._decide(place, plain, receive, send)
        elif place & PLACE_RECORDS:
            await self._record(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _decide(self, place: int, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        request = Request(scope)
        control = self.seam.control_of(request)
        if control is None:
            # Only the app knows what it does, so it does all of it.
            self.seam._native.pass_by(scope, None, time_ns() // 1000)
            await self._leave(place, scope, receive, send)
            return
        # Whoever decides may look at the body, the control above all: it always could.
        messages, request.body, end = await _read(receive, self._max_body(scope) or HELD_BODY)
        receive = _again(messages, receive)
        if end is not _End.WHOLE:
            # Nobody can decide by a part. The service bounds a long body as it always did; both sides count it.
            if end is _End.TOO_LONG:
                self.seam._native.pass_by(scope, request.body, time_ns() // 1000)
            await self._leave(place, scope, receive, send)
            return
        if control.is_async or place & PLACE_AWAITS:
            outcome = await self.seam.admit_async(request)
        else:
            outcome = self.seam.admit(request)
        if outcome.limit_headers:
            send = telling(outcome.limit_headers, send)
        if request._held is not None:
            send = _in_flight(request, send)
        try:
            if outcome.kind == "accepted":
                await self.behind(*_normalised(scope, receive, outcome), send)
            else:
                await self._refuse(outcome, request, control.reject, scope, receive, send)
        finally:
            # Of one that was not answered: an exception, or cancelled.
            request.finish(failed=True)

    async def _leave(self, place: int, scope: Scope, receive: Receive, send: Send) -> None:
        """The way of a route that is off."""
        if place & PLACE_RECORDS:
            await self._record(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _flushing(self, receive: Receive) -> Receive:
        """
        A lifespan's receive: servers may kill the process right after its end, and what is not written would be lost.
        """

        async def flushing() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.seam.flush()
            return message

        return flushing

    async def _refuse(
        self, outcome: Outcome, request: Request, reject: Any, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if reject is not None and not self.seam._native.problem_json(request.scope):
            await reject(outcome)(scope, receive, send)
            return
        status, headers, content = problem(outcome)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _record(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the service answer, and record the request as its body passes by."""
        now = time_ns() // 1000
        kept: list[bytes] = []
        length = 0
        # A body that the service did not read to its end is not known, unless there is none.
        whole = _announced(scope) == 0

        async def watched() -> Message:
            nonlocal length, whole
            message = await receive()
            if message["type"] == "http.request":
                chunk = message.get("body", b"")
                length += len(chunk)
                if length <= KEPT_BODY:
                    kept.append(chunk)
                whole = not message.get("more_body", False)
            return message

        # A copy, because routers write into the scope.
        request = Request(dict(scope))
        try:
            await self.app(scope, watched, send)
        finally:
            request.body = b"".join(kept)
            self.seam.record(
                request,
                now,
                body_bytes=length if whole else max(length, _announced(scope)),
                keeps_body=whole and length <= KEPT_BODY,
            )


def _in_flight(request: Request, send: Send) -> Send:
    """
    A send that says that the request is done once its response is sent to the end.
    """
    status = 500

    async def watched(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            request.finish(failed=status >= 500)

    return watched


class _End(Enum):
    """How the reading of a body ended."""

    WHOLE = auto()
    TOO_LONG = auto()
    DISCONNECTED = auto()


async def _read(receive: Receive, bound: int) -> tuple[list[Message], bytes, _End]:
    """
    The messages of the body up to `bound` bytes, the bytes, and whether that was all of it.
    """
    messages: list[Message] = []
    chunks: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            return messages, b"".join(chunks), _End.DISCONNECTED
        chunk = message.get("body", b"")
        chunks.append(chunk)
        length += len(chunk)
        if not message.get("more_body", False):
            return messages, chunk if len(chunks) == 1 else b"".join(chunks), _End.WHOLE
        if length > bound:
            return messages, b"".join(chunks), _End.TOO_LONG


def _announced(scope: Scope) -> int:
    """
    The length of the body by its headers; 1 where it is not said, or not in digits.
    """
    for name, value in scope.get("headers", ()):
        if name == b"content-length":
            return int(value) if value.isdigit() else 1
        if name == b"transfer-encoding":
            return 1
    return 0


def _again(messages: list[Message], receive: Receive) -> Receive:
    """
    A receive that gives the messages read so far once more, and then what comes.
    """
    waiting = iter(messages)

    async def again() -> Message:
        for message in waiting:
            return message
        return await receive()

    return again


def _normalised(scope: Scope, receive: Receive, outcome: Outcome) -> tuple[Scope, Receive]:
    """
    The scope and receive of an accepted request in its normal form.
    """
    if outcome is UNCHANGED:
        return {**scope, "crossfade": outcome}, receive
    changed: dict[str, Any] = {**scope, "crossfade": outcome}
    if outcome.path is not None:
        changed["raw_path"] = outcome.path
        changed["path"] = unquote(outcome.path.decode("latin-1"))
    if outcome.query is not None:
        changed["query_string"] = outcome.query
    if outcome.headers is not None:
        changed["headers"] = outcome.headers
    if outcome.body is not None:
        length = b"%d" % len(outcome.body)
        framing = (b"content-length", b"transfer-encoding")
        changed["headers"] = [h for h in changed["headers"] if h[0] not in framing] + [(b"content-length", length)]
        receive = _again([{"type": "http.request", "body": outcome.body, "more_body": False}], receive)
    return changed, receive
