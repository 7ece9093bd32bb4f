"""The two sides that every suite asks: the candidate's program, and the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from parity.candidate import candidate
from reference.decide import admit
from reference.limits import Store
from reference.policy import Policy
from reference.request import Request

from suites.suite import Answer, Oracle, Question, Side

read = lru_cache(maxsize=None)(Policy.read)


def oracle(question: Question) -> Answer | None:
    policy = read(question["policy"])
    parts = {name: octets(question[name]) for name in ("method", "path", "query", "body") if name in question}
    headers = [(octets(name), octets(value)) for name, value in question.get("headers", [])]
    try:
        answer = admit(policy, Request(headers=headers, **parts), 0, Store())  # type: ignore[arg-type]
    except NotImplementedError:
        return None
    return {"route": None} if answer is None else {"route": policy.routes[0].name, **answer.plain()}


def octets(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value


@contextmanager
def both() -> Iterator[tuple[Side, Oracle]]:
    with candidate() as running:
        yield running.ask, oracle
