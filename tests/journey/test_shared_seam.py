"""
Limits in one table of a host: two workers admit what one limit says, and no state of that table stops the service.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("limits")
pytest.importorskip("uvicorn")

from counted_service import BINARY, PATHS, WORKERS, Counted, counted

LIMIT = 40
CLIENTS = ["a", "b"]
ASKED = 3 * LIMIT
NUMBERS = itertools.count()
MOST_KEYS = 1 << 30


@pytest.fixture
def table() -> Iterator[Path]:
    """Where a table of this test lies; nothing is left behind."""
    path = Path(f"/dev/shm/crossfade-{os.getuid()}-journey-{os.getpid()}-{next(NUMBERS)}.shm")
    if not path.parent.is_dir():
        pytest.skip("no /dev/shm here")
    yield path
    # Tables of policies, and those of storages of that name.
    for left in path.parent.glob(path.name.replace("journey-", "*journey-") + "*"):
        left.unlink()


def shared(table: Path) -> str:
    """The lines of `[store]` for a table."""
    name = table.stem.split("-", 2)[2]
    return f'url = "shm://{name}?scope=host"\nmax_keys = 10_000\nring_bytes = "4MiB"'


def admitted(service: Counted, path: str) -> dict[str, Counter[tuple[bytes, int]]]:
    """Of each client, how often each worker answered with which status."""
    answers = {client: Counter() for client in CLIENTS}
    for client in CLIENTS:
        for _ in range(ASKED):
            status, worker = service.ask(f"/{path}", client)
            answers[client][worker, status] += 1
    return answers


def test_two_workers_admit_one_limit(tmp_path: Path, table: Path) -> None:
    """
    With one table, all workers together admit exactly the limit, by every strategy; the status says the scope.
    """
    with counted(tmp_path, store=shared(table), storage="memory://") as service:
        service.stage("live")
        for path in PATHS:
            statuses = service.ask_often(f"/{path}", CLIENTS, ASKED)
            assert statuses == {(c, s): n for c in CLIENTS for s, n in ((200, LIMIT), (429, ASKED - LIMIT))}
        stores = [status["store"] for status in service.statuses().values()]
        assert {(store["scope"], store["counters"], store["error"]) for store in stores} == {
            ("host", "one counter on each host", None)
        }
    assert table.stat().st_mode & 0o777 == 0o600


def test_each_worker_admits_a_limit_of_its_own_from_memory(tmp_path: Path) -> None:
    """
    With a memory for each worker, each admits the limit: the service admits more than one, and at most one for each.
    """
    with counted(tmp_path, store='url = "memory://"', storage="memory://") as service:
        service.stage("live")
        for path in PATHS:
            for answers in admitted(service, path).values():
                refusing = {worker for worker, status in answers if status == 429}
                assert refusing
                assert all(answers[worker, 200] == LIMIT for worker in refusing)
                assert all(count <= LIMIT for (_, status), count in answers.items() if status == 200)


def test_a_table_of_another_version_is_replaced(tmp_path: Path, table: Path) -> None:
    """
    A file that another version has left is never read: a new one takes its name, and counts begin anew.
    """
    table.write_bytes(b"crossfad" + (10**9).to_bytes(8, "little") + bytes(8_192))
    table.chmod(0o600)
    before = table.stat().st_ino
    with counted(tmp_path, store=shared(table), storage="memory://", workers=1) as service:
        service.ask("/status")
        assert table.stat().st_ino != before
        assert service.statuses(1).popitem()[1]["store"]["error"] is None


@pytest.mark.parametrize("why", ["full", "open to others"])
def test_a_table_that_cannot_be_opened_stops_nothing(tmp_path: Path, table: Path, why: str) -> None:
    """
    Without room for the table, or with one that others may write to, the control judges every request of a live route;
    status and log say why.
    """
    store = shared(table)
    if why == "full":
        about = os.statvfs(table.parent)
        if about.f_blocks * about.f_frsize > MOST_KEYS * 40:
            pytest.skip("this machine has room for the largest table")
        store = store.replace("10_000", str(MOST_KEYS))
    if why == "open to others":
        table.touch()
        table.chmod(0o666)
    with counted(tmp_path, store=store, storage="memory://", workers=1) as service:
        service.stage("live", workers=1)
        statuses = service.ask_often("/fixed", CLIENTS, ASKED)
        assert statuses == {(c, s): n for c in CLIENTS for s, n in ((200, LIMIT), (429, ASKED - LIMIT))}
        (status,) = service.statuses(1).values()
    row = status["routes"]["fixed"]
    assert (row["stage"], row["unsupported"], row["control"]) == ("live", ASKED * 2, ASKED * 2)
    assert (row["answered_by_candidate"], row["above_cap"]) == (0, False)
    assert str(table) in status["store"]["error"]
    assert (tmp_path / "log").read_text().count("limits count nowhere, so the control judges") == 1


def mapped(service: Counted) -> list[set[int]]:
    """Of each worker, the inodes of the tables of policies that it has mapped and that still have a name."""
    maps = [Path(f"/proc/{worker}/maps").read_text().splitlines() for worker in service.statuses()]
    lines = [[line for line in some if "-journey-" in line and not line.endswith("(deleted)")] for some in maps]
    return [{int(line.split()[4]) for line in some} for some in lines]


@pytest.mark.parametrize(("stage", "quotas"), [("shadow", 1), ("canary:50", 1), ("live", 2)])
def test_a_removed_table_becomes_one_again(
    tmp_path: Path, table: Path, until: Callable[..., Any], stage: str, quotas: int
) -> None:
    """
    When the file of the table is removed under two workers, both count in one table again. Whoever asks meanwhile is
    admitted one limit where the control sees all traffic, and one more of the control's in live.
    """
    control = f"crossfade+shm://{table.stem.split('-', 2)[2]}?scope=host"
    with counted(tmp_path, store=shared(table), storage=control) as service:
        service.stage(stage)
        workers = service.statuses().keys()
        before = table.stat().st_ino
        assert mapped(service) == [{before}] * WORKERS

        def ask(path: str) -> Counter[tuple[str, int]]:
            return service.ask_often(f"/{path}", CLIENTS, ASKED)

        with ThreadPoolExecutor(len(PATHS)) as threads:
            asked = {path: threads.submit(ask, path) for path in PATHS}
            until(lambda: service.ask("/fixed", "c")[0] == 429)
            table.unlink()
        until(lambda: table.exists() and mapped(service) == [{table.stat().st_ino}] * WORKERS)
        assert table.stat().st_ino != before and service.statuses().keys() == workers
        until(lambda: not any(status["store"]["remark"] for status in service.statuses().values()))
        for path, statuses in asked.items():
            total = statuses.result() + ask(path)
            for client in CLIENTS:
                assert LIMIT <= total[client, 200] <= quotas * LIMIT, (path, client)
                assert service.ask(f"/{path}", client)[0] == 429
    log = (tmp_path / "log").read_text()
    assert log.count("was removed or replaced") == log.count("from now on") == WORKERS


def test_a_table_that_could_not_be_opened_comes_back(tmp_path: Path, table: Path, until: Callable[..., Any]) -> None:
    """
    Workers open a table again that they could not open when they started. Once it has seen a longest window, the
    candidate answers; until then the control does.
    """
    table.touch()
    table.chmod(0o666)
    with counted(tmp_path, store=shared(table), storage="memory://", rate="40/second") as service:
        service.stage("live")
        stores = [status["store"] for status in service.statuses().values()]
        assert all(str(table) in store["error"] for store in stores)
        told = status_of(tmp_path)
        assert f"in {WORKERS} of {WORKERS} workers: limits count nowhere, so the control judges" in told
        table.unlink()
        until(lambda: not any(status["store"]["error"] for status in service.statuses().values()))
        assert service.ask("/fixed")[0] == 200
        rows = [status["routes"]["fixed"] for status in service.statuses().values()]
        assert sum(row["cold"] for row in rows) == 1 and not any(row["answered_by_candidate"] for row in rows)
        until(lambda: service.ask("/fixed")[0] == 200 and any(row["answered_by_candidate"] for row in rows_of(service)))
        until(lambda: "limits count nowhere" not in status_of(tmp_path))


def test_a_window_that_comes_later_finds_no_room(tmp_path: Path, table: Path, until: Callable[..., Any]) -> None:
    """
    A policy that adds a moving window of a length that the table in use has no room for leaves all other limits as they
    are; status, command line and log say so.
    """
    with counted(tmp_path, store=shared(table), storage="memory://") as service:
        service.stage("live")
        assert service.ask_often("/moving", CLIENTS, ASKED)["a", 200] == LIMIT
        policy = tmp_path / "crossfade.toml"
        more = '[limits.long]\nkey = ["client"]\nrate = "4096/hour"\nstrategy = "moving-window"\n'
        text = policy.read_text().replace('limits = ["fixed"]', 'limits = ["fixed", "long"]')
        (tmp_path / "new").write_text(text + more)
        (tmp_path / "new").rename(policy)
        until(lambda: all(status["store"]["remark"] for status in service.statuses().values()))
        # The policy of that route is another one, so it is held at shadow.
        assert service.ask("/fixed")[0] == 200
        stores = [status["store"] for status in service.statuses().values()]
        assert {(store["error"], store["rings_full"]) for store in stores} == {(None, 1)}
        assert service.ask_often("/moving", ["a", "d"], ASKED) == {
            ("a", 429): ASKED,
            ("d", 200): LIMIT,
            ("d", 429): ASKED - LIMIT,
        }
        assert all(not row["cold"] for row in rows_of(service, "moving"))
        told = f"shared table {table}: no room is left for moving windows of 4096 hits"
        until(lambda: f"in {WORKERS} of {WORKERS} workers: {told}" in status_of(tmp_path))
    assert (tmp_path / "log").read_text().count(told) == WORKERS


def rows_of(service: Counted, route: str = "fixed") -> list[dict[str, Any]]:
    """What each worker knows of a route."""
    return [status["routes"][route] for status in service.statuses().values()]


def status_of(folder: Path) -> str:
    """What `crossfade status` prints."""
    environment = os.environ | {"CROSSFADE_STATE": str(folder / "state")}
    environment |= {"CROSSFADE_POLICY": str(folder / "crossfade.toml")}
    return subprocess.run([str(BINARY), "status"], env=environment, check=True, capture_output=True, text=True).stdout
