"""The way to the backends and back."""

import os

import aiohttp
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from yarl import URL

from gateway.bodies import MAX_BODY
from gateway.headers import Headers
from gateway.hotpath import Forward
from gateway.refusals import InvalidRequest
from gateway.responses import invalid_request, no_backend

BLOG = os.environ.get("GATEWAY_BLOG_BACKEND", "http://127.0.0.1:8081")
API = os.environ.get("GATEWAY_API_BACKEND", "http://127.0.0.1:8082")
TIMEOUT = aiohttp.ClientTimeout(total=30)

# Headers that speak of one connection (RFC 9110, 7.6.1) and end with it.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# The body may be rewritten, so its length is counted anew; 100-continue was answered by our own server.
NOT_FORWARDED = HOP_BY_HOP | {b"content-length", b"expect"}
# Our server writes its own.
NOT_RETURNED = HOP_BY_HOP | {b"date", b"server"}

_session: aiohttp.ClientSession | None = None


def backend_for(path: str) -> str:
    """The backend that a canonical path belongs to."""
    if path.startswith(("/api/v1/", "/api/v2/", "/repos/")) or path == "/webhooks":
        return API
    return BLOG


async def forward(scope: Scope, decided: Forward, body: bytes, backend: str) -> Response:
    """Send what the hot path decided; `body` is the one that came."""
    if decided.body is not None:
        body = decided.body
    elif len(body) > MAX_BODY:
        # Reading stopped there: this is not the whole body, and half of one must not be sent.
        raise InvalidRequest(413, "too_large", None)
    headers = end_to_end(scope["headers"], NOT_FORWARDED)
    url = URL.build(
        scheme="http",
        authority=URL(backend).authority,
        path=decided.path,
        query_string=decided.query,
        encoded=True,  # canonical already; yarl would decode what is safe to its own taste
    )
    try:
        async with session().request(
            decided.method,
            url,
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
            data=body or None,
            allow_redirects=False,
        ) as answer:
            content = await answer.read()
    except TimeoutError:
        return no_backend(504)
    except aiohttp.ClientError:
        return no_backend(502)
    response = Response(content, answer.status)
    response.raw_headers = end_to_end([(name.lower(), value) for name, value in answer.raw_headers], NOT_RETURNED)
    return response


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """What stands behind the hot path, as an app: proxies a request that is in its normal form already."""
    decided = Forward(
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        None,
    )
    try:
        body = await read_body(receive)
        response = await forward(scope, decided, body, backend_for(decided.path))
    except InvalidRequest as refusal:
        response = invalid_request(refusal)
    except ClientDisconnect:
        return
    await response(scope, receive, send)


async def read_body(receive: Receive) -> bytes:
    """The body; of one that is too large only as much as shows it."""
    body = bytearray()
    more = True
    while more and len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def end_to_end(headers: Headers, dropped: frozenset[bytes]) -> Headers:
    """The headers that go on: neither the dropped ones nor those that Connection names."""
    named = {token.strip().lower() for name, value in headers if name == b"connection" for token in value.split(b",")}
    return [(name, value) for name, value in headers if name not in dropped and name not in named]


def session() -> aiohttp.ClientSession:
    """This worker's connections to the backends, opened with the first request."""
    global _session
    if _session is None or _session.closed:
        _session = aiohttp.ClientSession(
            timeout=TIMEOUT,
            auto_decompress=False,
            # One jar for all clients would hand one client's cookies to the next.
            cookie_jar=aiohttp.DummyCookieJar(),
            # aiohttp invents these where the client sent none.
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )
    return _session


async def close() -> None:
    if _session is not None:
        await _session.close()
