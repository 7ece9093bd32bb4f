"""
A Redis server for one test.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
WAITS = 10.0


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Any, subprocess.Popen[bytes]]]:
    """A server that keeps nothing; a client of it, and its process."""
    redis = pytest.importorskip("redis")
    if SERVER is None:
        pytest.skip("no redis-server here")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [SERVER, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with (folder / "redis.log").open("wb") as log, subprocess.Popen(command, stdout=log) as process:
        try:
            client = redis.Redis(port=port)
            deadline = time.monotonic() + WAITS
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    assert time.monotonic() < deadline, (folder / "redis.log").read_text()
                    time.sleep(0.01)
            yield client, process
        finally:
            process.kill()
