"""
Bodies made to hurt: the right answer in bounded time and memory, on a live route of the gateway.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, sys, time
from pathlib import Path

from crossfade import Request
from gateway.wiring import seam

status = seam.status()
rows = {
    name: {"stage": "live", "salt": "s", "subject": {"build": status["build"], "policy": row["policy"]},
           "who": "", "why": "", "at": 0}
    for name, row in status["routes"].items()
}
(Path(sys.argv[1]) / "stages.json").write_text(json.dumps({"version": 1, "generation": 1, "routes": rows}))
while seam.status()["generation"] != 1:
    time.sleep(0.02)

depth = 5_000
bodies = {
    "ten megabytes": b'{"name": "' + b"x" * (10 << 20) + b'"}',
    "five thousand deep": b'{"data":' * depth + b"1" + b"}" * depth,
    "five thousand lists": b"[" * depth + b"]" * depth,
    "a thousand deep": b"[" * 1_000 + b"]" * 1_000,
    "ten thousand names": b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(10_000)) + b"}",
    "one name ten thousand times": b"{" + b",".join(b'"k":%d' % i for i in range(10_000)) + b"}",
    "long number": b'{"data": {"attributes": {"rate": ' + b"9" * 100_000 + b"}}}",
    "invalid UTF-8": b'{"data": {"id": "\\xff\\xfe", "attributes": {"name": "\\xc0\\xaf"}}}',
    "overlong": b'{"na\\xc1\\xadme": "x"}',
    "surrogate": b'{"data": {"id": "\\\\ud800"}}',
    "UTF-16": '{"data": 1}'.encode("utf-16"),
    "NUL": b'{"data": "\\x00"}',
    "cut short": b'{"data": {"id": "x',
    "nothing but quotes": b'"' * 100_000,
    "nothing but backslashes": b'"' + b"\\\\" * 500_000,
}
headers = [(b"content-type", b"application/json")]
answers = {}
for client, (name, body) in enumerate(bodies.items()):
    headers = [(b"content-type", b"application/json"), (b"authorization", b"%d" % client)]
    start = time.perf_counter()
    outcome = seam.admit(Request.of("POST", "/api/v2/x", headers=headers, peer="10.0.0.1", body=body))
    answers[name] = [outcome.kind, outcome.code, time.perf_counter() - start]
after = seam.status()["routes"]["api.v2"]
print(json.dumps({
    "answers": answers,
    "failed": after["failed"],
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""

# What the gateway's own code answers: the candidate says the same, or leaves it to the control.
ANSWERS = {
    "ten megabytes": ("invalid", "too_large"),
    "five thousand deep": ("invalid", "malformed_json"),
    "five thousand lists": ("invalid", "malformed_json"),
    "a thousand deep": ("invalid", "malformed_json"),
    "ten thousand names": ("accepted", None),
    "one name ten thousand times": ("accepted", None),
    "long number": ("invalid", "malformed_json"),
    "invalid UTF-8": ("invalid", "malformed_json"),
    "overlong": ("invalid", "malformed_json"),
    "surrogate": ("accepted", None),
    "UTF-16": ("accepted", None),
    "NUL": ("invalid", "malformed_json"),
    "cut short": ("invalid", "malformed_json"),
    "nothing but quotes": ("invalid", "malformed_json"),
    "nothing but backslashes": ("invalid", "malformed_json"),
}


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict:
    state = tmp_path_factory.mktemp("state")
    environment = os.environ | {"CROSSFADE_STATE": str(state)}
    environment.pop("CROSSFADE_CAPTURE", None)
    program = state / "hostile.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), str(state)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_hostile_body_gets_the_gateways_answer(answered: dict, name: str) -> None:
    """
    Whatever the body, a live route answers as the gateway alone would, without a failure of the candidate.
    """
    assert tuple(answered["answers"][name][:2]) == ANSWERS[name]
    assert answered["failed"] == 0


def test_memory_is_bounded(answered: dict) -> None:
    """
    A body of ten megabytes does not make the worker hold many times that.
    """
    assert answered["megabytes"] < 250
