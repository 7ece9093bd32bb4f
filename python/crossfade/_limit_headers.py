"""
Headers that say what is left of a route's limits, put into a response on its way out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Header = tuple[bytes, bytes]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

RETRY_AFTER = b"retry-after"


def telling(told: Sequence[Header], send: Send) -> Send:
    """
    A `send` that adds the headers `told` to the response; never to a redirect, which another request follows at once.
    """

    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start" and not 300 <= message["status"] < 400:
            message = {**message, "headers": added(list(message.get("headers", ())), told)}
        await send(message)

    return tell


def added(headers: list[Header], told: Sequence[Header]) -> list[Header]:
    """
    The headers of a response with those that are told, in lower case as ASGI wants them.

    A service that says itself how its limits stand says it alone. Of two times to retry after the later one holds;
    a date is left as it is.
    """
    told = [(name.lower(), value) for name, value in told]
    names = {name.lower() for name, _ in headers}
    if any(name in names for name, _ in told if name != RETRY_AFTER):
        return headers
    for name, value in told:
        if name == RETRY_AFTER and name in names:
            headers = [(n, later(v, value)) if n.lower() == name else (n, v) for n, v in headers]
        else:
            headers.append((name, value))
    return headers


def later(one: bytes, other: bytes) -> bytes:
    return other if one.isdigit() and int(one) < int(other) else one
