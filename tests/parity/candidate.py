"""The candidate as a program: the example `admit_trace` of the store, one process for a session."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from built import example

Question = dict[str, Any]
"""`policy` as TOML text and what it asks of: see the head of rust/store/examples/admit_trace.rs. Bytes may be bytes."""


class Candidate:
    """Asks questions in batches: all lines are written while the answers are read."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def ask(self, questions: Iterable[Question]) -> list[dict[str, Any]]:
        """The answers, in order. Parts that go on as they came are not in them."""
        listed = list(questions)
        if not listed:
            return []
        listed[-1] = {**listed[-1], "flush": True}
        sent = b"".join(json.dumps(question, default=latin).encode() + b"\n" for question in listed)
        writer = threading.Thread(target=self.send, args=[sent])
        writer.start()
        assert self.process.stdout is not None
        answers = [self.process.stdout.readline() for _ in listed]
        writer.join()
        assert answers[-1], "the candidate ended"
        return [json.loads(answer) for answer in answers]

    def send(self, sent: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(sent)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # The missing answers say it.


def latin(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(type(value).__name__)


@contextmanager
def candidate() -> Iterator[Candidate]:
    """A running candidate."""
    program = example("admit_trace")
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Candidate(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
