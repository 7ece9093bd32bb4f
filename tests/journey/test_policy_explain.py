"""
`crossfade policy explain` and `policy check` as a user runs them.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "python" / "gateway" / "crossfade.toml"
BINARY = os.environ.get("CROSSFADE_BIN", str(ROOT / "target" / "debug" / "crossfade"))
MESSAGE = b"""GET /blog//2016/?utm_source=x&b=2&a=1 HTTP/1.1
Host: example.org
X-Forwarded-For: 192.0.2.7

"""


def run(*arguments: object, stdin: bytes = b"", code: int = 0) -> tuple[str, str]:
    command = [BINARY, "policy", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert done.returncode == code, done
    return done.stdout.decode(), done.stderr.decode()


def test_one_request_operation_by_operation() -> None:
    """
    Who is asking, which keys are counted, what each operation changed, and what goes on.
    """
    out, _ = run("explain", POLICY, "--request", "-", "--peer", "127.0.0.1", stdin=MESSAGE)
    lines = [line.split() for line in out.splitlines()]

    assert ["client", "192.0.2.7"] in lines
    assert any(line[:2] == ["limit", "pages"] and line[-1] == "pages/192.0.2.7" for line in lines)
    assert ["path", "/blog//2016/", "→", "/blog/2016/"] in lines
    assert ["query", "utm_source=x&b=2&a=1", "→", "b=2&a=1"] in lines
    assert ["query", "b=2&a=1", "→", "a=1&b=2"] in lines
    assert ["accepted"] in lines
    assert lines.index(["accepted"]) < lines.index(["path", "/blog/2016/"])


def test_a_request_that_is_outside_says_so() -> None:
    """
    The code that the control is asked for, and what fired on the way to it.
    """
    out, _ = run("explain", POLICY, "--request", "-", stdin=b"GET /a%2Fb HTTP/1.1\n\n")

    assert "unsupported: path.encoded_reserved: the control judges it" in out
    assert out.count("path.encoded_reserved") == 2


def test_without_a_request_the_operations_are_listed() -> None:
    """
    Every route with its limits and its operations in the order in which they act.
    """
    out, _ = run("explain", POLICY)
    route = out[out.index("route webhooks") :].split("\n\n")[0]

    assert route.index("query     sort") < route.index("body      repository.created_at timestamp")


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"", "line 1"),
        (b"GET / HTTP/1.1\nhost example\n\n", "line 2"),
        (b"GET / HTTP/1.1\nhost: example\n", "an empty line ends them"),
        (b"{}", "missing field"),
    ],
)
def test_a_request_that_is_none_is_a_usage_error(message: bytes, complaint: str) -> None:
    """
    What is wrong, on which line; exit code 2.
    """
    _, error = run("explain", POLICY, "--request", "-", stdin=message, code=2)

    assert complaint in error


def test_check_says_what_is_bounded() -> None:
    """
    The structural limits of each route, in bytes that are taken and bytes that are written.
    """
    out, _ = run("check", POLICY)

    assert "body 1,048,576 bytes, " in out
    assert "path not bounded · query 1,048,576 bytes · headers not bounded" in out


def test_check_recommends_and_enforces_nothing() -> None:
    """
    Bounds that servers commonly have and a route does not enforce are named with their values.
    """
    out, _ = run("check", POLICY)

    assert "recommended, not enforced: target.max_bytes = 8190 · headers.max_count = 100" in out
    assert 'max_bytes = "1MiB"' in out
