"""
The extension as Python sees it: what goes in, what comes out, what it allocates, and that no panic comes out.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from collector import tracked
from crossfade import Request
from crossfade._core import DEBUG, Decision, NativeSeam
from crossfade.seam import CANDIDATE_ANSWERS, CONTROL_RUNS, RECORDS, SAID, SAME, UNCHANGED

ROOT = Path(__file__).resolve().parents[2]
CHANGED, REFUSED, UNSUPPORTED, FAILED = 2, 3, 4, 5
ALONE = SAME | CANDIDATE_ANSWERS


def now() -> int:
    return time.time_ns() // 1000


def page(client: int | str, target: str = "/a", **options: Any) -> Request:
    peer = client if isinstance(client, str) else f"10.{client >> 16 & 255}.{client >> 8 & 255}.{client & 255}"
    return Request.of("GET", target, peer=peer, **options)


def unsampled(seam: Any, amount: int) -> list[Request]:
    """Requests of clients for which a live route's control does not run."""
    found = []
    for client in count(1):
        request = page(client)
        if not seam._native.admit(request.scope, b"", now()) & CONTROL_RUNS:
            found.append(request)
        if len(found) == amount:
            return found
    raise AssertionError


@pytest.fixture
def live(service):
    """A seam whose pages are live."""
    service.stage("pages", "live")
    return service.seam()


# -- what is allocated -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="since 3.12 the collector runs later than it is set off: the probe sees too little",
)
def test_a_served_request_allocates_nothing_that_is_tracked(live):
    """
    `admit` of a live, unsampled, unchanged, accepted request makes no object that the collector tracks, not even one
    that is gone at once.
    """
    requests = unsampled(live, 10)
    admit = live.admit
    admit(requests[0])

    # The probe has a share of its own, which is steady from its second run on.
    tracked(lambda _: None, [()] * 9)
    own = tracked(lambda _: None, [()] * 9)
    assert tracked(admit, requests[1:]) == own
    assert [admit(request) is UNCHANGED for request in requests] == [True] * 10
    # And it sees what it is to see: an instance, a container, a container that is gone at once.
    for call in (lambda _: Request({}), lambda _: [None], lambda _: len([None])):
        assert [seen > quiet for seen, quiet in zip(tracked(call, [()] * 9), own, strict=True)] == [True] * 9


def test_many_served_requests_leave_nothing_behind(live):
    """
    After thousands of served requests the collector's counters stand where they stood.
    """
    requests = unsampled(live, 1_000) * 4
    admit = live.admit
    gc.collect()
    gc.disable()
    try:
        start = gc.get_count()
        for request in requests:
            assert admit(request) is UNCHANGED
        end = gc.get_count()
    finally:
        gc.enable()

    assert end[0] - start[0] < 10
    assert end[1:] == start[1:]


def test_answers_are_cached_ints(live):
    """
    Every answer of `admit` and `place` is an int that Python keeps anyway.
    """
    request = unsampled(live, 1)[0]

    assert live._native.admit(request.scope, b"", now()) == ALONE
    assert live._native.place(request.scope) <= 256
    assert SAID | CANDIDATE_ANSWERS | CONTROL_RUNS | RECORDS <= 256


# -- what goes in and comes out --------------------------------------------------------------------------------------


def test_decisions_say_what_was_decided(service):
    """
    A decision's attributes are those of its kind, and the others are None.
    """
    service.stage("items", "live")
    service.stage("pages", "live")
    seam = service.seam()
    native = seam._native

    def decide(request: Request) -> tuple[int, Decision]:
        code = native.admit(request.scope, request.body, now())
        decision = native.decision()
        assert decision is not None
        return code & SAID, decision

    headers = [(b"content-type", b"application/json"), (b"x-sender", b"s")]
    code, changed = decide(page(1, "//a//b?b=1&utm_x=1&a=%7e"))
    assert (code, changed.kind, changed.path, changed.query, changed.body) == (
        CHANGED,
        "accepted",
        b"/a/b",
        b"a=~&b=1",
        None,
    )
    code, body = decide(Request.of("POST", "/items/1", headers=headers, body=b'{"name": " x "}'))
    assert (code, body.kind, body.body, body.path) == (CHANGED, "accepted", b'{"name": "x"}', None)
    code, bad = decide(Request.of("POST", "/items/1", headers=headers, body=b'{"name": "' + b"x" * 21 + b'"}'))
    assert (code, bad.kind, bad.code, bad.field) == (REFUSED, "invalid", "too_long", "name")
    code, broken = decide(Request.of("POST", "/items/1", headers=headers, body=b"{"))
    assert (code, broken.code, broken.field) == (REFUSED, "malformed_json", None)
    for _ in range(5):
        code, limited = decide(page(2, "/a?utm_a=1"))
    assert code == CHANGED
    code, limited = decide(page(2, "/a?utm_a=1"))
    assert (code, limited.kind, limited.limit, limited.code) == (REFUSED, "limited", "clients", None)
    assert limited.retry_after == 60
    code, unsupported = decide(
        Request.of("POST", "/items/1", headers=[*headers[:1], (b"x-sender", b"t")], body=b'{"a":1,"a":2}')
    )
    assert (code, unsupported.kind) == (UNSUPPORTED, "unsupported")
    assert unsupported.code.startswith("json.")


