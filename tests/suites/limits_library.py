"""
A pytest plug-in for the own tests of the library `limits`: it puts crossfade's storages in the place of the library's.

Only storages are replaced, where the tests name them: `tests/utils.py` lists URIs, `TestConcreteStorages` lists URIs
with their classes, and the tests of pickling name one class. What the tests expect is theirs.

Their pauses pass at once: `time.time()` and the two kinds of `sleep` share a clock that the pauses move. With
CROSSFADE_LONG set, and for the tests with threads, time is real.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from crossfade.limits import AsyncCrossfadeStorage, CrossfadeStorage

TABLE = os.environ["CROSSFADE_TABLE"]
"""Name of the shared table: of this run alone, which removes its file."""

URIS = {"memory": "crossfade://", "shared": f"crossfade+shm://{TABLE}?scope=host&max_keys=100000"}
NOT_SHARED = ("test_moving_window_huge_cost",)
"""Tests that a shared table is no match for: a moving window of a million entries. It has 4,096 for each key."""

TICK = 1e-6
"""What passes between two looks at the clock, in seconds."""


def stand_in(name: str, **names: Any) -> None:
    """A module that the tests import for other storages than ours."""
    if name not in sys.modules:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(names)


def pytest_configure(config: pytest.Config) -> None:
    stand_in("pytest_lazy_fixtures", lf=lambda name: name)
    stand_in("redis", cluster=SimpleNamespace(ClusterNode=lambda *_: None))
    import tests.utils

    for prefix, schemes in (("", ""), ("async_", "async+")):
        stored = [pytest.param(schemes + uri, {}, uri, id=name) for name, uri in URIS.items()]
        for group in ("all_storage", "moving_window_storage", "sliding_window_counter_storage"):
            setattr(tests.utils, prefix + group, pytest.mark.parametrize(("uri", "args", "fixture"), stored))


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    asynchronous = "aio" in collector.path.parts
    ours: Any = AsyncCrossfadeStorage if asynchronous else CrossfadeStorage
    if name == "TestConcreteStorages":
        scheme = "async+" if asynchronous else ""
        stored = [pytest.param(scheme + uri, {}, ours, uri, id=name) for name, uri in URIS.items()]
        marks = [mark for mark in obj.pytestmark if mark.name != "parametrize"]  # type: ignore[attr-defined]
        listed = pytest.mark.parametrize(("uri", "args", "expected_instance", "fixture"), stored).mark
        obj.pytestmark = [*marks, listed]  # type: ignore[attr-defined]
    if name == "TestSerialization":
        sys.modules[obj.__module__].MemoryStorage = ours  # type: ignore[attr-defined]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def fits(item: pytest.Item) -> bool:
        return not item.name.endswith("[shared]") or not item.name.startswith(NOT_SHARED)

    config.hook.pytest_deselected(items=[item for item in items if not fits(item)])
    items[:] = filter(fits, items)


@pytest.fixture(autouse=True)
def emptied(request: pytest.FixtureRequest) -> None:
    """Empties the table before each test, as the library's own fixtures empty a Redis."""
    if "shared" in request.node.name:
        CrossfadeStorage(URIS["shared"]).reset()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a coroutine."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    taken = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**taken))
    return True


class Clock:
    """A clock that pauses move."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.3

    def time(self) -> float:
        self.now += TICK
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.0)

    async def pause(self, seconds: float) -> None:
        self.sleep(seconds)


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moves time by pauses alone, where no thread is."""
    if "integration" not in request.node.path.parts and not os.environ.get("CROSSFADE_LONG"):
        clock = Clock()
        monkeypatch.setattr(time, "time", clock.time)
        monkeypatch.setattr(time, "sleep", clock.sleep)
        monkeypatch.setattr(asyncio, "sleep", clock.pause)
