"""
A served request in its normal form: what a real server took from a real connection, and what the service behind reads.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from crossfade import BUILD, Seam

POLICY = """
version = 1

[client]
trusted_proxies = ["127.0.0.1"]

[[route]]
name    = "all"
match   = "* /{path*}"
rejects = "problem+json"
rollout = { duplicate_parameter = "warn" }

[route.target]
trailing_slash = "strip"
params         = "strip"

[route.target.query]
drop       = ["@trackers"]
duplicates = "reject"
default    = { page = "1" }

[route.host]
allow = ["example.org"]

[route.headers]
content_type    = "normalize"
accept_language = { negotiate = ["en", "de-CH"], default = "en" }

[route.json]
output    = "jcs"
max_depth = 4

[route.json.fields]
"name"   = { text = ["nfkc", "trim"], rename = "title" }
"phones" = { drop = true }
"ip[*]"  = { ip = {} }

[route.form]
duplicates = "last"

[route.form.fields]
"born" = { date = {}, required = true }
"site" = { url = {} }
"""

SERVICE = """
import json, sys
from crossfade import Outcome, Seam
from crossfade.asgi import CrossfadeMiddleware

seam = Seam.from_file(sys.argv[1], state=sys.argv[2], version="1")
seam.control("all", lambda request: Outcome.accepted())


async def echo(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    said = {
        "target": [scope["raw_path"].decode(), scope["query_string"].decode()],
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode(),
        "warnings": list(scope["crossfade"].warnings),
    }
    content = json.dumps(said).encode()
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


if __name__ == "__main__":
    import uvicorn

    app = CrossfadeMiddleware(echo, seam)
    uvicorn.run(app, port=0, lifespan="off", access_log=False)
"""

Ask = Callable[[str], tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Sends one message to a live service as it stands, and gives status and content."""
    folder = tmp_path_factory.mktemp("live")
    (folder / "crossfade.toml").write_text(POLICY)
    (folder / "service.py").write_text(SERVICE)
    digest = Seam.from_file(folder / "crossfade.toml").status()["routes"]["all"]["policy"]
    row = {"stage": "live", "salt": "s", "subject": {"build": BUILD, "policy": digest}, "who": "t", "why": "t", "at": 0}
    (folder / "state").mkdir()
    (folder / "state" / "stages.json").write_text(json.dumps({"version": 1, "generation": 1, "routes": {"all": row}}))
    command = [sys.executable, str(folder / "service.py"), str(folder / "crossfade.toml"), str(folder / "state")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stderr is not None
        port = 0
        for line in process.stderr:
            if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                port = int(found[1])
                break
        assert port, "the server did not start"

        def send(message: str) -> tuple[int, dict[str, Any]]:
            head, _, body = message.partition("\n\n")
            content = body.encode()
            lines = [*head.splitlines(), f"Content-Length: {len(content)}", "Connection: close"]
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content)
                answer = b"".join(iter(lambda: connection.recv(65_536), b""))
            status, _, content = answer.partition(b"\r\n\r\n")
            return int(status.split()[1]), json.loads(content)

        yield send
        process.send_signal(signal.SIGTERM)


def test_everything_arrives_in_its_normal_form(ask: Ask) -> None:
    """
    Path, query, host, headers and body of one request, all of them spelled in unusual ways.
    """
    status, seen = ask(
        "POST /a;v=1//./%7Eb/?gclid=1&q=%e9t%C3%A9+x&q=2 HTTP/1.1\n".replace("%e9", "")
        + "HOST: Example.ORG.\nX_Forwarded_For: 6.6.6.6\nAccept: a\nAccept: b\nAccept-Language: de;q=0.5, en-gb\n"
        + 'Content-Type: Application/JSON ; Charset="UTF-8"\n\n'
        + '{"phones": [1], "name": " \ufb01n ", "n": 1E2, "ip": ["2001:DB8::0"]}'
    )

    assert status == 200
    assert seen["target"] == ["/a/~b", "q=t%C3%A9+x&q=2&page=1"]
    assert seen["warnings"] == [["duplicate_parameter", None]]
    headers = [header for header in seen["headers"] if header[0] != "content-length"]
    assert headers == [
        ["host", "example.org"],
        ["accept", "a, b"],
        ["accept-language", "en"],
        ["content-type", "application/json; charset=utf-8"],
    ]
    assert seen["body"] == '{"ip":["2001:db8::"],"n":100,"title":"fin"}'
    assert ["content-length", str(len(seen["body"]))] in seen["headers"]


def test_a_form_arrives_in_its_normal_form(ask: Ask) -> None:
    """
    The fields of a form, by the same operations as those of JSON.
    """
    status, seen = ask(
        "POST /f?page=2 HTTP/1.1\nHost: example.org\nContent-Type: application/x-www-form-urlencoded\n\n"
        "x=%7e&born=2000-02-29&site=HTTP%3A%2F%2FA.example%3A80%2F..%2Fb&x=2"
    )

    assert (status, seen["body"]) == (200, "x=2&born=2000-02-29&site=http%3A%2F%2Fa.example%2Fb")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("GET / HTTP/1.1\nHost: evil.example\n\n", "host_not_allowed"),
        ("GET / HTTP/1.1\nHost: example.org\nConnection: X-Forwarded-For\n\n", "connection_names_protected"),
        ("GET / HTTP/1.1\nHost: example.org\nAuthorization: a\nAuthorization: b\n\n", "duplicate_header"),
        ("POST / HTTP/1.1\nHost: example.org\nContent-Type: text/json\n\n[[[[[]]]]]", "too_deep"),
        (
            "POST / HTTP/1.1\nHost: example.org\nContent-Type: application/x-www-form-urlencoded\n\nborn=2001-02-29",
            "invalid_date",
        ),
    ],
)
def test_what_the_policy_forbids_is_refused(ask: Ask, message: str, code: str) -> None:
    """
    A refusal says its code, and the service behind does not see the request.
    """
    status, problem = ask(message)

    assert (status, problem["code"]) == (400, code)


def test_what_is_outside_goes_to_the_control(ask: Ask) -> None:
    """
    The candidate does not read it, so the control answers: here it lets everything go on as it came.
    """
    status, seen = ask("GET /..;/a HTTP/1.1\nHost: EXAMPLE.org\n\n")

    assert status == 200
    assert seen["target"] == ["/..;/a", ""]
    assert ["host", "EXAMPLE.org"] in seen["headers"]
