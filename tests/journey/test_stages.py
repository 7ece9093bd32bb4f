"""
Stages come by file: who answers in each, which keys a canary takes, and what a file that cannot be used does.
"""

from __future__ import annotations

import json
import time
from itertools import count
from typing import Any

import pytest
from crossfade import Outcome, Request
from crossfade.seam import CANDIDATE_ANSWERS, CONTROL_RUNS, SAID, SAME

NO = Outcome.invalid("control")
MINUTE = 60_000_000
RUNS, ANSWERS, BUCKETS = CONTROL_RUNS, CANDIDATE_ANSWERS, 10_000
DRIFT_SAMPLE, DRIFT_SEED = 100, 0x9E3779B97F4A7C15


def now() -> int:
    return time.time_ns() // 1000


def page(peer: str = "10.0.0.1") -> Request:
    return Request.of("GET", "/a", peer=peer)


def item(sender: str, peer: str = "10.0.0.1", body: bytes = b"") -> Request:
    headers = [(b"x-sender", sender.encode()), (b"content-type", b"application/json")]
    return Request.of("POST", "/items/1", headers=headers, peer=peer, body=body)


def code_of(seam: Any, request: Request, at: int | None = None) -> int:
    code: int = seam._native.admit(request.scope, request.body, now() if at is None else at)
    return code


def row(seam: Any, route: str = "pages") -> dict[str, Any]:
    found: dict[str, Any] = seam.status()["routes"][route]
    return found


def fnv(data: bytes, start: int = 0xCBF29CE484222325) -> int:
    for byte in data:
        start = (start ^ byte) * 0x100000001B3 % 2**64
    return start


