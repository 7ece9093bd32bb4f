"""How a case of a suite becomes a request, and what its answer says."""

from __future__ import annotations

import json
from typing import Any

from suites.suite import Answer, Question

JSON = [["content-type", "application/json"]]


def body(json_table: str, document: bytes) -> Question:
    """A body; `json_table` are the lines of [route.json]."""
    policy = route("POST /{rest*}", f"[route.json]\n{json_table}")
    return {"policy": policy, "method": "POST", "headers": JSON, "path": b"/", "body": document}


def value(rule: str, given: Any) -> Question:
    """The value of one field; `rule` is the inside of its inline table."""
    return body(f'output = "python_utf8"\n[route.json.fields]\n"v" = {{ {rule} }}', written({"v": given}))


def values(rule: str, given: list[Any]) -> Question:
    """The items of one array, all with one rule."""
    return body(f'output = "python_utf8"\n[route.json.fields]\n"v[*]" = {{ {rule} }}', written({"v": given}))


def path(target_table: str, raw: bytes) -> Question:
    """A raw path; `target_table` are the lines of [route.target]. The route matches whatever begins with a slash."""
    return {"policy": route("* /{rest*}", f"[route.target]\n{target_table}"), "path": raw}


def query(query_table: str, raw: bytes) -> Question:
    """A query string; `query_table` is the inside of the inline table."""
    return {"policy": route("* /{rest*}", f"[route.target]\nquery = {{ {query_table} }}"), "path": b"/", "query": raw}


def host(raw: bytes) -> Question:
    """The value of the Host header."""
    return {"policy": route("* /{rest*}", "[route.host]\ndefault_ports = []"), "path": b"/", "headers": [["host", raw]]}


def route(match: str, tables: str) -> str:
    """A policy with one route that refuses what is outside."""
    return f'version = 1\n[[route]]\nname = "suite"\nmatch = "{match}"\noutside = "reject"\n{tables}\n'


def written(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8")


def part(question: Question, answer: Answer, name: str) -> bytes | None:
    """What goes on as `path`, `query` or `body`; None where the request does not."""
    if answer.get("outcome") != "accepted":
        return None
    return answer[name].encode("latin-1") if name in answer else question[name]


def came_out(question: Question, answer: Answer) -> Any:
    """What goes on as the value or the values of the field; `...` where the request does not."""
    goes_on = part(question, answer, "body")
    return ... if goes_on is None else json.loads(goes_on).get("v", ...)
