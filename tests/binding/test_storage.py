"""
The storage of `limits` as Python sees it: by its URI, from threads and forks, pickled, and when it fails.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import subprocess
import sys
import threading

import crossfade.limits
import pytest
from crossfade._core import DEBUG
from crossfade.limits import AsyncCrossfadeStorage, CrossfadeStorage
from limits import RateLimitItemPerMinute, parse
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import STRATEGIES, FixedWindowRateLimiter


def test_the_schemes_are_registered() -> None:
    """
    With the module imported, the library makes storages by their URI, in any case.
    """
    assert type(storage_from_string("crossfade://")) is CrossfadeStorage
    assert type(storage_from_string("Crossfade://")) is CrossfadeStorage
    assert type(storage_from_string("async+crossfade://?max_keys=10", scope="worker")) is AsyncCrossfadeStorage
    assert storage_from_string("crossfade://", max_keys=5).place.max_keys == 5


@pytest.mark.parametrize(
    ("uri", "options", "said"),
    [
        ("crossfade://orders", {}, r"has no name: write crossfade://, or crossfade\+shm://orders\?scope=host"),
        ("crossfade://?keys=5", {}, "no option keys: there are max_keys"),
        ("crossfade://?on_full=admit", {}, "no option on_full: there are max_keys"),
        ("crossfade://?max_keys=0", {}, "max_keys=0: it is a whole number from 1 to"),
        ("crossfade://?max_keys=5", {"max_keys": 6}, "the URI says max_keys=5, the storage's options say 6"),
        ("crossfade://?max_keys=5&max_keys=6", {}, "says max_keys twice"),
        ("crossfade://?scope=host", {}, "it counts for each worker, not host"),
        ("crossfade+shm://orders", {}, r"say \?scope=host in it\. .* one counter per key in each worker process"),
        ("crossfade+shm://orders?scope=worker", {}, "it counts for each host, not worker"),
        ("crossfade+shm://?scope=host", {}, "a shared table has a name"),
        ("crossfade+shm://../x?scope=host", {}, "a shared table has a name"),
        ("crossfade+shm://orders?scope=host&on_full=perhaps", {}, "on_full=perhaps: there are share, admit, reject"),
        ("crossfade+shm://orders?scope=host&ring_bytes=1TB", {}, "ring_bytes=1TB: it is a number of bytes, or a size"),
        ("async+crossfade+shm://orders", {}, r"say \?scope=host"),
    ],
)
def test_a_wrong_uri_says_what_to_write(uri: str, options: dict[str, object], said: str) -> None:
    """
    What a URI or its options cannot mean is an error at the start of the service.
    """
    with pytest.raises(ValueError, match=said):
        storage_from_string(uri, **options)


def test_who_counts_together_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """
    The log says at start how many counters one key has.
    """
    caplog.set_level(logging.INFO, logger="crossfade")
    CrossfadeStorage()
    assert caplog.messages == ["limits count in crossfade://: scope worker, one counter per key in each worker process"]


def test_crossfade_needs_no_limits() -> None:
    """
    A service without the library imports crossfade as before.
    """
    code = "import sys, crossfade; sys.exit('limits' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_hundred_threads_get_what_the_limit_has(name: str) -> None:
    """
    However many threads hit one key, exactly the amount is granted.
    """
    limiter, limit = STRATEGIES[name](CrossfadeStorage()), parse("5/year")
    start, granted = threading.Barrier(100), []

    def hit() -> None:
        start.wait()
        granted.append(limiter.hit(limit, "one"))

    threads = [threading.Thread(target=hit) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(granted) == 5


def test_a_fork_takes_the_counts_along() -> None:
    """
    A forked worker begins with its parent's counts, and counts for itself from there.
    """
    limiter, limit = FixedWindowRateLimiter(CrossfadeStorage()), RateLimitItemPerMinute(3)
    limiter.hit(limit, cost=2)
    child = os.fork()
    if child == 0:
        os._exit([limiter.hit(limit), limiter.hit(limit)] != [True, False])

    assert os.waitpid(child, 0)[1] == 0
    assert limiter.hit(limit)
    assert not limiter.hit(limit)


def test_pickled_with_its_counts() -> None:
    """
    A copy by pickle has the counts of all strategies, of the async storage too, and is a storage of its own.
    """
    storage, limit = CrossfadeStorage("crossfade://?max_keys=7"), RateLimitItemPerMinute(2)
    limiters = [strategy(storage) for strategy in STRATEGIES.values()]
    for limiter in limiters:
        limiter.hit(limit, "k")
    for copy in (pickle.loads(pickle.dumps(storage)), pickle.loads(pickle.dumps(storage))):
        assert copy.place.max_keys == 7
        for limiter, strategy in zip(limiters, STRATEGIES.values(), strict=True):
            assert strategy(copy).get_window_stats(limit, "k")[1] == limiter.get_window_stats(limit, "k")[1] == 1
            assert [strategy(copy).hit(limit, "k") for _ in range(2)] == [True, False]

    other = AsyncCrossfadeStorage()
    asyncio.run(other.incr("k", 60, 3))
    assert asyncio.run(pickle.loads(pickle.dumps(other)).get("k")) == 3


def test_keys_and_amounts_of_any_kind() -> None:
    """
    A key may be any text, halves of surrogate pairs and NUL too; a number beyond 64 bits is the last that fits.
    """
    storage = CrossfadeStorage()
    keys = ["", "a\0b", "a", "\ud800", "\udfff", "ü" * 100, "\U0001f600"]
    for number, key in enumerate(keys):
        storage.incr(key, 60, number + 1)

    assert [storage.get(key) for key in keys] == [1, 2, 3, 4, 5, 6, 7]
    assert storage.incr("a", 60, 10**30) == 2**63 - 1
    assert not storage.acquire_entry("a", 5, 60, 10**30)
    assert storage.acquire_entry("a", 5, 60, -(10**30))
    with pytest.raises(TypeError):
        storage.incr(b"a", 60)
    with pytest.raises(TypeError):
        storage.acquire_entry("a", 5, 60, 0.5)


def test_a_limit_that_cannot_be_kept_is_an_error() -> None:
    """
    A moving window keeps every entry, so there is a largest; the error names the limit and what to take instead.
    """
    storage = CrossfadeStorage()
    with pytest.raises(ValueError, match=r'"1048577 per 60 second" cannot be a moving window: .* 1048576; lower its'):
        storage.acquire_entry("k", 1_048_577, 60)
    with pytest.raises(ValueError, match="a window of 0 seconds"):
        storage.get_sliding_window("k", 0)
    with pytest.raises(StorageError):
        CrossfadeStorage(wrap_exceptions=True).acquire_entry("k", 1_048_577, 60)
    with pytest.raises(StorageError):
        asyncio.run(AsyncCrossfadeStorage(wrap_exceptions=True).acquire_entry("k", 1_048_577, 60))


def test_at_its_bound_it_forgets_who_has_most_left() -> None:
    """
    With more keys than there is room for, the blocked one stays blocked.
    """
    storage = CrossfadeStorage("crossfade://", max_keys=50)
    for strategy in STRATEGIES.values():
        limiter, limit = strategy(storage), parse("3/year")
        while limiter.hit(limit, "blocked"):
            pass
        for number in range(1_000):
            limiter.hit(limit, f"passer-by {number}")
        assert not limiter.hit(limit, "blocked")
        assert not limiter.test(limit, "blocked")
    assert storage._native.evicted_live > 2_000


@pytest.mark.skipif(not DEBUG, reason="only a debug build can be asked to panic")
def test_a_panic_is_an_exception_of_the_storage() -> None:
    """
    A bug of ours comes out as an exception that the library wraps and the frameworks know how to answer.
    """
    code = """
import crossfade.limits
from limits.errors import StorageError
for wraps, expected in ((False, RuntimeError), (True, StorageError)):
    storage = crossfade.limits.CrossfadeStorage(wrap_exceptions=wraps)
    try:
        storage.incr("k", 60)
    except expected as error:
        assert "crossfade's storage failed" in str(getattr(error, "storage_error", error)), error
    else:
        raise SystemExit(1)
"""
    environment = os.environ | {"CROSSFADE_PANIC_AT": "storage"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_native_methods_stand_in_the_instance() -> None:
    """
    What strategies call are the native methods themselves, unless exceptions are to be wrapped.
    """
    for name in crossfade.limits.OPERATIONS:
        assert getattr(CrossfadeStorage(), name).__self__.__class__.__name__ == "Storage"
        assert getattr(CrossfadeStorage(wrap_exceptions=True), name).__self__.__class__ is CrossfadeStorage
