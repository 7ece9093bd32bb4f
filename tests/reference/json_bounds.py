"""Bounds of a whole body, and the numbers that `jcs` cannot write.

Source: docs/policy/bodies.md, "Bounds" and "Numbers of jcs".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from reference.answer import Checks, Refused
from reference.json_text import DEEPEST, Members, Number, Unread
from reference.sizes import size
from reference.writers import es6

LARGEST_WHOLE = 2**53 - 1


def values(value: Any, depth: int = 0) -> Iterator[tuple[Any, int]]:
    """Every value, and how many containers it lies in."""
    yield value, depth
    if isinstance(value, list):
        for item in value:
            yield from values(item[1] if isinstance(value, Members) else item, depth + 1)


def strings(value: Any) -> Iterator[str]:
    """Every string and every name."""
    for found, _ in values(value):
        if type(found) is str:
            yield found
        elif isinstance(found, Members):
            yield from (name for name, _ in found)


def check(policy: dict[str, Any], body: Any, checks: Checks) -> None:
    deepest = max(depth + isinstance(value, list) for value, depth in values(body))
    keys = max((len(value) for value, _ in values(body) if isinstance(value, Members)), default=0)
    items = max((len(v) for v, _ in values(body) if isinstance(v, list) and not isinstance(v, Members)), default=0)
    longest = max((len(text.encode()) for text in strings(body)), default=0)
    for measured, key, code in (
        (deepest, "max_depth", "too_deep"),
        (keys, "max_keys", "too_many_keys"),
        (items, "max_items", "too_many_items"),
        (longest, "max_string_bytes", "string_too_long"),
    ):
        if measured > size(policy.get(key, DEEPEST if key == "max_depth" else measured)):
            checks.fired(Refused(code))


def form(literal: str) -> str | None:
    """A number as ECMAScript writes it, or None where it has no form."""
    mantissa = literal.lower().partition("e")[0]
    if mantissa == literal and "." not in literal:
        return literal if abs(int(literal)) <= LARGEST_WHOLE else None
    double = float(literal)
    if math.isinf(double) or (double == 0 and mantissa.strip("-0.")):
        return None
    if LARGEST_WHOLE < abs(double) < 1e21:
        return None
    return es6(literal)


def formed(number: Number) -> Number:
    """A number of the body in its form; one without keeps its text."""
    if isinstance(number, Unread):
        return number
    return Number(form(number) or number)


def formed_result(number: Number) -> Number:
    """A number that an operation gave: its form has to be the same number."""
    wanted = form(number)
    if wanted is None or Decimal(wanted) != Decimal(number):
        return Unread(number)
    return Number(wanted)


def any_without_form(body: Any) -> bool:
    return any(isinstance(v, Number) and (isinstance(v, Unread) or form(v) is None) for v, _ in values(body))