def test_a_decision_is_given_once(service):
    """
    A decision belongs to one request: it cannot be taken for that of a later one.
    """
    service.stage("pages", "shadow")
    native = service.seam()._native
    native.admit(page(1).scope, b"", now())

    assert native.decision() is not None
    assert native.decision() is None


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"method": "GET"},
        {"method": b"GET", "raw_path": b"/"},
        {"method": "GET", "raw_path": "/"},
        {"method": "G\udce9T", "raw_path": b"/"},
        [("method", "GET")],
        None,
    ],
)
def test_a_scope_without_a_target_is_left_alone(live, scope):
    """
    What has no method or raw path as ASGI gives them belongs to no route: the control decides, nothing is raised.
    """
    assert live._native.place(scope) == 0
    assert live._native.admit(scope, b"", now()) == CONTROL_RUNS
    assert live._native.route_of(scope) is None
    assert live._native.max_body(scope) is None
    assert live._native.problem_json(scope) is False


class Reentrant:
    """Headers that ask the seam about another request while they are walked."""

    def __init__(self, seam: Any, headers: list[Any]) -> None:
        self.seam, self.headers, self.codes = seam, headers, []

    def __iter__(self) -> Any:
        self.codes.append(self.seam._native.admit(page(77).scope, b"", now()))
        return iter(self.headers)


class Raising:
    def __iter__(self) -> Any:
        raise RuntimeError("no headers today")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("headers", 7),
        ("headers", [7]),
        ("headers", [(b"a",)]),
        ("headers", [("a", "b")]),
        ("headers", Raising()),
        ("query_string", "a=b"),
        ("client", ("1.2.3.\udce9", 1)),
        ("crossfade.given", "x"),
        ("crossfade.given", [("a", 1)]),
        ("body", "text"),
        ("body", bytearray(b"x")),
        ("body", None),
    ],
)
def test_a_request_of_another_shape_is_unsupported(service, part, value):
    """
    What is not as ASGI says cannot be put to the candidate: a typed answer, never an error; and because the control
    counts that request alone, the candidate answers for nobody until that does not matter any more.
    """
    service.stage("pages", "live")
    seam = service.seam()
    request = page(1)
    body = value if part == "body" else b""
    if part != "body":
        request.scope[part] = value
    moment = now()

    assert seam._native.admit(request.scope, body, moment) == UNSUPPORTED | CONTROL_RUNS
    assert seam._native.decision().code == "request.shape"
    assert seam.status()["routes"]["pages"]["unsupported"] == 1
    assert not seam._native.admit(page(2).scope, b"", moment + 60_000_000) & CANDIDATE_ANSWERS
    assert seam._native.admit(page(3).scope, b"", moment + 60_000_001) & CANDIDATE_ANSWERS


@pytest.mark.parametrize("headers", [[[b"x-sender", b"me"]], ((b"x-sender", b"me"),), ([b"x-sender", b"me"],)])
def test_headers_may_be_any_sequence_of_pairs(service, headers):
    """
    Headers count whether the server makes lists or tuples of them.
    """
    service.stage("items", "live")
    seam = service.seam()
    request = Request.of("POST", "/items/1")
    request.scope["headers"] = headers

    answers = [seam._native.admit(request.scope, b"", now()) & SAID for _ in range(8)]
    other = seam._native.admit(Request.of("POST", "/items/1").scope, b"", now()) & SAID

    assert REFUSED in answers
    assert other == SAME


