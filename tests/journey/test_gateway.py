"""
The gateway with a seam answers as the gateway without one: byte for byte, in every stage, over real connections.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from crossfade import BUILD, Seam

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "python" / "gateway" / "crossfade.toml"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = Path(os.environ.get("CROSSFADE_BIN", TARGET / "debug" / "crossfade"))
ROUTES = ("login", "webhooks", "api.v1", "api.v2", "repos", "blog.page")

JSON = "Content-Type: application/json"
BIG = b'{"name": "' + b"x" * (1 << 20) + b'"}'
# Method, target, header lines, body; a list is sent chunked.
REQUESTS: list[tuple[str, str, list[str], Any]] = [
    ("GET", "/", [], b""),
    ("GET", "//blog/./2024/../caf%c3%a9/?utm_source=x&b=2&a=1&gclid=7&a=%20", [], b""),
    ("HEAD", "/index.php?p=1", [], b""),
    ("GET", "/wp-content/a%2Fb", [], b""),
    ("GET", "/a%0ab?x=%zz", [], b""),
    ("GET", "/a?=&&a=b=c;d", [], b""),
    ("GET", "/%ff%00", [], b""),
    ("GET", "/api%2fv1/dashboard?b=1&a=1&utm_source=x", [], b""),
    ("POST", "/api/v1%2Fdashboard", [JSON], b'{"title": " t "}'),
    ("GET", "/%61pi/v1/dashboard?b=1&a=1&utm_source=x", [], b""),
    ("DELETE", "/comments/1", [], b"body of nobody's route"),
    ("OPTIONS", "*", [], b""),
    ("POST", "/wp-login.php", ["Content-Type: application/x-www-form-urlencoded"], b"log=a&pwd=b"),
    ("POST", "/xmlrpc.php?x=1", ["Content-Type: text/xml"], [b"<a", b"/>"]),
    ("GET", "/wp-login.php", [], b""),
    ("GET", "/api/v1/dashboard?b=2&a=1", [], b""),
    ("POST", "/api/v1/dashboard", [JSON], '{"title": "  caf\u0065\u0301 ", "type": 1, "x": 1.50}'.encode()),
    ("POST", "/api/v1/dashboard", [JSON], [b'{"title"', b': "\\u00e9', b'"}', b" "]),
    ("POST", "/api/v1/dashboard", [JSON + "; charset=utf-8"], b'{"a": 1, "a": 2}'),
    ("POST", "/api/v1/dashboard", [JSON], b'{"title": '),
    ("POST", "/api/v1/dashboard", [JSON], b'{"title": "' + b"x" * 501 + b'"}'),
    ("POST", "/api/v1/dashboard", [JSON], b'{"title": "\xff"}'),
    ("POST", "/api/v1/dashboard", [JSON], b"[" * 5_000),
    ("POST", "/api/v1/dashboard", [JSON], BIG),
    ("POST", "/api/v1/dashboard", [JSON], [BIG[start : start + 65_536] for start in range(0, len(BIG), 65_536)]),
    ("PUT", "/api/v1/dashboard", ["Content-Type: text/plain"], b'{"title": " kept "}'),
    ("POST", "/api/v2/users", [JSON], b'{"data": {"attributes": {"email": "A@Example.ORG", "name": " n "}}}'),
    ("PATCH", "/repos/a/b", [JSON], b'{"name": " n ", "private": "true", "key_id": "7"}'),
    (
        "POST",
        "/webhooks",
        [JSON, "X-GitHub-Hook-ID: 1"],
        b'{"repository": {"created_at": "2024-02-29T12:00:00+02:00"}}',
    ),
    ("GET", "/webhooks", [], b""),
]


@contextmanager
def serving(app: str, **variables: str) -> Iterator[tuple[str, int]]:
    """The gateway with two workers and its backends; its address."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python")} | variables
    command = [sys.executable, "-m", "gateway", "--app", app, "--port", "0", "--no-access-log"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            host, port = re.fullmatch(r"gateway: http://(.+):(\d+) \(2 workers\)\n", line).groups()
            yield host, int(port)
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=30)
    assert "Traceback" not in said
    assert "panicked" not in said


