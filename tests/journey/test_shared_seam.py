"""
Limits in one table of a host: two workers admit what one limit says, and no state of that table stops the service.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("limits")
pytest.importorskip("uvicorn")

from counted_service import PATHS, Counted, counted

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
    for left in path.parent.glob(f"{path.name}*"):
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
