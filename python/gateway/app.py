"""The service: which request takes which way through the hot path."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway import hotpath, proxy, responses
from gateway.refusals import InvalidRequest, RateLimited


class Gated:
    """An endpoint whose requests go through one function of the hot path and then to a backend."""

    def __init__(self, decide: hotpath.Decide) -> None:
        self.decide = decide

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await proxy.read_body(receive)
        except ClientDisconnect:
            return
        client = scope.get("client")
        decided = self.decide(
            scope["method"],
            scope["raw_path"],
            scope["query_string"],
            scope["headers"],
            client[0] if client else None,
            body,
        )
        backend = proxy.backend_for(decided.path)
        response = await proxy.forward(scope, decided, body, backend)
        await response(scope, receive, send)


class PassThrough:
    """Everything else goes to the blog as it came: comments, cron, uploads, OPTIONS."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await proxy.read_body(receive)
        except ClientDisconnect:
            return
        # The target of "OPTIONS *" is no path, and a URL needs one.
        path = "/" + scope["raw_path"].decode("latin-1").removeprefix("/")
        query = scope["query_string"].decode("latin-1")
        untouched = hotpath.Forward(scope["method"], path, query, None)
        response = await proxy.forward(scope, untouched, body, proxy.BLOG)
        await response(scope, receive, send)


async def on_rate_limited(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, RateLimited)
    return responses.rate_limited(refusal)


async def on_invalid_request(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, InvalidRequest)
    return responses.invalid_request(refusal)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    await proxy.close()


app = Starlette(
    routes=[
        Route("/api/v1/{rest:path}", Gated(hotpath.api_v1), name="api_v1"),
        Route("/api/v2/{rest:path}", Gated(hotpath.api_v2), name="api_v2"),
        Route("/repos/{rest:path}", Gated(hotpath.repos), name="repos"),
        Route("/webhooks", Gated(hotpath.webhook), methods=["POST"], name="webhook"),
        Route("/wp-login.php", Gated(hotpath.login), methods=["POST"], name="login"),
        Route("/xmlrpc.php", Gated(hotpath.login), methods=["POST"], name="login"),
        Route("/{rest:path}", Gated(hotpath.page), methods=["GET"], name="page"),
        Route("/{rest:path}", PassThrough(), name="rest"),
    ],
    exception_handlers={RateLimited: on_rate_limited, InvalidRequest: on_invalid_request},
    lifespan=lifespan,
)
# A decoded path may hold a newline, which no pattern above matches.
app.router.default = PassThrough()
app.router.redirect_slashes = False
