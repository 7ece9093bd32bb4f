"""
The seam of an ASGI service: what passes untouched, what is read and given again, how a refusal is answered.
"""

from __future__ import annotations

import asyncio
import json
from collections import UserDict
from typing import Any

import pytest
from crossfade import Outcome
from crossfade.asgi import HELD_BODY, CrossfadeMiddleware

NO = Outcome.invalid("control", field="name")


class App:
    """The service: keeps the scope and receive it is given and what it reads, and answers 200."""

    def __init__(self, *, reads: bool = True) -> None:
        self.calls: list[tuple[Any, Any]] = []
        self.messages: list[Any] = []
        self.reads = reads

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls.append((scope, receive))
        while self.reads:
            message = await receive()
            self.messages.append(message)
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


class Client:
    """One request: its messages one by one, then a disconnect, and what was answered."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.waiting = [*messages]
        self.received = 0
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        self.received += 1
        return self.waiting.pop(0) if self.waiting else {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


def chunks(*parts: bytes) -> list[dict[str, Any]]:
    last = len(parts) - 1
    return [{"type": "http.request", "body": part, "more_body": n < last} for n, part in enumerate(parts)]


def scope_of(method: str = "GET", path: bytes = b"/a", **changes: Any) -> dict[str, Any]:
    scope = {
        "type": "http",
        "method": method,
        "path": path.decode(),
        "raw_path": path,
        "query_string": b"",
        "headers": [(b"host", b"x")],
        "client": ("10.0.0.1", 1),
    }
    return {name: value for name, value in (scope | changes).items() if value is not ...}


def item(**changes: Any) -> dict[str, Any]:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"99"), (b"x-sender", b"s")]
    return scope_of("POST", b"/items/1", headers=headers, **changes)


def run(middleware: Any, scope: Any, client: Client) -> Client:
    asyncio.run(middleware(scope, client.receive, client.send))
    return client


@pytest.fixture
def app():
    return App()


@pytest.fixture
def adapt(service, app):
    """An adapter around `app` with both routes at a stage."""

    def make(stage: str, *, capture: bool = False, control: Any = lambda _: Outcome.accepted(), **options: Any) -> Any:
        for route in ("items", "pages"):
            service.stage(route, stage)
        seam = service.seam(capture=service.captures if capture else None)
        if control is not None:
            seam.control("items", control, **options)
            seam.control("pages", control, **options)
        return CrossfadeMiddleware(app, seam)

    return make


# -- what is left alone ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("kind", ["websocket", "lifespan", "future"])
@pytest.mark.parametrize("stage", ["off", "live"])
def test_other_protocols_pass(adapt, app, kind, stage, capture):
    """
    What is no HTTP request reaches the service as it came; only a lifespan's end is noticed, to write out what waits.
    """
    scope = {"type": kind}
    client = Client({"type": "lifespan.startup"})
    run(adapt(stage, capture=capture), scope, client)

    assert app.calls[0][0] is scope
    assert (app.calls[0][1] == client.receive) == (kind != "lifespan")


def test_off_touches_nothing(adapt, app):
    """
    A route that is off gets the very scope and receive, and nothing was read for us.
    """
    scope, client = item(), Client(*chunks(b"{}"))
    app.reads = False
    run(adapt("off"), scope, client)

    assert app.calls == [(scope, client.receive)]
    assert app.calls[0][0] is scope
    assert client.received == 0


@pytest.mark.parametrize("stage", ["shadow", "live"])
@pytest.mark.parametrize("scope", [scope_of("PATCH"), scope_of(raw_path=...), scope_of(raw_path="/a")])
def test_requests_of_no_route_pass(adapt, app, stage, scope):
    """
    A request that no route matches, or whose server gives no raw path, reaches the service untouched.
    """
    client = Client()
    run(adapt(stage), scope, client)

    assert app.calls == [(scope, client.receive)]


def test_a_route_without_a_control_is_the_services(adapt, app):
    """
    Only the service knows what such a route does, so it does all of it, in any stage.
    """
    scope, client = item(), Client(*chunks(b"a", b"b"))
    run(adapt("live", control=None), scope, client)

    assert app.calls == [(scope, client.receive)]
    assert app.body == b"ab"


@pytest.mark.parametrize("stage", ["off", "shadow", "live"])
@pytest.mark.parametrize("capture", [False, True])
def test_a_scope_may_be_any_mapping(adapt, app, stage, capture):
    """
    A scope that is no dict is served like one.
    """
    middleware = adapt(stage, capture=capture)
    client = run(middleware, UserDict(scope_of(path=b"//a")), Client(*chunks(b"")))

    assert client.status == 200
    assert app.calls[0][0]["raw_path"] == (b"/a" if stage == "live" else b"//a")
    assert middleware.seam.status()["routes"]["pages"]["candidate"] == (0 if stage == "off" else 1)


# -- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["shadow", "canary:0.01", "live"])
@pytest.mark.parametrize("parts", [(b"",), (b"ab",), (b"a", b"b", b""), tuple(b"x" for _ in range(300))])
@pytest.mark.parametrize("scope", [scope_of("POST", b"/items/1"), scope_of("HEAD")])
def test_a_body_is_read_once_and_given_again(adapt, app, stage, parts, scope):
    """
    The service reads the body as it came, chunk by chunk, and after it what comes next from the server.
    """
    seen = []
    client = Client(*chunks(*parts))
    run(adapt(stage, control=lambda request: seen.append(request.body) or Outcome.accepted()), scope, client)

    assert app.messages == chunks(*parts)
    assert client.received == len(parts)
    assert seen in ([b"".join(parts)], [])
    assert asyncio.run(app.calls[0][1]()) == {"type": "http.disconnect"}


def test_the_control_gets_the_body_that_the_policy_does_not_read(adapt):
    """
    A control always could look at the body, and still can, on a route whose policy has nothing to do with bodies.
    """
    seen = []
    middleware = adapt("shadow", control=lambda request: seen.append(request.body) or Outcome.accepted())
    run(middleware, scope_of(), Client(*chunks(b"log=a", b"&pwd=b")))

    assert seen == [b"log=a&pwd=b"]


@pytest.mark.parametrize("framing", [(b"content-length", b"15"), (b"transfer-encoding", b"chunked")])
def test_a_rewritten_body_has_its_own_length(adapt, app, framing):
    """
    A body that the candidate rewrote goes on with its length, whatever framing it came in; other headers stay.
    """
    kept = [(b"content-type", b"application/json"), (b"x-sender", b"s")]
    scope = scope_of("POST", b"/items/1", headers=[kept[0], framing, kept[1]])
    run(adapt("live"), scope, Client(*chunks(b'{"name":', b'" x "}')))

    assert app.messages == chunks(b'{"name": "x"}')
    assert app.calls[0][0]["headers"] == [*kept, (b"content-length", b"13")]
    assert scope["headers"] == [kept[0], framing, kept[1]]


def test_a_rewritten_target_is_in_every_part_of_the_scope(adapt, app):
    """
    Path, raw path and query of the scope that goes on agree, and the scope that came is as it was.
    """
    scope = scope_of(path=b"//caf%c3%a9", query_string=b"b=2&utm_source=x&a=1")
    run(adapt("live"), scope, Client(*chunks(b"")))
    changed = app.calls[0][0]

    assert (changed["raw_path"], changed["path"], changed["query_string"]) == (b"/caf%C3%A9", "/café", b"a=1&b=2")
    assert changed["crossfade"] == Outcome.accepted(path=b"/caf%C3%A9", query=b"a=1&b=2")
    assert scope["raw_path"] == b"//caf%c3%a9"
    assert "crossfade" not in scope


@pytest.mark.parametrize("stage", ["shadow", "live"])
@pytest.mark.parametrize("capture", [False, True])
def test_a_client_that_leaves_is_left_to_the_service(adapt, app, stage, capture):
    """
    Whoever disconnects within the body is seen by the service as ever; nobody decides by half a body.
    """
    decided = []
    middleware = adapt(stage, capture=capture, control=lambda request: decided.append(request) or Outcome.accepted())
    messages = [chunks(b"ab", b"")[0], {"type": "http.disconnect"}]
    run(middleware, item(), Client(*messages))

    assert app.messages == messages
    assert decided == []
    assert middleware.seam.status()["routes"]["items"]["candidate"] == 0


@pytest.mark.parametrize("stage", ["shadow", "live"])
@pytest.mark.parametrize("capture", [False, True])
def test_a_body_beyond_the_bound_goes_the_way_of_off(adapt, app, stage, capture):
    """
    A body longer than the policy reads reaches the service whole, chunk by chunk, from the server's own receive on;
    no more of it is held than shows that it is too long, and both sides have counted it.
    """
    middleware = adapt(stage, capture=capture)
    parts = [b"x" * 4096, b"y", *(b"z" * 1000 for _ in range(50))]
    clients = [Client(*chunks(*parts)) for _ in range(3)]
    for client in clients:
        app.messages.clear()
        run(middleware, item(), client)
        assert app.messages == chunks(*parts)

    # The policy admits three a second: the fourth, small one is refused by the candidate's own count.
    after = run(middleware, item(), Client(*chunks(b"{}")))
    assert after.status == (429 if stage == "live" else 200)
    assert middleware.seam.status()["routes"]["items"]["cold"] == 0


def test_held_bodies_are_bounded(adapt, app):
    """
    On a route whose policy bounds no body, a bound of ours holds.
    """
    middleware = adapt("shadow")
    big = b"x" * (HELD_BODY // 2 + 1)
    run(middleware, scope_of(), Client(*chunks(big, big, big)))

    assert [len(message["body"]) for message in app.messages] == [len(big)] * 3
    assert middleware.seam.status()["routes"]["pages"]["candidate"] == 0


# -- refusals --------------------------------------------------------------------------------------------------------


def rejected(outcome: Outcome) -> Any:
    """The service's own rendering."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": f"{outcome.kind} {outcome.code}".encode()})

    return answer


