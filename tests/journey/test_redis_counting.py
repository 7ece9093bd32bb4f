"""Journey: several stores at one Redis that do not ask about every hit.

Leases never admit more than the limit; what is written behind admits more by a bound, which is stated and measured.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import real_redis
from real_redis import Server, Store

PATIENT = "timeout=5000"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with real_redis.server() as running:
        yield running


def flood(stores: list[Store], each: int, charge: str) -> list[int]:
    """How much each store admits when all of them are asked at once."""
    for store in stores:
        store.send(f"flood {each} 2 {charge} 1")
    return [int(store.receive().split()[0]) for store in stores]


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter", "gcra:500"])
def test_leases_never_overshoot(strategy: str, server: Server) -> None:
    """Two stores that take tokens in advance admit at most the limit, most of it without asking."""
    options = (PATIENT, "counting=lease")
    with Store(server.port, *options) as one, Store(server.port, *options) as other:
        admitted = flood([one, other], 2_000, f"{strategy} 500/1hour lease.{strategy}")
        stats = [store.stats() for store in (one, other)]
        held, answered = ([account[name] for account in stats] for name in ("held", "answered"))
        print(f"{strategy}: {admitted} of 500, {held} held here, {answered} answered by the server")
        assert sum(admitted) <= 500
        # What is lost are tokens that nobody used: no more than a share of what was left.
        assert sum(admitted) >= 350
        assert sum(s["held"] for s in stats) > 0
        for account in stats:
            real_redis.account(account)


def test_a_lease_of_one_store_loses_nothing_of_a_fixed_window(server: Server) -> None:
    """Tokens of a fixed window last as long as it does: one store alone admits the limit, exactly."""
    with Store(server.port, PATIENT, "counting=lease") as store:
        assert flood([store], 1_000, "fixed-window 500/1hour alone") == [500]


def test_what_a_lease_took_remains(server: Server) -> None:
    """What remains counts the tokens that are held here, whoever answers: it falls by one with each hit."""
    with Store(server.port, PATIENT, "counting=lease") as store:
        answers = [store.hit("fixed-window 500/1hour remains 1") for _ in range(300)]
        assert [hits[0].remaining for hits, _ in answers] == list(range(499, 199, -1))
        assert {by for _, by in answers} == {"Server", "Held"}


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter", "gcra:500"])
def test_what_is_written_behind_overshoots_by_its_bound(strategy: str, server: Server) -> None:
    """Two stores that tell later admit at most the limit each: once more for each store but one."""
    options = (PATIENT, "counting=write-behind")
    with Store(server.port, *options) as one, Store(server.port, *options) as other:
        admitted = flood([one, other], 5_000, f"{strategy} 500/1hour behind.{strategy}")
        print(f"{strategy}: {admitted} of 500")
        assert 500 <= sum(admitted) <= 1_000
        for store in (one, other):
            stats = store.stats()
            assert stats["held"] > stats["answered"]
            real_redis.account(stats)


def test_what_is_written_behind_is_seen_by_others(server: Server, until) -> None:  # type: ignore[no-untyped-def]
    """A tenth of a second later the server knows, and so does everybody who asks it."""
    charge, options = "fixed-window 50/1hour seen", (PATIENT, "counting=write-behind")
    with Store(server.port, *options) as behind, Store(server.port, *options) as asks:
        for _ in range(20):
            assert behind.hit(f"{charge} 1")[0][0].admitted
        until(lambda: asks.look(f"{charge} 1").remaining == 30)


@pytest.mark.parametrize("counting", ["lease", "write-behind"])
def test_counts_apart_from_the_library(counting: str, server: Server) -> None:
    """Whoever does not ask about every hit touches no key of `limits`: the control may count there."""
    server.client.flushall()
    with Store(server.port, PATIENT, f"counting={counting}") as store:
        for strategy in ("fixed-window", "sliding-window-counter", "gcra:9"):
            assert store.hit(f"{strategy} 50/1hour apart 1")[0][0].admitted
    keys = {key.decode() for key in server.client.scan_iter()}
    own = "LIMITER/crossfade/apart/50/1/hour"
    assert keys == {f"LIMITS:{key}" for key in (own, f"{{{own}}}", f"{own}/gcra/9", "LIMITER/crossfade/hosts")}
