"""The key of a limit: who is counted."""

from __future__ import annotations

from reference.answer import Refused
from reference.limits import Limit
from reference.request import Request


def key(limit: Limit, route: str, client: str, request: Request) -> bytes | None:
    """The parts joined by `/`; None where the limit is not applied. Raises `Refused("missing_key")`."""
    parts = []
    for part in limit.parts:
        text = value(part, route, client, request)
        if text is None and limit.on_missing == "reject":
            raise Refused("missing_key")
        if text is None and limit.on_missing == "skip":
            return None
        parts.append(limit.shared_as if text is None else text)
    return "/".join(str(part) for part in parts).encode()


def value(part: str, route: str, client: str, request: Request) -> str | None:
    kind, _, rest = part.partition(":")
    if kind == "client":
        return client
    if kind == "route":
        return route
    if kind == "literal":
        return rest
    if kind == "given":
        return request.given.get(rest)
    assert kind == "header", part
    values = [value for name, value in request.headers if name.lower() == rest.encode().lower()]
    return values[0].decode("latin-1") or None if values else None
