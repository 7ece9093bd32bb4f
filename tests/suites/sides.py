"""The two sides that every suite asks: the candidate's program, and the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from parity.candidate import candidate
from parity.oracle import Oracle as Reference

from suites.suite import Answer, Oracle, Question, Side


@contextmanager
def both() -> Iterator[tuple[Side, Oracle]]:
    reference = Reference()

    def oracle(question: Question) -> Answer | None:
        try:
            return changed(question, reference.ask(question))
        except NotImplementedError:
            return None

    with candidate() as running:
        yield lambda asked: list(map(changed, asked, running.ask(asked))), oracle


def changed(question: Question, answer: Answer) -> Answer:
    """An answer without the parts that go on as they came, which may be said or left out, and without the one route."""
    came = {"headers": [], **question}
    return {name: part for name, part in answer.items() if name != "route" and part != plain(came.get(name))}


def plain(part: Any) -> Any:
    if isinstance(part, bytes):
        return part.decode("latin-1")
    return [[plain(one) for one in line] for line in part] if isinstance(part, list) else part
