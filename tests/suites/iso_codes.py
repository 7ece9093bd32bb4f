"""Debian's iso-codes: which codes of countries and currencies there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from string import ascii_uppercase

from suites import asked
from suites.sources import files
from suites.suite import Answer, Case, Exclusion, Suite

COUNTRY, CURRENCY = "country = { alpha3 = true }", "currency = {}"


def listed(standard: str) -> list[dict[str, str]]:
    return json.loads(files("iso-codes")[f"usr/share/iso-codes/json/iso_{standard}.json"])[standard]


def countries() -> Iterator[Case]:
    """Each code in both lengths and in small letters; every other pair of letters is none."""
    entries = listed("3166-1")
    for entry in entries:
        short, long = entry["alpha_2"], entry["alpha_3"]
        yield comes_out(f"{short} {long}", COUNTRY, [short, long, short.lower(), f" {long.lower()}\n"], short)
    known = {entry["alpha_2"] for entry in entries}
    for pair in map("".join, product(ascii_uppercase, repeat=2)):
        if pair not in known:
            yield refused(f"{pair}, no code", COUNTRY, pair)


def currencies() -> Iterator[Case]:
    """Each code, also in small letters; the three-letter codes of countries are none but for those that are both."""
    known = {entry["alpha_3"] for entry in listed("4217")}
    for code in sorted(known):
        yield comes_out(code, CURRENCY, [code, code.lower()], code)
    for code in sorted({entry["alpha_3"] for entry in listed("3166-1")} - known):
        yield refused(f"{code}, no code", CURRENCY, code)


def comes_out(name: str, rule: str, spellings: list[str], code: str) -> Case:
    question = asked.values(rule, spellings)
    return Case(name, (question,), lambda answers: asked.came_out(question, answers[0]) == [code] * len(spellings))


def refused(name: str, rule: str, code: str) -> Case:
    def wanted(answers: list[Answer]) -> bool:
        return answers[0]["outcome"] == "invalid"

    return Case(name, (asked.value(rule, code),), wanted)


SUITES = (
    Suite("ISO 3166-1", ("iso-codes",), "the alpha-2 code, or refused", countries),
    Suite("ISO 4217", ("iso-codes",), "the code, or refused", currencies, (
        Exclusion(
            "ANG|CUC|HRK|SLL|ZWL",
            "invalid_currency",
            "withdrawn between the package's table (April 2023) and ours (June 2025); `also` keeps them",
        ),
    )),
)  # fmt: skip