def answers(address: tuple[str, int], requests: list[Any]) -> list[bytes]:
    """What each request is answered, byte for byte but for the date. Each has a connection of its own."""
    given = []
    for number, (method, target, headers, body) in enumerate(requests):
        # A client of its own, so that no limit depends on which worker takes the connection.
        peer = f"203.0.113.{number}"
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: gateway",
            f"X-Forwarded-For: {peer}",
            f"Authorization: t{number}",
        ]
        lines += [*headers, "Connection: close"]
        if isinstance(body, list):
            lines.append("Transfer-Encoding: chunked")
            content = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in body) + b"0\r\n\r\n"
        else:
            content = body
            if body:
                lines.append(f"Content-Length: {len(body)}")
        given.append(exchange(address, "\r\n".join(lines).encode() + b"\r\n\r\n" + content))
    return given


def exchange(address: tuple[str, int], message: bytes) -> bytes:
    received = b""
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(message)
        while part := connection.recv(1 << 16):
            received += part
    return re.sub(rb"\r\ndate: [^\r]*", b"", received)


@pytest.fixture(scope="module")
def plain() -> Iterator[tuple[str, int]]:
    """The gateway as it is."""
    with serving("gateway.app:app") as address:
        yield address


@pytest.fixture(scope="module")
def expected(plain: tuple[str, int]) -> list[bytes]:
    return answers(plain, REQUESTS)


def staged(folder: Path, stage: str) -> dict[str, str]:
    """The environment of a gateway whose routes are all at a stage, and that records."""
    status = Seam.from_file(POLICY, state=folder / "nowhere").status()
    rows = {
        name: {
            "stage": stage,
            "salt": "s",
            "subject": {"build": BUILD, "policy": status["routes"][name]["policy"]},
            "who": "test",
            "why": "test",
            "at": 0,
        }
        for name in ROUTES
    }
    state = folder / "state"
    state.mkdir()
    (state / "stages.json").write_text(json.dumps({"version": 1, "generation": 1, "routes": rows}))
    return {"CROSSFADE_STATE": str(state), "CROSSFADE_CAPTURE": str(folder / "captures")}


def recorded(folder: Path) -> list[dict[str, Any]]:
    command = [str(BINARY), "capture", "show", "--json", str(folder / "captures")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()][:-1]


@pytest.mark.parametrize("stage", ["off", "shadow", "canary:50", "live"])
def test_no_client_can_tell(tmp_path, expected, stage):
    """
    In every stage each request is answered as without the seam, and all of them are on record with their stage.
    """
    with serving("gateway.wiring:app", **staged(tmp_path, stage)) as address:
        given = answers(address, REQUESTS)

    assert list(zip(REQUESTS, given, strict=True)) == list(zip(REQUESTS, expected, strict=True))
    exchanges = recorded(tmp_path)
    assert len(exchanges) == len(REQUESTS)
    routed = [found for found in exchanges if found["route"]]
    assert {found["route"] for found in routed} == set(ROUTES)
    assert {found["stage"] for found in routed} == {stage.partition(":")[0]}
    if stage == "shadow":
        assert {found["authoritative"] for found in routed} == {"control"}
    if stage == "live":
        by_candidate = {found["route"] for found in routed if found["authoritative"] == "candidate"}
        assert by_candidate == set(ROUTES)


@pytest.mark.parametrize("stage", ["off", "shadow", "live"])
def test_limits_are_the_same(tmp_path, plain, stage):
    """
    Over one connection, and so in one worker, the sixth login within a minute is refused with the same words and time.
    """
    head = b"POST /wp-login.php HTTP/1.1\r\nHost: g\r\nX-Forwarded-For: 198.51.100.%d\r\nContent-Length: 3\r\n%s\r\n"
    client = {"off": 1, "shadow": 2, "live": 3}[stage]
    attempts = [head % (client, b"Connection: close\r\n" if last else b"") + b"a=b" for last in [False] * 6 + [True]]
    with serving("gateway.wiring:app", **staged(tmp_path, stage)) as address:
        one, other = (split(exchange(each, b"".join(attempts))) for each in (plain, address))

    assert [answer[0] for answer in one] == [200] * 5 + [429] * 2
    assert [(status, body) for status, body, _ in one] == [(status, body) for status, body, _ in other]
    # Two processes, so two windows: they end within a second or two of each other.
    assert all(abs(ours - theirs) <= 2 for (*_, ours), (*_, theirs) in zip(one, other, strict=True))


def split(received: bytes) -> list[tuple[int, bytes, int]]:
    """Status, body and time to retry of each answer of a connection."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head).group(1))
        retry = re.search(rb"retry-after: (\d+)", head)
        found.append((int(head.split()[1]), received[:length], int(retry.group(1)) if retry else 0))
        received = received[length:]
    return found
