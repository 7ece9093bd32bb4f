"""JSON-Schema-Test-Suite: the formats that a field operation or a part of the policy reads."""

from __future__ import annotations

import json
from collections.abc import Iterator

from suites import asked
from suites.sources import files
from suites.suite import Case, Exclusion, Suite, accepted, invalid

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
            yield Case(test["description"], (question,), accepted if test["valid"] else invalid)


def suite(form: str, *exclusions: Exclusion) -> Suite:
    return Suite(f"JSON Schema `{form}`", ("jsonschema",), "accepted or refused", lambda: cases(form), exclusions)


SUITES = (
    suite(
        "date-time",
        Exclusion(
            r"a valid date-time with a leap second, .*",
            "invalid_timestamp",
            "no leap seconds: `datetime` has none",
        ),
        Exclusion(
            "case-insensitive T and Z",
            "invalid_timestamp",
            "a small `z` is `timestamp.form`: some versions of `datetime.fromisoformat` read it",
        ),
    ),
    suite("date"),
    suite(
        "email",
        Exclusion(
            r"a quoted string with a .* in the local part is valid",
            "invalid_email",
            "no quoted local parts, as email-validator by default",
        ),
        Exclusion(
            r"an IPv[46]-address-literal after the @ is valid",
            "invalid_email",
            "no address literals, as email-validator by default",
        ),
    ),
    suite("hostname"),
    suite("ipv4"),
    suite("ipv6"),
    suite(
        "uuid",
        Exclusion("no dashes", "accepted", "32 hex digits are read and written with hyphens, as `uuid.UUID` does"),
    ),
    suite(
        "uri",
        Exclusion(
            r"a valid (URL with ftp scheme|URL |mailto URI|newsgroup URI|tel URI|URN)",
            "invalid_url",
            "`url` reads http and https only",
        ),
        Exclusion(
            "a valid URL with many special characters",
            "invalid_url",
            "no user name and password in a normalised address",
        ),
    ),
)
