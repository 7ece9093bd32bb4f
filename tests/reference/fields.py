"""One rule for one value.

Source: docs/policy/bodies.md, "Field rules". Values are None, bool, str, `Number` (the literal as it stood in the
body), a list, and `Members` for an object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference import fields_addresses, fields_codes, fields_names, fields_numbers, fields_time, text_steps
from reference.answer import Refused
from reference.json_text import Number

__all__ = ["LEFT_OUT", "Number", "apply", "operation", "treat"]

Kept = Callable[[str], None]

OPERATIONS: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "boolean": fields_numbers.boolean,
    "cidr": fields_addresses.cidr,
    "country": fields_codes.country,
    "currency": fields_codes.currency,
    "date": fields_time.day,
    "decimal": fields_numbers.decimal,
    "email": fields_names.email,
    "enum": fields_names.enum,
    "integer": fields_numbers.integer,
    "ip": fields_addresses.ip,
    "language": fields_codes.language,
    "phone": fields_names.phone,
    "timestamp": fields_time.timestamp,
    "url": fields_addresses.url,
    "uuid": fields_names.uuid,
}


def unheard(_: str) -> None:
    """Nobody asks why a value stays."""


class LeftOut:
    """What is there no more; the only one is `LEFT_OUT`."""


LEFT_OUT = LeftOut()


def operation(rule: dict[str, Any]) -> Callable[[Any, Kept], Any] | None:
    """The operation of a rule, or None where it has none."""
    if text_steps.KEYS & rule.keys():
        return lambda value, kept: text_steps.text(rule, value, kept)
    for name, operate in OPERATIONS.items():
        if name in rule:
            return lambda value, _: operate(rule[name], value)
    return None


def apply(rule: dict[str, Any], value: Any, kept: Kept = unheard) -> Any:
    """What the operation of `rule`, an inline table of `[route.json.fields]`, makes of a present `value`.

    Raises `Outside` or `Refused` without a field; the caller adds it. `kept` hears the code of a value that stays for a
    reason.
    """
    operate = operation(rule)
    if operate is None:
        return value
    try:
        if isinstance(value, list):
            raise Refused("wrong_type")
        return operate(value, kept)
    except Refused as refused:
        way_out = "wrong_type" if refused.code == "wrong_type" else "invalid"
        if rule.get(way_out) == "keep":
            return value
        raise


def treat(rule: dict[str, Any], value: Any, kept: Kept = unheard) -> Any:
    """The steps of one value but `rename`: what stands there from now on, or `LEFT_OUT`."""
    if rule.get("drop"):
        return LEFT_OUT
    if value is None and "null" in rule:
        if rule["null"] == "reject":
            raise Refused("null_value")
        return LEFT_OUT if rule["null"] == "drop" else None
    if value == "" and "empty" in rule:
        return emptied(rule)
    result = apply(rule, value, kept)
    if result == "" and value != "" and "empty" in rule:
        return emptied(rule)
    return result


def emptied(rule: dict[str, Any]) -> Any:
    return {"keep": "", "null": None, "drop": LEFT_OUT}[rule["empty"]]
