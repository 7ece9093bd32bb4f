"""
The seam in Python: controls of every kind, who answers, and what is raised.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import pickle
import time
from itertools import count
from typing import Any

import pytest
from crossfade import Observation, Outcome, Request
from crossfade.seam import CANDIDATE_ANSWERS, CONTROL_RUNS, SAID, UNCHANGED

SAME, REFUSED, UNSUPPORTED, FAILED = 1, 3, 4, 5
NO = Outcome.invalid("control")


class RefusedError(Exception):
    """What a service raises to refuse."""


def page(client: str = "10.0.0.1", target: str = "/a") -> Request:
    return Request.of("GET", target, peer=client)


def sampled(seam: Any) -> Request:
    """A request for which the control of a live route runs."""
    return next(request for request in clients() if admitted(seam, request) & CONTROL_RUNS)


def unsampled(seam: Any) -> Request:
    return next(request for request in clients() if not admitted(seam, request) & CONTROL_RUNS)


def clients() -> Any:
    return (page(f"10.{n >> 8}.{n & 255}.1") for n in count())


def admitted(seam: Any, request: Request) -> int:
    code: int = seam._native.admit(request.scope, request.body, time.time_ns() // 1000)
    return code


def counts(seam: Any, route: str = "pages") -> dict[str, Any]:
    found: dict[str, Any] = seam.status()["routes"][route]
    return found


def deciding(seam: Any, request: Request) -> Outcome:
    """The outcome by whichever call the control wants."""
    control = seam.control_of(request)
    if control is not None and control.is_async:
        return asyncio.run(seam.admit_async(request))
    outcome: Outcome = seam.admit(request)
    return outcome


def plain(_request: Request) -> Outcome:
    return NO


async def asynchronous(_request: Request) -> Outcome:
    await asyncio.sleep(0)
    return NO


def raising(_request: Request) -> Outcome:
    raise RefusedError("no")


async def raising_asynchronously(_request: Request) -> Outcome:
    await asyncio.sleep(0)
    raise RefusedError("no")


def text(_request: Request) -> str:
    return "no"


class Callable:
    def __call__(self, _request: Request) -> Outcome:
        return NO


class AsyncCallable:
    async def __call__(self, request: Request) -> Outcome:
        return await asynchronous(request)


def observe(returned: Any, error: Exception | None) -> Outcome:
    if isinstance(error, RefusedError) or returned == "no" or returned == NO:
        return NO
    raise error or TypeError(returned)


KINDS = {
    "plain": (plain, None),
    "async": (asynchronous, None),
    "raising": (raising, observe),
    "async raising": (raising_asynchronously, observe),
    "other value": (text, observe),
    "object": (Callable(), None),
    "async object": (AsyncCallable(), None),
    "partial": (functools.partial(plain), None),
    "async partial": (functools.partial(asynchronous), observe),
    "lambda": (lambda _: NO, None),
}


# -- controls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stage", ["off", "shadow", "canary:0.01"])
def test_controls_of_every_kind_answer(service, kind, stage):
    """
    A control may be sync or async, a function or an object, return an outcome or be read by `observe`.
    """
    if stage != "off":
        service.stage("pages", stage)
    seam = service.seam()
    function, reader = KINDS[kind]
    seam.control("pages", function, observe=reader)

    outcome = deciding(seam, page())

    assert outcome == NO
    assert isinstance(outcome.exception, RefusedError) == ("raising" in kind)
    assert counts(seam)["candidate"] == (0 if stage == "off" else 1)


def test_a_control_that_wants_the_time_gets_the_seams(service):
    """
    Both sides get the same now: the one that was read at the seam.
    """
    seen = []
    service.stage("pages", "shadow")
    seam = service.seam()
    seam.control("pages", lambda _, now: seen.append(now) or NO)

    before = time.time_ns() // 1000
    seam.admit(page())

    assert before <= seen[0] <= time.time_ns() // 1000


@pytest.mark.parametrize("stage", ["off", "shadow", "canary:0.01"])
@pytest.mark.parametrize("function", [raising, raising_asynchronously])
@pytest.mark.parametrize("reader", [None, lambda *_: None, lambda *_: 1 / 0])
def test_an_exception_that_is_no_outcome_is_the_callers(service, stage, function, reader):
    """
    What the control raises and nobody reads reaches the caller as it was, whatever `observe` makes of it.
    """
    service.stage("pages", stage)
    seam = service.seam()
    seam.control("pages", function, observe=reader)

    with pytest.raises(RefusedError) as caught:
        deciding(seam, page())

    assert caught.value.args == ("no",)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("returned", [None, "text", 7])
def test_a_control_without_an_outcome_says_what_is_missing(service, returned):
    """
    A value that nobody reads is the caller's mistake, and the error says what to bring.
    """
    seam = service.seam()
    seam.control("pages", lambda _: returned)

    with pytest.raises(TypeError, match="observe"):
        seam.admit(page())


@pytest.mark.parametrize("stage", ["live", "canary:99.99"])
@pytest.mark.parametrize("function", [raising, raising_asynchronously, text, plain])
@pytest.mark.parametrize("reader", [None, lambda *_: 1 / 0])
def test_the_candidates_answer_does_not_depend_on_the_control(service, stage, function, reader):
    """
    Where the candidate answers, a control that fails, refuses or cannot be read changes nothing.
    """
    service.stage("pages", stage)
    seam = service.seam()
    ran = []

    if asyncio.iscoroutinefunction(function):

        async def control(request: Request) -> Any:
            ran.append(request)
            return await function(request)

    else:

        def control(request: Request) -> Any:
            ran.append(request)
            return function(request)

    seam.control("pages", control, observe=reader)
    request = next(r for r in clients() if admitted(seam, r) & (CANDIDATE_ANSWERS | CONTROL_RUNS) == 48)

    assert deciding(seam, request).kind == "accepted"
    assert ran == [request]


@pytest.mark.parametrize("stage", ["off", "shadow", "canary:99.99", "live"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
@pytest.mark.parametrize("is_async", [False, True])
def test_interruptions_go_through(service, stage, error, is_async):
    """
    What is no Exception is nobody's outcome: it ends the request in every stage, and the next one is served.
    """
    service.stage("pages", stage)
    seam = service.seam()
    interrupts = [True]

    def control(_request: Request) -> Outcome:
        if interrupts:
            interrupts.pop()
            raise error
        return NO

    async def control_async(request: Request) -> Outcome:
        return control(request)

    seam.control("pages", control_async if is_async else control)
    request = sampled(seam) if stage == "live" else page()

    async def ask() -> Outcome:
        return await seam.admit_async(request)

    with pytest.raises(error):
        # Driven by hand: a loop treats some of these in its own way.
        ask().send(None) if is_async else seam.admit(request)
    assert deciding(seam, request).kind in {"accepted", "invalid"}


@pytest.mark.parametrize("stage", ["off", "shadow", "canary:0.01"])
def test_a_route_without_a_control_passes(service, stage):
    """
    Where nobody named a control and the candidate does not answer, the request goes on as it came.
    """
    service.stage("pages", stage)
    seam = service.seam()

    assert seam.admit(page(target="//a")) is UNCHANGED
    assert asyncio.run(seam.admit_async(page(target="//a"))) is UNCHANGED


def test_a_request_of_no_route_passes(service):
    """
    What no route matches goes on as it came; nothing is counted.
    """
    seam = service.seam()
    request = Request.of("DELETE", "/a", peer="10.0.0.1")

    assert seam.admit(request) is UNCHANGED
    assert seam.control_of(request) is None
    assert [row["control"] for row in seam.status()["routes"].values()] == [0, 0]


def test_a_control_of_no_route_is_an_error(service):
    """
    A misspelt route is found when the service starts.
    """
    with pytest.raises(ValueError, match=r"no route 'page'; it has items, pages"):
        service.seam().control("page", plain)


def test_an_async_control_needs_await(service):
    """
    A sync caller of an async control is told what to call.
    """
    seam = service.seam()
    seam.control("pages", asynchronous)

    with pytest.raises(TypeError, match="admit_async"):
        seam.admit(page())


def test_concurrent_requests_keep_their_decisions(service):
    """
    While one request's control is awaited, others decide in the same thread, and each gets its own outcome.
    """
    service.stage("pages", "canary:99.99")
    seam = service.seam()

    async def slow(_request: Request) -> Outcome:
        for _ in range(5):
            await asyncio.sleep(0)
        return NO

    seam.control("pages", slow)
    requests = [page(f"10.1.{n}.1", f"//{n}") for n in range(50)]

    async def all_of_them() -> list[Outcome]:
        return list(await asyncio.gather(*(seam.admit_async(request) for request in requests)))

    outcomes = asyncio.run(all_of_them())

    answered = [(n, outcome.path) for n, outcome in enumerate(outcomes) if outcome != NO]
    assert answered == [(n, b"/%d" % n) for n, _ in answered]
    assert len(answered) > 40


def test_a_decision_outlives_its_policy(service, until):
    """
    A policy that is taken over between a decision and its use does not change what was decided.
    """
    service.stage("pages", "shadow")
    seam = service.seam()
    code = admitted(seam, page(target="//a"))
    service.policy.write_text(service.policy.read_text().replace('name = "items"', 'name = "things"'))
    until(lambda: "things" in seam.status()["routes"])

    decision = seam._native.decision()

    assert code & SAID
    assert decision.path == b"/a"


# -- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["shadow", "canary:99.99", "live"])
@pytest.mark.parametrize(
    ("fault", "said", "counted"), [("panic", FAILED, "failed"), ("unsupported", UNSUPPORTED, "unsupported")]
)
@pytest.mark.parametrize("function", [plain, asynchronous])
def test_a_fault_of_the_candidate_is_the_controls_to_answer(service, capfd, stage, fault, said, counted, function):
    """
    In every stage a candidate that panics or cannot judge leaves the answer to the control; the count says so, and
    nothing is raised or printed.
    """
    service.stage("pages", stage, fault=fault)
    seam = service.seam()
    seam.control("pages", function)

    assert deciding(seam, page("10.0.0.1")) == NO
    assert admitted(seam, page("10.0.1.1")) == said | CONTROL_RUNS
    counted = "failed" if fault == "panic" else "unsupported"
    assert counts(seam)[counted] == counts(seam)["candidate"] == counts(seam)["control"] == 2
    assert counts(seam)["answered_by_candidate"] == 0
    assert ("injected fault" in (seam.status()["last_failure"] or "")) == (fault == "panic")
    assert seam.status()["panics"] == 0
    assert capfd.readouterr() == ("", "")


def test_an_injected_fault_leaves_no_count_short(service):
    """
    A fault strikes after the candidate has counted: when it is taken away, the candidate goes on with every hit.
    """
    service.stage("pages", "live", fault="panic")
    seam = service.seam()
    seam.control("pages", plain)
    for _ in range(2):
        seam.admit(page())
    service.stage("pages", "live", follow=seam)

    said = [admitted(seam, page()) & (SAID | CANDIDATE_ANSWERS) for _ in range(4)]
    assert said == [SAME | CANDIDATE_ANSWERS] * 3 + [REFUSED | CANDIDATE_ANSWERS]


def test_observations_are_values():
    """
    Outcomes and observations are equal by what they say, and cannot be changed.
    """
    assert Outcome.limited("a", retry_after=1, exception=RefusedError()) == Outcome.limited("a", retry_after=1)
    assert Observation(outcome=NO, nanos=1) == Observation(outcome=NO, nanos=1)
    for made in (Outcome.accepted(body=b"x"), Outcome.limited("a"), Outcome.invalid("a"), Outcome.outside(404)):
        plain_one = Outcome(kind=made.kind, body=made.body, limit=made.limit, code=made.code, status=made.status)
        assert type(made) is Outcome
        assert (made, hash(made), repr(made)) == (plain_one, hash(plain_one), repr(plain_one))
        assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
    with pytest.raises(AttributeError):
        NO.kind = "accepted"
    with pytest.raises(AttributeError):
        Observation().nanos = 1