@pytest.mark.parametrize("stage", ["shadow", "live"])
def test_a_refusal_is_rendered_by_the_service(adapt, app, stage):
    """
    Whichever side refused, the client reads what the service has always written.
    """
    middleware = adapt(stage, control=lambda _: Outcome.invalid("malformed_json"), reject=rejected)
    client = run(middleware, item(), Client(*chunks(b"{")))

    assert (client.status, client.body) == (418, b"invalid malformed_json")
    assert app.calls == []


@pytest.mark.parametrize(
    ("outcome", "status", "problem", "retry"),
    [
        (Outcome.invalid("too_large"), 413, {"code": "too_large", "title": "Content Too Large"}, None),
        (NO, 400, {"code": "control", "field": "name", "title": "Bad Request"}, None),
        (Outcome.outside(404), 404, {"title": "Refused"}, None),
    ],
)
def test_without_a_rendering_a_refusal_is_a_problem(adapt, app, outcome, status, problem, retry):
    """
    Where nobody renders refusals they are problem details (RFC 9457), with their length and time to retry.
    """
    client = run(adapt("shadow", control=lambda _: outcome), item(), Client(*chunks(b"{}")))

    assert (client.status, json.loads(client.body)) == (status, problem | {"status": status})
    assert client.headers[b"content-type"] == b"application/problem+json"
    assert client.headers[b"content-length"] == str(len(client.body)).encode()
    assert client.headers.get(b"retry-after") == retry
    assert app.calls == []


