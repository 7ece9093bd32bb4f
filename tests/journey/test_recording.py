"""
A capture of a running service: every exchange, with what each side did, and never at the service's expense.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crossfade import BUILD, Outcome, Request
from crossfade.asgi import KEPT_BODY, CrossfadeMiddleware
from crossfade.observe import limits as watch

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = Path(os.environ.get("CROSSFADE_BIN", TARGET / "debug" / "crossfade"))
SECRET = "token s3cret"


def shown(captures: Path) -> list[dict[str, Any]]:
    """The exchanges of a capture, in order of their arrival, as the binary reads them."""
    command = [str(BINARY), "capture", "show", "--json", str(captures)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    *exchanges, account = map(json.loads, lines)
    assert account["complete"]
    assert account["recovery"]["exchanges"] == len(exchanges)
    return sorted(exchanges, key=lambda exchange: (exchange["epoch"], exchange["sequence"]))


async def app(scope: Any, receive: Any, send: Any) -> None:
    """A service that reads every body but those of /early."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            pass
        return
    while scope["path"] != "/early" and (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


def send(middleware: Any, method: str, target: str, body: bytes = b"", headers: Any = (), parts: int = 1) -> None:
    """One request, its body in so many parts."""
    path, _, query = target.partition("?")
    length = [(b"content-length", b"%d" % len(body))] if body else []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [*headers, *length],
        "client": ("10.0.0.1", 1),
    }
    size = -(-len(body) // parts) or 1
    cut = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    messages = [{"type": "http.request", "body": part, "more_body": n + 1 < len(cut)} for n, part in enumerate(cut)]

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def swallow(_message: Any) -> None:
        pass

    asyncio.run(middleware(scope, receive, swallow))


@pytest.mark.parametrize("stage", ["off", "shadow", "canary:99.99", "live"])
def test_every_exchange_is_recorded(service, stage):
    """
    In every stage an exchange holds the request with its body and what each side that ran did, charges included; a
    request of no route is recorded as passed through.
    """
    limits = pytest.importorskip("limits")
    limiter = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
    rate = limits.parse("3/second")
    watch(limiter, {rate: "senders"})

    def control(request: Request) -> Outcome:
        limiter.hit(rate, "me")
        return Outcome.accepted(body=request.body.replace(b" ", b""))

    service.stage("items", stage)
    seam = service.seam(capture=service.captures)
    seam.control("items", control)
    middleware = CrossfadeMiddleware(app, seam)
    headers = [(b"content-type", b"application/json"), (b"x-sender", b"me")]
    send(middleware, "POST", "/items/1?a=%zz", b'{"name": " x"}', headers, parts=3)
    send(middleware, "DELETE", "/other", b"gone", parts=2)
    assert seam.flush(5)

    routed, passed = shown(service.captures)
    assert (passed["route"], passed["stage"], passed["body"], passed["target"]) == ("", "off", "gone", "/other")
    assert (passed["control"], passed["candidate"]) == (None, None)
    assert (routed["route"], routed["target"], routed["body"]) == ("items", "/items/1?a=%zz", '{"name": " x"}')
    assert routed["stage"] == stage.partition(":")[0]
    assert (routed["build"], routed["control_digest"]) == (BUILD, "test")
    assert routed["policy"] == service.digests()["items"]
    charge = {"cost": 1, "key": "me", "limit": "senders"}
    if stage == "off":
        assert (routed["control"], routed["candidate"]) == (None, None)
    else:
        assert routed["candidate"]["outcome"] == {"accepted": {"body": '{"name": "x"}', "path": None, "query": None}}
        assert routed["candidate"]["charges"] == [charge]
        assert routed["candidate"]["nanos"] > 0
    if stage in {"shadow", "canary:99.99"}:
        assert routed["control"]["outcome"] == {"accepted": {"body": '{"name":"x"}', "path": None, "query": None}}
        assert routed["control"]["charges"] == [charge]
        assert routed["control"]["nanos"] > 0
    assert routed["authoritative"] == ("candidate" if stage in {"canary:99.99", "live"} else "control")


def test_what_each_side_can_do_is_recorded(service):
    """
    Refusals, foreign answers, exceptions, faults and what the candidate cannot judge are told apart.
    """
    service.stage("items", "shadow")
    service.stage("pages", "shadow", fault="panic")
    seam = service.seam(capture=service.captures)
    answers = [Outcome.limited("senders", retry_after=3), Outcome.outside(404), LookupError("gone")]

    def control(_request: Request) -> Outcome:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    seam.control("items", control)
    headers = [(b"content-type", b"application/json")]
    for body in (b"{", b'{"a":1,"a":2}'):
        seam.admit(Request.of("POST", "/items/1", headers=headers, body=body))
    with pytest.raises(LookupError):
        seam.admit(Request.of("POST", "/items/1"))
    seam.admit(Request.of("GET", "/a"))
    assert seam.flush(5)

    first, second, third, panicked = shown(service.captures)
    assert first["control"]["outcome"] == {"limited": {"limit": "senders", "retry_after": 3}}
    assert first["candidate"]["outcome"] == {"invalid": {"code": "malformed_json", "field": None}}
    assert second["control"]["outcome"] == {"outside": {"status": 404}}
    assert second["candidate"]["unsupported"].startswith("json.")
    assert third["control"]["raised"] == {"kind": "builtins.LookupError", "message": "gone"}
    assert "injected fault" in panicked["candidate"]["failed"]
    assert panicked["candidate"]["charges"] is None


def test_credentials_are_not_stored(service):
    """
    A credential is nowhere in a capture, neither in headers nor in keys, and equal ones can still be told; the files
    are the owner's alone.
    """
    policy = service.policy.read_text().replace("header:x-sender", "header:authorization")
    service.policy.write_text(policy)
    service.stage("items", "shadow")
    seam = service.seam(capture=service.captures)
    for secret in (SECRET, SECRET, "token other"):
        headers = [(b"authorization", secret.encode()), (b"cookie", b"session=s3cret")]
        seam.admit(Request.of("POST", "/items/1", headers=headers))
    assert seam.flush(5)

    one, same, other = shown(service.captures)
    stored = b"".join(path.read_bytes() for path in service.captures.iterdir())
    assert b"s3cret" not in stored
    assert one["headers"] == same["headers"] != other["headers"]
    assert [charge["key"] for charge in one["candidate"]["charges"]] == [dict(one["headers"])["authorization"]]
    assert {path.stat().st_mode & 0o777 for path in service.captures.iterdir()} == {0o600}
    assert service.captures.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("stage", ["off", "shadow"])
def test_bodies_that_are_not_kept_are_named_by_their_length(service, stage):
    """
    A body that is too large for a capture, or that the service did not read to its end, is no body of the record.
    """
    service.stage("pages", stage)
    seam = service.seam(capture=service.captures)
    middleware = CrossfadeMiddleware(app, seam)
    send(middleware, "PUT", "/a", b"x" * (KEPT_BODY + 1), parts=7)
    send(middleware, "PUT", "/early", b"unread")
    send(middleware, "GET", "/early")
    assert seam.flush(5)

    big, unread, none = shown(service.captures)
    assert (big["body"], big["body_bytes"]) == (None, KEPT_BODY + 1)
    assert (unread["body"], unread["body_bytes"]) == (None, 6)
    assert (none["body"] or "", none["body_bytes"]) == ("", 0)


def test_a_full_queue_drops_the_newest_and_counts(service):
    """
    When more arrives than can be written, the newest exchanges are dropped and counted, what was taken is written, and
    no request waits.
    """
    seam = service.seam(capture=service.captures)
    request = Request.of("POST", "/items/1", body=b"x" * KEPT_BODY)
    taken = [seam._native.record(request.scope, request.body, KEPT_BODY, 1, None, None) for _ in range(60)]
    assert seam.flush(30)

    row = seam.status()["routes"]["items"]
    assert (row["emitted"], row["dropped"]) == (sum(taken), 60 - sum(taken))
    assert taken[:7] == [True] * 7
    assert row["dropped"] > 0
    # Sequence numbers show where something is missing.
    assert len(shown(service.captures)) == row["emitted"]


@pytest.mark.parametrize("stage", ["off", "shadow", "live"])
def test_a_directory_that_cannot_be_written_costs_nothing(service, until, stage):
    """
    A capture that cannot be written leaves the service as it is; the status says why, and every exchange is counted.
    """
    service.captures.write_text("a file, not a directory")
    service.stage("pages", stage)
    seam = service.seam(capture=service.captures)
    seam.control("pages", lambda _: Outcome.invalid("control"))
    middleware = CrossfadeMiddleware(app, seam)
    send(middleware, "GET", "/a")
    reason = until(lambda: seam.status()["capture_error"])
    send(middleware, "GET", "/a")

    assert str(service.captures) in reason
    row = seam.status()["routes"]["pages"]
    assert row["emitted"] + row["dropped"] == 2
    assert row["dropped"] >= 1
    assert not seam.flush(0.5)


PROCESS = """
import asyncio, os, signal, sys
sys.path.insert(0, sys.argv[2])
import test_recording as t
from crossfade import Outcome, Seam
from crossfade.asgi import CrossfadeMiddleware
seam = Seam.from_file(sys.argv[1] + "/crossfade.toml", state=sys.argv[1] + "/state", capture=sys.argv[1] + "/captures")
middleware = CrossfadeMiddleware(t.app, seam)
for number in range(100):
    t.send(middleware, "GET", f"/{number}")
if sys.argv[3] == "killed":
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    async def receive(): return messages.pop(0)
    asyncio.run(middleware({"type": "lifespan"}, receive, None))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["exits", "killed"])
def test_the_end_of_a_process_loses_nothing(service, end):
    """
    A process that exits, or that its server kills after the lifespan's end, has written all that it took.
    """
    command = [sys.executable, "-c", PROCESS, str(service.policy.parent), str(Path(__file__).parent), end]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == ((0, "") if end == "exits" else (-9, ""))
    assert [exchange["target"] for exchange in shown(service.captures)] == [f"/{number}" for number in range(100)]
