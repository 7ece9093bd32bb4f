"""
Limits in the Redis that the service's own limits live in: one counter for each key, whoever counts.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("limits")
pytest.importorskip("uvicorn")

from counted_service import PATHS, WORKERS, counted, exchanges, policy
from crossfade import Request
from limits.storage import storage_from_string
from real_redis import Server, account, server

LIMIT = 40
CLIENTS = ["a", "b", "c", "é"]
STAGES = ["off", "shadow", "canary:50", "live", "off"]
EACH = 10


def request() -> Request:
    return Request.of("GET", "/fixed", headers=[(b"x-client", b"a")])


def seam_over(make_service: Any, running: Server, timeout: str = "1s") -> Any:
    """A seam whose candidate answers for everybody and has no control."""
    return seam_at(make_service, f"redis://127.0.0.1:{running.port}", timeout)


def seam_at(make_service: Any, url: str, timeout: str = "1s") -> Any:
    service = make_service(policy(f'url = "{url}"\ntimeout = "{timeout}"', f"{LIMIT}/hour"))
    service.stage("fixed", "live")
    return service.seam()


async def several(seam: Any, times: int) -> tuple[Counter[str], int]:
    """The kinds of so many outcomes, asked for at once, and how often the loop came round before the last of them."""
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    outcomes = await asyncio.gather(*(seam.admit_async(request()) for _ in range(times)))
    counting.cancel()
    return Counter(outcome.kind for outcome in outcomes), rounds


def test_no_switch_counts_a_request_twice_or_not_at_all(tmp_path: Path) -> None:
    """
    A service with two workers goes from `off` to `live` and back while clients ask. Each gets exactly its limit, and
    Redis holds exactly one hit for each request, whichever side made it; both sides decided and charged alike.
    """
    with server() as running:
        redis, address = running.client, f"redis://127.0.0.1:{running.port}"
        with counted(tmp_path, store=f'url = "{address}"\ntimeout = "2s"', storage=address) as service:
            got: dict[str, Counter[tuple[str, int]]] = {path: Counter() for path in PATHS}
            for stage in STAGES:
                service.stage(stage)
                for path in PATHS:
                    got[path] += service.ask_often(f"/{path}", CLIENTS, EACH)
            statuses = service.statuses()

        asked = EACH * len(STAGES)
        for client in CLIENTS:
            for path in PATHS:
                assert (got[path][client, 200], got[path][client, 429]) == (LIMIT, asked - LIMIT), (path, client)
            key = f"LIMITER/counted/{client}/40/1/hour"
            assert int(redis.get(f"LIMITS:{key}")) == asked
            assert redis.llen(f"LIMITS:LIMITER/moving/{client}/40/1/hour") == LIMIT
            assert int(redis.get(f"LIMITS:{{LIMITER/sliding/{client}/40/1/hour}}")) == LIMIT

    both = [exchange for exchange in exchanges(tmp_path) if exchange["control"] and exchange["candidate"]]
    assert {exchange["stage"] for exchange in both} >= {"shadow", "canary"}
    for exchange in both:
        control, candidate = exchange["control"], exchange["candidate"]
        assert candidate["unsupported"] is None and candidate["failed"] is None
        assert (control["outcome"], control["charges"]) == (candidate["outcome"], candidate["charges"])
    answered = [status["routes"][path]["answered_by_candidate"] for status in statuses.values() for path in PATHS]
    assert sum(answered) >= EACH * len(CLIENTS) * len(PATHS)
    assert {status["store"]["scope"] for status in statuses.values()} == {"fleet"}


def test_a_socket_leads_to_the_same_counters(make_service: Any) -> None:
    """
    By a Unix socket, written as `limits` writes it, the seam counts in the database that is named; by a path where
    nobody listens it decides without a server.
    """
    with tempfile.TemporaryDirectory() as folder, server("--unixsocket", f"{folder}/redis.sock") as running:
        seam = seam_at(make_service, f"redis+unix://{folder}/redis.sock?db=3")
        assert asyncio.run(several(seam, LIMIT + 5))[0] == {"accepted": LIMIT, "limited": 5}
        assert seam.status()["store"]["answered"] > LIMIT
        storage = storage_from_string(f"redis+unix://{folder}/redis.sock?db=3")
        assert storage.get(f"LIMITER/counted/a/{LIMIT}/1/hour") > LIMIT
        assert not running.client.keys()

        seam = seam_at(make_service, f"redis+unix://{folder}/nobody.sock")
        assert asyncio.run(several(seam, 5))[0] == {"accepted": 5}
        assert seam.status()["store"]["disconnected"] == 5


def test_a_frozen_server_holds_up_nobody(make_service: Any) -> None:
    """
    When Redis is stopped in the middle, an event loop serves on: requests are decided without it, by a table of the
    process, other tasks run while they wait, and the counts of what happened add up.
    """
    with server() as running:
        seam = seam_over(make_service, running)
        assert asyncio.run(several(seam, 5))[0] == {"accepted": 5}
        running.freeze()
        kinds, rounds = asyncio.run(several(seam, 60))

        assert kinds == {"accepted": LIMIT, "limited": 60 - LIMIT}
        assert rounds > 60
        store = seam.status()["store"]
        assert store["asked"] == 65 == store["answered"] + store["degraded"]
        account(store)


def test_a_cancelled_request_leaves_nothing_behind(make_service: Any) -> None:
    """
    A request that is cancelled while it waits gives its answers up; the next ones on the same loop get theirs.
    """

    async def run(seam: Any, running: Server) -> str:
        running.freeze()
        task = asyncio.create_task(seam.admit_async(request()))
        while not seam.status()["store"]["asked"]:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        running.thaw()
        return (await seam.admit_async(request())).kind

    with server() as running:
        seam = seam_over(make_service, running, "5s")
        assert asyncio.run(run(seam, running)) == "accepted"
        store = seam.status()["store"]
        assert (store["asked"], store["answered"], store["abandoned"]) == (2, 1, 1)


@pytest.mark.parametrize(("counting", "most"), [("lease", LIMIT), ("write-behind", WORKERS * LIMIT)])
def test_workers_that_do_not_ask_about_every_hit(tmp_path: Path, counting: str, most: int) -> None:
    """
    A candidate that counts by lease or writes behind has counters of its own in the Redis of the control: in `shadow`
    the control admits its limit all the same. In `live` two workers admit at most the limit by lease, and at most a
    limit for each of them where they write behind.
    """
    with server() as running:
        address = f"redis://127.0.0.1:{running.port}"
        store = f'url = "{address}"\ncounting = "{counting}"\ntimeout = "2s"'
        with counted(tmp_path, store=store, storage=address) as service:
            service.stage("shadow")
            for path in PATHS:
                statuses = service.ask_often(f"/{path}", ["a"], LIMIT + 10)
                assert statuses == {("a", 200): LIMIT, ("a", 429): 10}
            assert int(running.client.get("LIMITS:LIMITER/counted/a/40/1/hour")) == LIMIT + 10
            service.stage("live")
            for path in PATHS:
                admitted = service.ask_often(f"/{path}", ["b"], WORKERS * LIMIT + 10)["b", 200]
                print(f"{counting}, {path}: {admitted} of {LIMIT}")
                # Tokens of a moving window are lost when a busy machine leaves them for too long.
                assert LIMIT // 4 <= admitted <= most
            stores = [status["store"] for status in service.statuses().values()]
    assert sum(store["held"] for store in stores) > 0
    for store in stores:
        account(store)
