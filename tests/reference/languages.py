"""Accept-Language: docs/policy/headers.md, "Accept-Language"."""

from __future__ import annotations

import re
from typing import Any

from reference.answer import Checks, Outside

LONGEST = 512
MOST = 16
RANGE = r"(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)"
WEIGHT = r"(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)"
ELEMENT = re.compile(rf"{RANGE}(?:[ \t]*;[ \t]*[qQ]={WEIGHT})?")

Headers = list[tuple[bytes, bytes]]


def languages(rule: Any, lines: Headers, checks: Checks) -> Headers:
    """The lines with the languages normalised or negotiated; `rule` is the key `accept_language`."""
    values = [value for name, value in lines if name == b"accept-language"]
    if not values:
        return lines if rule == "normalize" else [*lines, (b"accept-language", rule["default"].encode())]
    try:
        ranges = read(b",".join(values).decode("latin-1"))
    except Outside as form:
        checks.fired(form)
        return lines
    ranges.sort(key=lambda pair: -pair[1])
    written = ",".join(map(weighted, ranges)) if rule == "normalize" else negotiated(rule, ranges)
    first = next(index for index, (name, _) in enumerate(lines) if name == b"accept-language")
    kept = [line for index, line in enumerate(lines) if line[0] != b"accept-language" or index == first]
    return [(name, written.encode() if name == b"accept-language" else value) for name, value in kept]


def read(text: str) -> list[tuple[str, int]]:
    """(range, weight in thousandths), as written. Raises `Outside`."""
    elements = [element.strip(" \t") for element in text.split(",")]
    found = [ELEMENT.fullmatch(element) for element in elements if element]
    if len(text) > LONGEST or len(found) > MOST or not all(found):
        raise Outside("header.accept_language", "invalid_header")
    return [(each[1], thousandths(each[2])) for each in found if each]


def thousandths(weight: str | None) -> int:
    whole, _, digits = (weight or "1").partition(".")
    return int(whole) * 1000 + int(digits.ljust(3, "0"))


def weighted(pair: tuple[str, int]) -> str:
    tag, weight = canonical(pair[0]), pair[1]
    if weight == 1000:
        return tag
    return f"{tag};q=" + (f"0.{weight:03}".rstrip("0") if weight else "0")


def canonical(tag: str) -> str:
    """RFC 5646 §2.1.1."""
    written: list[str] = []
    for index, subtag in enumerate(tag.lower().split("-")):
        plain = index > 0 and subtag.isalpha() and not any(len(before) == 1 for before in written)
        written.append(
            subtag.upper() if plain and len(subtag) == 2 else subtag.title() if plain and len(subtag) == 4 else subtag
        )
    return "-".join(written)


def negotiated(rule: dict[str, Any], ranges: list[tuple[str, int]]) -> str:
    """One tag: RFC 4647 §3.4."""
    known = {tag.lower(): tag for tag in rule["negotiate"]}
    for tag, weight in ranges:
        subtags = tag.lower().split("-") if tag != "*" and weight else []
        while subtags:
            if "-".join(subtags) in known:
                return known["-".join(subtags)]
            subtags.pop()
            if subtags and len(subtags[-1]) == 1:
                subtags.pop()
    return rule["default"]
