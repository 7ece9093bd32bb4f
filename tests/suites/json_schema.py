"""JSON-Schema-Test-Suite: the formats that a field operation or a part of the policy reads."""

from __future__ import annotations

import json
from collections.abc import Iterator

from suites import asked
from suites.sources import files
from suites.suite import Answer, Case, Exclusion, Suite, accepted, invalid

FOLDER = "json/tests/draft2020-12/optional/format/"
RULES = {
    "date-time": 'timestamp = { digits = 9, naive = "reject" }, wrong_type = "keep"',
    "date": 'date = {}, wrong_type = "keep"',
    "email": 'email = {}, wrong_type = "keep"',
    "uuid": 'uuid = {}, wrong_type = "keep"',
    "ipv4": 'ip = { version = 4 }, wrong_type = "keep"',
    "ipv6": 'ip = { version = 6, mapped = "keep" }, wrong_type = "keep"',
    "uri": 'url = {}, wrong_type = "keep"',
}


def cases(form: str) -> Iterator[Case]:
    for group in json.loads(files("jsonschema")[f"{FOLDER}{form}.json"]):
        for test in group["tests"]:
            if form == "hostname" and not isinstance(test["data"], str):
                continue  # A header is always a text.
            question = (
                asked.host(test["data"].encode("utf-8"))
                if form == "hostname"
                else asked.value(RULES[form], test["data"])
            )
            yield Case(test["description"], (question,), accepted if test["valid"] else refused)


def refused(answers: list[Answer]) -> bool:
    return invalid(answers)


def suite(form: str, *exclusions: Exclusion) -> Suite:
    return Suite(f"JSON Schema `{form}`", ("jsonschema",), "accepted or refused", lambda: cases(form), exclusions)


SUITES = (
    suite("date-time"),
    suite("date"),
    suite("email"),
    suite("hostname"),
    suite("ipv4"),
    suite("ipv6"),
    suite("uuid"),
    suite("uri"),
)
