"""
What the README shows works as shown: its policy, its wiring and its commands are taken out of it and run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
ORDERS = Path(__file__).parent / "fixtures" / "orders"
BINARY = os.environ.get("CROSSFADE_BIN", str(ROOT / "target" / "debug" / "crossfade"))


def block(language: str) -> str:
    """The README's one code block in that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return found


def commands() -> list[str]:
    """The commands of "The first hour", without their remarks."""
    lines = README.partition("## The first hour")[2].partition("```\n")[2].partition("```")[0].splitlines()
    return [line.partition("#")[0].strip() for line in lines]


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A folder like a team's repository: the service, the README's policy and wiring, and a capture."""
    shutil.copytree(ORDERS, tmp_path / "orders")
    (tmp_path / "orders" / "wiring.py").write_text(block("python"))
    (tmp_path / "crossfade.toml").write_text(block("toml"))
    requests = [
        {
            "t": 1_700_000_000_000_000 + number * 100_000,
            "method": "POST",
            "target": "/api/orders?utm_source=x&b=2&a=1" if number % 2 else "/api/orders",
            "headers": [["content-type", "application/json"]],
            "client": f"10.0.0.{number % 2}",
            "body": json.dumps(
                {"name": f"  Zoe\u0308 {number} ", "status": "ON", "items": [{"price": 1.255}]}
                | ({"created_at": "2026-05-04T13:30:13+02:00"} if number % 3 else {})
            ),
        }
        for number in range(140)
    ] + [
        {
            "t": 1_700_000_100_000_000,
            "method": "PUT",
            "target": "/api/orders/7",
            "headers": [["content-type", "application/json"]],
            "client": "10.0.0.9",
            "body": "{}",
        }
    ]
    (tmp_path / "requests.jsonl").write_text("".join(json.dumps(request) + "\n" for request in requests))
    run(f"{BINARY} capture import --format jsonl requests.jsonl -o captures", tmp_path)
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{Path(BINARY).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_policy_is_one(service: Path) -> None:
    """
    The policy that the README shows has no error.
    """
    done = run(f"{BINARY} policy check crossfade.toml", service)

    assert (done.returncode, done.stderr) == (0, "")
    assert "api.write" in done.stdout


def test_the_first_hour_goes_as_told(service: Path) -> None:
    """
    Every command of the first hour after the installation ends well, and the replay proves what it judged.
    """
    install, export, replay, stage, status = commands()
    assert (install, export) == ("pip install .", "export CROSSFADE_CAPTURE=captures")

    done = run(replay, service)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "proven for what was judged: nothing unexplained in 141 of 141" in done.stdout

    done = run(stage, service)
    assert (done.returncode, done.stderr) == (0, "")
    assert "api.write: off → shadow, without proof" in done.stdout

    done = run(status, service)
    assert re.search(r"^api\.write +shadow ", done.stdout, re.MULTILINE)

    done = run("crossfade off api.write", service)
    assert "api.write is off" in done.stdout


def test_the_wiring_serves(service: Path) -> None:
    """
    The README's wiring is an ASGI app that serves the whole service while its route is off.
    """
    program = (
        "import asyncio\n"
        "from orders.wiring import app\n"
        "async def main():\n"
        "    scope = {'type': 'http', 'method': 'POST', 'raw_path': b'/api/orders', 'path': '/api/orders',\n"
        "             'query_string': b'', 'headers': [], 'client': ('10.0.0.1', 1)}\n"
        "    async def receive(): return {'type': 'http.request', 'body': b'{}', 'more_body': False}\n"
        "    async def send(message): print(message.get('body', b'').decode(), end='')\n"
        "    await app(scope, receive, send)\n"
        "asyncio.run(main())\n"
    )
    (service / "serve.py").write_text(program)

    done = run(f"{sys.executable} serve.py", service)

    assert (done.stdout, done.stderr) == ('{"served":"whole"}', "")