@pytest.mark.parametrize("client", [None, ("10.0.0.1", 1), ["10.0.0.1", 1], (), (None, None), 7])
def test_any_client_is_somebody(live, client):
    """
    A peer that is no address is the unknown client, whom limits count like any other.
    """
    request = page(1)
    request.scope["client"] = client

    assert live._native.admit(request.scope, b"", now()) & SAID == SAME


def test_records_of_the_wrong_shape_are_dropped_and_counted(service):
    """
    `record` raises for nothing that a control or a server can make: it counts the exchange as dropped.
    """
    seam = service.seam(capture=service.captures)
    request = page(1)
    wrong = [7, object(), type("O", (), {"outcome": 1, "raised": None, "charges": None, "nanos": 0})()]
    for control in wrong:
        assert seam._native.record(request.scope, b"", 0, now(), None, control) is False
    assert seam._native.record({"method": "GET"}, b"", 0, now(), None, None) is False
    assert seam._native.record(request.scope, b"", 0, now(), None, None) is True

    status = seam.status()
    assert (status["routes"]["pages"]["dropped"], status["routes"]["pages"]["emitted"]) == (3, 1)
    assert status["passed_through"] == {"dropped": 1, "emitted": 0}


def test_a_policy_that_is_none_is_a_value_error(tmp_path):
    """
    A policy's errors name file, line and column.
    """
    with pytest.raises(ValueError, match=r"p\.toml:1:1 .*versoin"):
        NativeSeam(
            policy_path="p.toml",
            text="versoin = 1",
            state_directory=str(tmp_path),
            socket_path=str(tmp_path / "sidecar.sock"),
            capture_directory=None,
        )


# -- threads and panics ----------------------------------------------------------------------------------------------


def test_threads_and_reentrance_are_safe(live):
    """
    Eight threads decide at once, through headers that come back into the seam, and every request is counted once.
    """
    threads, rounds = 8, 200
    codes: list[int] = []
    inner: list[int] = []
    begin = threading.Barrier(threads)

    def run(number: int) -> None:
        begin.wait()
        for index in range(rounds):
            request = page(1_000 + number * rounds + index)
            headers = Reentrant(live, [(b"a", b"b")])
            request.scope["headers"] = headers
            codes.append(live._native.admit(request.scope, b"", now()))
            inner.extend(headers.codes)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert [code for code in codes if code & SAID != SAME] == []
    # Whoever came back was client 77, who may come five times a minute.
    assert sorted(code & SAID for code in inner) == [SAME] * 5 + [REFUSED] * (threads * rounds - 5)
    counts = live.status()["routes"]["pages"]
    assert counts["candidate"] == counts["answered_by_candidate"] == 2 * threads * rounds
    assert live.status()["panics"] == 0


PANICS = """
import json, sys
from crossfade import Outcome, Request, Seam
folder = sys.argv[1]
seam = Seam.from_file(folder + "/crossfade.toml", state=folder + "/state", capture=folder + "/captures")
seam.control("pages", lambda request: Outcome.invalid("control"))
try:
    request = Request.of("GET", "//a", peer="10.0.0.1")
    said = {"place": seam._native.place(request.scope), "code": seam.admit(request).code}
    print(json.dumps(said | seam.status()))
except BaseException as error:
    print(json.dumps([str(kind) for kind in type(error).__mro__]))
"""


@pytest.mark.skipif(not DEBUG, reason="a release build cannot be asked to panic")
@pytest.mark.parametrize("stage", ["shadow", "canary:99.99", "live"])
@pytest.mark.parametrize("at", ["place", "admit", "decision", "record"])
def test_a_panic_of_ours_reaches_nobody(service, at, stage):
    """
    A bug anywhere in what a service calls leaves the control to answer where the candidate's answer is lost, is
    counted, and is neither raised nor printed.
    """
    service.stage("pages", stage)
    command = [sys.executable, "-c", PANICS, str(service.policy.parent)]
    environment = os.environ | {"CROSSFADE_PANIC_AT": at, "PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)

    assert done.stderr == ""
    assert said["panics"] >= 1
    assert f"asked to panic at {at}" in said["last_failure"]
    assert said["place"] == (0 if at == "place" else 3)
    candidate_answers = stage != "shadow" and at in {"place", "record"}
    assert said["code"] == (None if candidate_answers else "control")
