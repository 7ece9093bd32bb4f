"""
A request at the seam.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossfade._core import Decision

Scope = dict[str, Any]


class Request:
    """
    One HTTP request: an ASGI scope and the whole body.

    Args:
        scope: An ASGI HTTP scope with `method`, `raw_path`, `query_string`, `headers` and `client`.
        body: The whole body; empty when there is none.
    """

    __slots__ = ("_held", "body", "scope")

    def __init__(self, scope: Scope, body: bytes = b"") -> None:
        self.scope = scope
        self.body = body
        self._held: Decision | None = None

    def finish(self, *, failed: bool = False) -> None:
        """
        Say that the request is done: what it held of limits on requests in flight is free again.

        The ASGI seam does it. Forgetting the request does it too, but then a bound that adapts learns nothing.

        Args:
            failed: It ended in an error, or was cancelled: what an overloaded service does.
        """
        held, self._held = self._held, None
        if held is not None:
            held.finish(failed)

    @classmethod
    def of(
        cls,
        method: str,
        target: str | bytes,
        *,
        headers: Iterable[tuple[bytes, bytes]] = (),
        peer: str | None = None,
        body: bytes = b"",
        given: Mapping[str, str] | None = None,
    ) -> Request:
        """
        A request for a seam that is not in an ASGI service.

        Args:
            target: Path and query as sent, e.g. `/api/orders?page=2`; text is encoded as UTF-8.
            headers: Names in lower case and values, in the order received.
            peer: Address of the connection's peer.
            given: Values that limits count by, computed here (`given:NAME` in a policy).
        """
        raw = target.encode() if isinstance(target, str) else target
        raw_path, _, query = raw.partition(b"?")
        scope: Scope = {
            "type": "http",
            "method": method,
            "raw_path": raw_path,
            "query_string": query,
            "headers": list(headers),
            "client": None if peer is None else (peer, 0),
        }
        if given:
            scope["crossfade.given"] = list(given.items())
        return cls(scope, body)

    @property
    def method(self) -> str:
        """The method as sent."""
        return str(self.scope["method"])

    @property
    def raw_path(self) -> bytes:
        """The path before any decoding, without the query."""
        return bytes(self.scope["raw_path"])

    @property
    def query(self) -> bytes:
        """The query without the `?`."""
        return bytes(self.scope.get("query_string", b""))

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Header names, in lower case as ASGI has them, and values."""
        headers = self.scope["headers"]
        return headers if isinstance(headers, list) else list(headers)

    @property
    def peer(self) -> str | None:
        """Address of the connection's peer."""
        client = self.scope.get("client")
        return client[0] if client else None

    def __repr__(self) -> str:
        # Neither headers nor body: they hold what nobody wants in a log.
        return f"Request({self.method} {self.raw_path!r}, {len(self.body)} bytes)"
