"""
A seam in the processes and threads of a service: forks, and threads that come and go.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from crossfade import Outcome, Request
from crossfade.seam import CANDIDATE_ANSWERS, CONTROL_RUNS


def page(client: str = "10.0.0.1", target: str = "/a") -> Request:
    return Request.of("GET", target, peer=client)


def admitted(seam: Any, request: Request) -> int:
    code: int = seam._native.admit(request.scope, request.body, time.time_ns() // 1000)
    return code


def candidates(seam: Any) -> int:
    decided: int = seam.status()["routes"]["pages"]["candidate"]
    return decided


def in_child(run: Any) -> Any:
    """What `run` gives in a forked child; the child has a bounded time, so that a deadlock is a failure."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        code = 1
        try:
            os.write(writing, json.dumps(run()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(said)


def used_in_child(service: Any, seam: Any) -> dict[str, Any]:
    seam.admit(page("10.9.9.9"))
    first = seam.status()
    service.stage("pages", "off", follow=seam)
    seam.admit(page("10.9.9.9"))
    return {"first": first, "then": seam.status(), "threads": sorted(thread_names())}


def thread_names() -> list[str]:
    names = []
    for task in Path("/proc/self/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:
            continue  # it has just ended
    return [name for name in names if name.startswith("crossfade")]


@pytest.mark.parametrize("used_before", [False, True])
def test_a_forked_child_is_a_process_of_its_own(service, used_before):
    """
    A child decides, counts from zero, follows stages and writes a file of its own, whether or not its parent had
    used the seam; and the parent goes on.
    """
    service.stage("pages", "shadow")
    seam = service.seam(capture=service.captures)
    if used_before:
        for n in range(7):
            seam.admit(page(f"10.0.0.{n}"))
        assert seam.flush(5)

    child = in_child(lambda: used_in_child(service, seam) | {"flushed": seam.flush(5)})

    assert child["first"]["routes"]["pages"]["candidate"] == 1
    assert child["first"]["routes"]["pages"]["emitted"] == 1
    assert child["then"]["routes"]["pages"]["stage"] == "off"
    assert set(child["threads"]) == {"crossfade-emit", "crossfade-follo", "crossfade-send"}
    assert child["flushed"]
    assert len(list(service.captures.glob("*.open"))) == (2 if used_before else 1)
    before = 7 if used_before else 0
    seam.admit(page())
    assert seam.status()["routes"]["pages"]["emitted"] == before + 1
    assert seam.flush(5)
    assert len(list(service.captures.glob("*.open"))) == 2


def test_nothing_runs_before_the_first_request(service):
    """
    Making a seam starts no thread and opens no file: servers make it before they fork.
    """
    before = Counter(thread_names())
    seam = service.seam(capture=service.captures)
    seam.control("pages", lambda _: Outcome.invalid("control"))

    # One of another seam that is gone may still be ending.
    assert not Counter(thread_names()) - before
    assert not service.captures.exists()


def test_a_child_of_a_busy_parent_answers_with_the_control_at_first(service):
    """
    A child inherits its control's counts and not the candidate's, so the candidate answers for nobody at first.
    """
    service.stage("pages", "live")
    seam = service.seam()
    assert admitted(seam, page()) & CANDIDATE_ANSWERS

    def in_the_child() -> list[int]:
        moment = time.time_ns() // 1000
        return [seam._native.admit(page(f"10.0.2.{n}").scope, b"", moment + n * 61_000_000) for n in range(2)]

    first, later = in_child(in_the_child)
    assert not first & CANDIDATE_ANSWERS
    assert first & CONTROL_RUNS
    assert later & CANDIDATE_ANSWERS
    assert admitted(seam, page()) & CANDIDATE_ANSWERS


def test_a_fork_among_busy_threads_does_not_hang(service):
    """
    A child that is forked while other threads decide and record comes up and decides.
    """
    service.stage("pages", "shadow")
    seam = service.seam(capture=service.captures)
    ends = threading.Event()

    def busy() -> None:
        for number in count():
            seam.admit(page(f"10.{number >> 8 & 255}.{number & 255}.1"))
            if ends.is_set():
                return

    workers = [threading.Thread(target=busy) for _ in range(4)]
    for worker in workers:
        worker.start()
    try:
        children = [in_child(lambda: (seam.admit(page()).kind, candidates(seam), seam.flush(5))) for _ in range(10)]
    finally:
        ends.set()
        for worker in workers:
            worker.join()

    assert children == [["accepted", 1, True]] * 10


def test_a_seam_that_is_gone_takes_its_threads_along(service, until):
    """
    A seam that nobody holds any more leaves no thread behind.
    """
    gc.collect()
    until(lambda: thread_names() == [])
    seam = service.seam(capture=service.captures)
    seam.admit(page())
    until(lambda: len(thread_names()) == 2)
    del seam

    until(lambda: thread_names() == [])
