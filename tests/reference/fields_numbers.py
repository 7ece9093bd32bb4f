"""The operations `integer`, `boolean` and `decimal`. Source: docs/policy/values.md."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from reference.answer import Outside, Refused
from reference.json_text import Number
from reference.value_sets import DIGITS, FOREIGN_DIGITS, SPACE, lower, only, strip

WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
MOST_DIGITS = 128
CONTEXT_DIGITS = 28
MOST_EXPONENT = 999_999

INTEGER_SHAPE = DIGITS | FOREIGN_DIGITS | frozenset("+-_" + SPACE)
DECIMAL_SHAPE = DIGITS | FOREIGN_DIGITS | frozenset("+-.eE_")
DECIMAL = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?")

WORDS = {
    "strict": {"true": True, "false": False},
    "forms": {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False},
}
WORDS["letters"] = WORDS["forms"] | {"t": True, "y": True, "f": False, "n": False}


def integer(rule: dict[str, Any], value: Any) -> Any:
    bounded = "min" in rule or "max" in rule
    if isinstance(value, Number):
        if rule.get("numbers", "whole" if bounded else "any") == "any":
            return value
        if not WHOLE.fullmatch(value):
            raise Refused("invalid_integer")
        text = str(value)
    elif isinstance(value, str) and rule.get("from_string", True):
        if not value.isascii():
            if only(value, INTEGER_SHAPE):
                raise Outside("integer.form", "invalid_integer")
            raise Refused("invalid_integer")
        text = value.strip("\t\n\v\f\r ")
        if not re.fullmatch(r"[+-]?[0-9](_?[0-9])*", text):
            raise Refused("invalid_integer")
    else:
        raise Refused("wrong_type")
    digits = text.lstrip("+-").replace("_", "")
    if len(digits) + text.startswith("-") > MOST_DIGITS:
        raise Outside("integer.length", "invalid_integer")
    number = int(digits) * (-1 if text.startswith("-") else 1)
    if not rule.get("min", number) <= number <= rule.get("max", number):
        raise Refused("out_of_range")
    return Number(number)


def boolean(rule: dict[str, Any], value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, Number) or not isinstance(value, str):
        raise Refused("wrong_type")
    found = WORDS[rule.get("words", "forms")].get(lower(strip(value)))
    if found is None:
        raise Refused("invalid_boolean")
    return found


def decimal(rule: dict[str, Any], value: Any) -> Any:
    if not isinstance(value, str):
        raise Refused("wrong_type")
    scale, output = rule["scale"], rule.get("output", "number")
    text = str(value) if isinstance(value, Number) else strip(value)
    found = DECIMAL.fullmatch(text)
    if not found:
        if text and only(text, DECIMAL_SHAPE) and ("_" in text or not text.isascii()):
            raise Outside("decimal.form", "invalid_decimal")
        raise Refused("invalid_decimal")
    sign, whole, fraction, bare_fraction, power = found.groups(default="")
    fraction = fraction or bare_fraction
    power_digits = power.lstrip("+-").lstrip("0") or "0"
    if len(power_digits) > len(str(MOST_EXPONENT)) or int(power_digits) > MOST_EXPONENT:
        raise Outside("decimal.range", "invalid_decimal")
    exponent = int(power_digits) * (-1 if power.startswith("-") else 1)
    kept = rounded((whole + fraction).lstrip("0"), exponent - len(fraction) + scale, rule["rounding"])
    negative = sign == "-"
    if kept == 0 and isinstance(value, Number) and WHOLE.fullmatch(value):
        negative = False
    if kept == 0 and negative and scale == 0 and output == "number":
        raise Outside("decimal.form", "invalid_decimal")
    number = Decimal(-kept if negative else kept).scaleb(-scale)
    if not Decimal(rule.get("min", "-Infinity")) <= number <= Decimal(rule.get("max", "Infinity")):
        raise Refused("out_of_range")
    digits = str(kept).rjust(scale + 1, "0")
    written = ("-" if negative else "") + (f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits)
    return written if output == "string" else Number(written)


def rounded(digits: str, shift: int, rounding: str) -> int:
    """The digits times ten to the shift, as a whole number of at most 28 digits."""
    if not digits:
        return 0
    if shift >= 0:
        if len(digits) + shift > CONTEXT_DIGITS:
            raise Outside("decimal.range", "invalid_decimal")
        return int(digits) * 10**shift
    cut = len(digits) + shift
    left, right = (digits[:cut], digits[cut:]) if cut >= 0 else ("", "0" * min(-cut, 1) + digits)
    if len(left) > CONTEXT_DIGITS:
        raise Outside("decimal.range", "invalid_decimal")
    kept = int(left or "0")
    if not right.strip("0"):
        return kept
    if rounding == "reject":
        raise Refused("invalid_decimal")
    tie = right[0] == "5" and not right[1:].strip("0")
    up = right[0] >= "5" if rounding == "half_up" or not tie else kept % 2 == 1
    kept += up
    if len(str(kept)) > CONTEXT_DIGITS:
        raise Outside("decimal.range", "invalid_decimal")
    return kept