def finalised(value: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor % 2**64
    return value ^ value >> 33


def bucket(key: str, *, route: str = "pages", salt: str = "s", seed: int = 0) -> int:
    """The bucket of a key, as docs say it is found."""
    seeded = finalised(fnv(salt.encode() + b"\0" + route.encode())) ^ seed
    return finalised(fnv(key.encode(), 0xCBF29CE484222325 ^ seeded)) * BUCKETS >> 64


# -- the table of stages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", [[], ["off"]])
def test_off_runs_the_control_alone(service, stages):
    """
    In `off`, with or without a stage file, the control answers and the candidate does not run.
    """
    for stage in stages:
        service.stage("pages", stage)
    seam = service.seam()
    seam.control("pages", lambda _: NO)

    assert seam.admit(page()) == NO
    assert seam._native.place(page().scope) == 0
    assert (row(seam)["stage"], row(seam)["candidate"]) == ("off", 0)


def test_shadow_runs_both_and_the_control_answers(service):
    """
    In `shadow` every request runs both sides, and the client gets the control's answer.
    """
    service.stage("pages", "shadow")
    seam = service.seam()
    seam.control("pages", lambda _: NO)

    assert [seam.admit(page(f"10.0.0.{n}")) for n in range(50)] == [NO] * 50
    assert (row(seam)["candidate"], row(seam)["control"], row(seam)["answered_by_candidate"]) == (50, 50, 0)


def test_a_canary_takes_its_share_of_keys(service):
    """
    In a canary both sides always run, and the candidate answers for exactly the keys of the buckets below the share.
    """
    service.stage("pages", "canary:25")
    seam = service.seam()
    ran = []
    seam.control("pages", lambda request: ran.append(request.peer) or NO)
    clients = [f"10.{n >> 8}.{n & 255}.1" for n in range(2_000)]

    taken = [client for client in clients if seam.admit(page(client)) != NO]

    assert taken == [client for client in clients if bucket(client) < 2_500]
    assert ran == clients
    assert row(seam)["stage"] == "canary 25 %"


def test_live_samples_keys_for_the_control(service):
    """
    In `live` the candidate answers for everybody, and the control runs for the sampled keys alone, always the same.
    """
    service.stage("pages", "live")
    seam = service.seam()
    ran = []
    seam.control("pages", lambda request: ran.append(request.peer) or NO)
    clients = [f"10.{n >> 8}.{n & 255}.1" for n in range(3_000)]
    expected = [client for client in clients if bucket(client, seed=DRIFT_SEED) < DRIFT_SAMPLE]

    for _ in range(2):
        assert {seam.admit(page(client)).kind for client in clients} == {"accepted"}
    assert ran == expected * 2
    assert 10 < len(expected) < 60


def test_a_canary_is_sticky_and_monotone(service):
    """
    A key stays where it is from request to request, and raising the share only adds keys.
    """
    service.stage("pages", "canary:1")
    seam = service.seam()
    clients = [f"10.{n >> 8}.{n & 255}.1" for n in range(600)]
    before: set[str] = set()
    for share in (1, 5, 25, 60, 99.99):
        service.stage("pages", f"canary:{share}", follow=seam)
        taken = {client for client in clients if code_of(seam, page(client)) & ANSWERS}
        assert before <= taken
        assert taken == {client for client in clients if code_of(seam, page(client)) & ANSWERS}
        before = taken
    assert len(before) > 590


def test_a_canary_goes_by_the_key_that_is_counted(service):
    """
    Whoever shares a limit key shares a side, whatever else differs, and even where the request is refused for what it
    says; other keys of the same client may be on the other side.
    """
    service.stage("items", "canary:50")
    seam = service.seam()
    senders = [f"sender-{n}" for n in range(200)]
    expected = [bucket(sender, route="items") < 5_000 for sender in senders]

    good = [bool(code_of(seam, item(sender, "10.0.0.1")) & ANSWERS) for sender in senders]
    bad = [bool(code_of(seam, item(sender, "10.9.9.9", b"{")) & ANSWERS) for sender in senders]

    assert good == bad == expected


def test_a_canary_can_go_by_another_limit(make_service):
    """
    `cutover_key` names the limit whose key decides; a refusal before that limit is hit does not change the side.
    """
    policy = """
version = 1
[limits.burst]
key = ["header:x-sender"]
rate = "1/minute"
on_missing = "share"
strategy = "moving-window"
[limits.clients]
key = ["client"]
rate = "9/minute"
strategy = "moving-window"
[[route]]
name = "pages"
match = "GET /{path*}"
limits = ["burst", "clients"]
cutover_key = "clients"
"""
    service = make_service(policy.replace('on_missing = "share"', 'on_missing = "share"\nshared_as = "all"'))
    service.stage("pages", "canary:50")
    seam = service.seam()
    clients = [f"10.0.{n}.1" for n in range(100)]
    expected = [bucket(client) < 5_000 for client in clients]

    # Everybody shares the burst: all but the first are refused before the clients' limit is hit.
    codes = [code_of(seam, page(client)) for client in clients]

    assert [code & SAID for code in codes] == [SAME] + [3] * 99
    assert [bool(code & ANSWERS) for code in codes] == expected


# -- warm and cold ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["canary:99.99", "live"])
def test_a_cold_candidate_answers_nobody(service, stage):
    """
    After the control has counted alone, the candidate answers nobody until the longest window has passed.
    """
    service.stage("pages", "off")
    seam = service.seam()
    seam.control("pages", lambda _: NO)
    begin = now()
    assert seam.admit(page()) == NO
    end = now()
    service.stage("pages", stage, follow=seam)

    assert code_of(seam, page(), begin + MINUTE - 1) & (RUNS | ANSWERS) == RUNS
    assert code_of(seam, page(), end + MINUTE + 1) & ANSWERS
    assert row(seam)["cold"] == 1


def test_without_traffic_nobody_is_cold(service):
    """
    A route that was off and saw nothing has nothing to catch up with.
    """
    service.stage("pages", "off")
    seam = service.seam()
    assert seam.status()["routes"]["pages"]["stage"] == "off"
    service.stage("pages", "live", follow=seam)

    assert code_of(seam, page()) & ANSWERS


def test_routes_that_share_a_limit_are_warm_together(make_service, service):
    """
    No client gets two quotas of one limit by way of two routes: while one route is off and has traffic, the other's
    candidate answers nobody; and while one is not live, the other's control keeps counting.
    """
    policy = service.policy.read_text().replace('limits = ["senders"]', 'limits = ["clients"]')
    service = make_service(policy)
    service.stage("pages", "live")
    seam = service.seam()
    unsampled = next(
        r for n in count() if bucket((r := page(f"10.1.{n}.1")).peer or "", seed=DRIFT_SEED) >= DRIFT_SAMPLE
    )

    assert code_of(seam, unsampled) == SAME | ANSWERS | RUNS
    code_of(seam, item("s"))
    assert not code_of(seam, unsampled) & ANSWERS
    service.stage("items", "live", follow=seam)
    assert code_of(seam, unsampled, now() + MINUTE) == SAME | ANSWERS


@pytest.mark.parametrize(
    ("change", "answers"),
    [('rate = "5/minute"', False), ('limits = ["clients"]', False), ("utm_*", True)],
)
def test_a_new_policy_keeps_only_counts_that_are_the_same(service, until, change, answers):
    """
    A policy that counts otherwise starts cold; one that counts the same goes on with its counts.
    """
    changed = {
        'rate = "5/minute"': 'rate = "6/minute"',
        'limits = ["clients"]': 'limits = ["clients", "senders"]',
        "utm_*": "utm_source",
    }
    service.stage("pages", "live")
    seam = service.seam()
    for _ in range(5):
        assert code_of(seam, page()) & SAID == SAME
    digest = row(seam)["policy"]
    service.policy.write_text(service.policy.read_text().replace(change, changed[change]))
    until(lambda: row(seam)["policy"] != digest)
    service.stage("pages", "live", follow=seam)

    # The first client's count is whole, and refuses before a limit that is cold.
    code = code_of(seam, page("10.0.0.1" if answers else "10.0.0.2"))
    assert bool(code & ANSWERS) == answers
    assert not answers or code & SAID == 3  # the sixth
    assert row(seam)["candidate"] == 6


# -- files that cannot be used ---------------------------------------------------------------------------------------


CORRUPT = [
    b"",
    b"{",
    b'{"version": 2, "generation": 9, "routes": {}}',
    b'{"version": 1, "generation": 9, "routes": []}',
    b'{"version": 1, "generation": 9, "routes": {"pages": {"stage": "on"}}}',
    b"\xff\xfe",
    b" " * (1 << 20) + b"{}",
]


@pytest.mark.parametrize("content", CORRUPT)
def test_a_corrupt_file_at_the_start_means_off(service, content):
    """
    A stage file that was never good leaves every route off, counted.
    """
    service.write(content)
    seam = service.seam()
    seam.control("pages", lambda _: NO)

    assert seam.admit(page()) == NO
    assert {found["stage"] for found in seam.status()["routes"].values()} == {"off"}
    assert seam.status()["stage_errors"] >= 1


@pytest.mark.parametrize("content", CORRUPT)
def test_a_corrupt_file_keeps_the_last_good_stages(service, until, content):
    """
    A stage file that has become unusable changes nothing, is counted, and is followed again when it is good.
    """
    service.stage("pages", "live")
    seam = service.seam()
    assert code_of(seam, page()) & ANSWERS
    service.write(content)
    until(lambda: seam.status()["stage_errors"] >= 2)

    assert row(seam)["stage"] == "live"
    assert seam.status()["generation"] == 1
    service.stage("pages", "off", follow=seam)
    assert row(seam)["stage"] == "off"


def test_a_stage_file_that_is_gone_means_off(service, until):
    """
    Taking the stage file away takes every route back.
    """
    service.stage("pages", "live")
    seam = service.seam()
    assert row(seam)["stage"] == "live"
    (service.state / "stages.json").unlink()

    until(lambda: row(seam)["stage"] == "off")
    assert seam.status()["stage_errors"] == 0


@pytest.mark.parametrize("subject", [{"build": "another"}, {"policy": "another"}])
@pytest.mark.parametrize(("stage", "is_held"), [("live", True), ("canary:50", True), ("shadow", False), ("off", False)])
def test_a_stage_does_not_outlive_its_subject(service, subject, stage, is_held):
    """
    A row for another build or policy counts as `shadow` at most, and the status names the routes that this lowers.
    """
    service.stage("pages", stage, subject=subject)
    seam = service.seam()

    assert row(seam)["stage"] == ("off" if stage == "off" else "shadow")
    assert seam.status()["held"] == (["pages"] if is_held else [])


def test_a_changed_policy_holds_its_routes(service, until):
    """
    When a route's policy changes under a running service, that route falls back to `shadow` and the others stay.
    """
    service.stage("pages", "live")
    service.stage("items", "live")
    seam = service.seam()
    assert {found["stage"] for found in seam.status()["routes"].values()} == {"live"}
    service.policy.write_text(service.policy.read_text().replace("utm_*", "utm_source"))

    until(lambda: row(seam)["stage"] == "shadow")
    assert row(seam, "items")["stage"] == "live"
    assert seam.status()["held"] == ["pages"]


@pytest.mark.parametrize("content", ["version = 1\nnonsense", "versoin = 1", "\0"])
def test_a_bad_policy_keeps_the_last_good_one(service, until, content):
    """
    A policy file that cannot be used changes nothing and is counted, and the next good one is taken over.
    """
    service.stage("pages", "live")
    seam = service.seam()
    digest = row(seam)["policy"]
    good = service.policy.read_text()
    service.policy.write_text(content)
    until(lambda: seam.status()["policy_errors"] >= 1)

    assert (row(seam)["stage"], row(seam)["policy"]) == ("live", digest)
    service.policy.write_text(good.replace("utm_*", "utm_source"))
    until(lambda: row(seam)["policy"] != digest)


def test_a_policy_that_changed_before_the_first_request_is_seen(service):
    """
    A worker that starts late serves by the policy file as it is then, not as it was when the server read it.
    """
    seam = service.seam()
    service.policy.write_text(service.policy.read_text().replace('name = "pages"', 'name = "sheets"'))

    assert "sheets" in seam.status()["routes"]


def test_workers_say_what_they_follow(service, until):
    """
    A worker writes its process, generation, build and held routes where `crossfade status` reads them.
    """
    service.stage("pages", "live", subject={"build": "another"})
    seam = service.seam()
    seam.admit(page())
    files = until(lambda: list((service.state / "workers").glob("*.json")))

    worker = json.loads(files[0].read_text())
    assert (worker["generation"], worker["held"], worker["errors"]) == (1, ["pages"], 0)
    assert files[0].stem == str(worker["pid"])
