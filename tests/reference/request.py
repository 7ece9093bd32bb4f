"""One request: the client's own bytes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """All parts as received; `peer` is the connection's, `given` what Python computed for this request."""

    method: bytes = b"GET"
    path: bytes = b"/"
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    peer: str | None = None
    body: bytes = b""
    given: dict[str, str] = field(default_factory=dict)

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, its name in lower case."""
        return next((value for known, value in self.headers if known.lower() == name), None)
