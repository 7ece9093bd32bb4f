"""How a body is written: the profiles of `output`.

Source: docs/policy/bodies.md, "Writers".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from reference.json_text import Members, Number

Name = Callable[[str], Any]


def code_points(name: str) -> Any:
    """As Python compares texts."""
    return name


def utf16(name: str) -> Any:
    """As JavaScript compares them: by 16-bit units, so that U+10000 comes before U+FFFD."""
    return name.encode("utf-16-be", "surrogatepass")


def es6(literal: str) -> str:
    """A number as ECMAScript writes the double that it is: RFC 8785, section 3.2.2.3."""
    number = float(literal)
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The number is 0.digits times ten to the point.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = f"e{point - 1:+d}"
    return sign + digits[0] + ("." + digits[1:] if digits[1:] else "") + power


class Writer:
    """One profile: what stands between members and after names, how texts look, in what order names go.

    Numbers are written as they stand; those of `jcs` were brought to their form when they were read.
    """

    def __init__(self, comma: str, colon: str, *, ascii: bool, order: Name | None = None) -> None:
        self.comma, self.colon, self.ascii, self.order = comma, colon, ascii, order

    def __call__(self, value: Any) -> bytes:
        return self.value(value).encode("utf-8")

    def value(self, value: Any) -> str:
        if isinstance(value, Number):
            return value
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=self.ascii)
        if isinstance(value, Members):
            members = sorted(value, key=lambda m: self.order(m[0])) if self.order else value
            return "{" + self.comma.join(self.value(n) + self.colon + self.value(v) for n, v in members) + "}"
        if isinstance(value, list):
            return "[" + self.comma.join(map(self.value, value)) + "]"
        return {True: "true", False: "false", None: "null"}[value]


WRITERS = {
    "compact": Writer(",", ":", ascii=False),
    "python": Writer(", ", ": ", ascii=True),
    "python_utf8": Writer(", ", ": ", ascii=False),
    "sorted": Writer(",", ":", ascii=False, order=code_points),
    "jcs": Writer(",", ":", ascii=False, order=utf16),
}
