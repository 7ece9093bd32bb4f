"""The oracle asked as the candidate is asked."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import reference
from parity.candidate import Question


class Oracle:
    """Answers questions as `Candidate.ask` does; every policy keeps its counts until a question says `fresh`."""

    def __init__(self) -> None:
        self.stores: dict[str, reference.Store] = {}

    def ask(self, question: Question) -> dict[str, Any]:
        policy = question["policy"]
        if question.get("fresh") or policy not in self.stores:
            self.stores[policy] = reference.Store()
        request = reference.Request(
            method=octets(question.get("method", "GET")),
            path=octets(question.get("path", "/")),
            query=octets(question.get("query", "")),
            headers=[(octets(name), octets(value)) for name, value in question.get("headers", [])],
            peer=question.get("peer"),
            body=octets(question.get("body", "")),
            given=question.get("given", {}),
        )
        now, store, named = question.get("now", 0), self.stores[policy], question.get("route")
        answer = reference.admit(read(policy), request, now, store, named)
        if answer is None:
            return {"route": None}
        route = read(policy).route(request.method, request.path)
        return {"route": named or (route.name if route else None), **answer.plain()}


@lru_cache(1000)
def read(policy: str) -> reference.Policy:
    return reference.Policy.read(policy)


def octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