def test_a_policy_can_want_problems(service, app):
    """
    With `rejects = "problem+json"` the service's own rendering is not asked.
    """
    rejects = 'limits = ["clients"]\nrejects = "problem+json"'
    service.policy.write_text(service.policy.read_text().replace('limits = ["clients"]', rejects))
    service.stage("pages", "shadow")
    seam = service.seam()
    seam.control("pages", lambda _: NO, reject=rejected)
    client = run(CrossfadeMiddleware(app, seam), scope_of(), Client(*chunks(b"")))

    assert client.status == 400
    assert client.headers[b"content-type"] == b"application/problem+json"


# -- what stands behind ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_an_accepted_request_goes_behind(service, app, is_async):
    """
    What the hot path has accepted, by either side, goes to what stands behind it, in the form that side gave it.
    """
    behind = App()
    service.stage("pages", "shadow")
    seam = service.seam()
    wanted = Outcome.accepted(path=b"/b", query=b"c")

    async def control(_request: Any) -> Outcome:
        return wanted

    seam.control("pages", control if is_async else lambda _: wanted)
    run(CrossfadeMiddleware(app, seam, behind=behind), scope_of(), Client(*chunks(b"")))

    assert app.calls == []
    assert [(scope["raw_path"], scope["query_string"]) for scope, _ in behind.calls] == [(b"/b", b"c")]


def test_a_request_that_nothing_changed_is_marked(adapt, app):
    """
    Without an app behind, the service finds in the scope that its hot path is done.
    """
    run(adapt("live"), scope_of(), Client(*chunks(b"")))

    assert app.calls[0][0]["crossfade"] == Outcome.accepted()


def test_what_the_control_raises_reaches_the_server(adapt):
    """
    An exception that is no outcome goes where it went.
    """

    def control(_request: Any) -> Outcome:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        run(adapt("shadow", control=control), scope_of(), Client(*chunks(b"")))
