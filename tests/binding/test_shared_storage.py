"""
The storage of `limits` over a shared table: one count for all processes, however they were started.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from crossfade.limits import AsyncCrossfadeStorage, CrossfadeStorage
from limits import RateLimitItemPerMinute, parse
from limits.storage import storage_from_string
from limits.strategies import STRATEGIES


@pytest.fixture
def uri(table: str) -> str:
    return f"crossfade+shm://{table}?scope=host&max_keys=10000&ring_bytes=1MiB"


def hits(uri: str, strategy: str, amount: int) -> int:
    """How many of so many hits this process gets; the process to be spawned."""
    limiter = STRATEGIES[strategy](CrossfadeStorage(uri))
    return sum(limiter.hit(parse("100/year"), "one") for _ in range(amount))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_processes_count_together(uri: str, strategy: str) -> None:
    """
    Workers that were forked, spawned or started by hand together get what the limit has, not a hit more or less.
    """
    limiter = STRATEGIES[strategy](CrossfadeStorage(uri))
    forked = []
    for _ in range(2):
        if (child := os.fork()) == 0:
            os._exit(sum(limiter.hit(parse("100/year"), "one") for _ in range(20)))
        forked.append(child)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        spawned = pool.starmap(hits, [(uri, strategy, 30)] * 2)
    granted = sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in forked)

    assert (granted, spawned) == (40, [30, 30])
    assert hits(uri, strategy, 10) == 0


def test_the_table_outlives_its_processes(uri: str) -> None:
    """
    A worker that starts again, even with no other alive, meets the counts that were there.
    """
    code = f"""
import sys
from crossfade.limits import CrossfadeStorage
sys.exit(CrossfadeStorage({uri!r}).incr("LIMITER/a/10/1/minute", 60, 3))
"""
    assert [subprocess.run([sys.executable, "-c", code], check=False).returncode for _ in range(3)] == [3, 6, 9]


def test_scope_and_reasons_are_logged(uri: str, caplog: pytest.LogCaptureFixture) -> None:
    """
    The log says who counts together, and why a table that was there begins anew.
    """
    caplog.set_level(logging.INFO, logger="crossfade")
    CrossfadeStorage(uri)
    table = uri.partition("?")[0] + ": scope host, one counter per key for all processes of this host"
    assert caplog.messages == [f"limits count in {table}"]
    CrossfadeStorage(uri.replace("10000", "20000"))
    assert caplog.messages[2:] == [
        f"{table} begins empty: there was a table, but it had another max_keys or ring_bytes: "
        "processes that have it open still count there"
    ]


def test_pickled_it_joins_its_table(uri: str) -> None:
    """
    A copy by pickle counts in the same table, and so does the async storage.
    """
    storage, key = storage_from_string(uri), RateLimitItemPerMinute(5).key_for("k")
    storage.incr(key, 60)
    copy = pickle.loads(pickle.dumps(storage))

    assert copy.incr(key, 60) == 2
    assert storage.get(key) == 2
    assert AsyncCrossfadeStorage("async+" + uri)._native.get(key) == 2
    assert storage.reset() == 1
    assert copy.get(key) == 0


def test_a_table_that_cannot_be_is_an_error(uri: str, table: str) -> None:
    """
    A file that is no table is said at start, with its path, and left as it is; no worker meets it later.
    """
    file = Path(f"/dev/shm/crossfade-{os.getuid()}-limits.{table}.shm")
    file.write_text("somebody's notes")
    file.chmod(0o600)
    with pytest.raises(OSError, match=f"shared table {file}"):
        CrossfadeStorage(uri)
    assert file.read_text() == "somebody's notes"


@pytest.mark.parametrize(("amount", "why"), [(5_000, "at most 4096; lower its rate"), (4_095, "raise ring_bytes")])
def test_a_window_too_long_for_the_rings_is_an_error(uri: str, amount: int, why: str) -> None:
    """
    What the table cannot count is an error that says what to do; never another strategy in its place.
    """
    with pytest.raises(ValueError, match=f'the limit "{amount} per 60 second" cannot be a moving window: .*{why}'):
        CrossfadeStorage(uri).acquire_entry("k", amount, 60)
