"""Rules for one field by chance: each operation with any of its arguments, mostly such as hold together."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

Rule = dict[str, Any]

SPELLINGS = {"open": ["reopened", "back"], "Closed": ["done", "shut"], "P1": [], "in_work": ["kept", "asked"]}
STEPS = ["trim", "collapse", "nfc", "nfkc", "fold", "ascii_lower", "ascii_upper", "strip_bidi", "strip_invisible"]
ORDERS = [
    ["trim"], ["collapse", "trim"], ["nfc"], ["nfkc"], ["fold"], ["ascii_lower"], ["ascii_upper"],
    ["strip_bidi", "trim"],
    ["strip_invisible", "nfc", "trim"], ["nfkc", "fold", "nfkc"], ["nfc", "ascii_lower", "nfc"], ["nfkc", "trim"],
    ["strip_invisible", "nfkc", "fold", "nfkc", "trim"], ["trim", "nfc"], ["nfc", "collapse", "trim"], ["fold", "nfc"],
    ["nfc", "fold", "nfc"], ["nfc", "ascii_upper", "nfc"], ["ascii_lower", "nfc"], ["trim", "ascii_upper"],
    ["fold", "trim"],
]  # fmt: skip


def some(dice: Random, **keys: Callable[[], Any]) -> Rule:
    """Some of the keys; a value of None leaves its key out."""
    drawn = {name: make() for name, make in keys.items() if dice.random() < 0.5}
    return {name: value for name, value in drawn.items() if value is not None}


def text(dice: Random) -> Rule:
    steps = dice.choice(ORDERS) if dice.random() < 0.8 else dice.sample(STEPS, dice.randint(1, 3))
    rule = some(
        dice,
        max_chars=lambda: dice.choice([1, 3, 5, 8, 12, 100]),
        max_bytes=lambda: dice.choice([1, 4, 8, 16, 24, "1KiB"]),
        controls=lambda: dice.choice(["keep", "strip", "keep_tnl", "reject"]),
        unassigned=lambda: dice.choice(["outside", "keep", "reject"]),
        min_chars=lambda: dice.choice([1, 2, 3]) if dice.random() < 0.4 else None,
    )
    return rule | {"text": steps} if dice.random() < 0.9 or not rule else rule


def integer(dice: Random) -> Rule:
    low, high = sorted([dice.randint(-1000, 1000), dice.choice([0, 10, 999, 2**63 - 1])])
    arguments = some(
        dice,
        from_string=lambda: dice.choice([True, False]),
        numbers=lambda: dice.choice(["any", "whole"]),
        min=lambda: low if dice.random() < 0.5 else None,
        max=lambda: high if dice.random() < 0.5 else None,
    )
    if arguments.keys() & {"min", "max"} and arguments.get("numbers") == "any":
        del arguments["numbers"]
    return {"integer": arguments}


def boolean(dice: Random) -> Rule:
    return {"boolean": some(dice, words=lambda: dice.choice(["forms", "letters", "strict"]))}


def decimal(dice: Random) -> Rule:
    scale = dice.choice([0, 1, 2, 2, 3, 8, 17, 18])
    return {
        "decimal": {"scale": scale, "rounding": dice.choice(["half_even", "half_up", "reject"])}
        | some(
            dice,
            output=lambda: dice.choice(["number", "string"]),
            min=lambda: dice.choice(["0", "-5", "-100.5" if scale else "-100", "0.01" if scale > 1 else "1"]),
            max=lambda: dice.choice(["100", "99.9" if scale else "99", "99999999999999999999999999"[: 28 - scale]]),
        )
    }


def timestamp(dice: Random) -> Rule:
    return {
        "timestamp": {"digits": dice.randint(0, 9)}
        | some(dice, naive=lambda: dice.choice(["utc", "reject"]), epoch=lambda: dice.choice(["s", "ms"]))
    }


def uuid(dice: Random) -> Rule:
    return {"uuid": some(dice, braces=lambda: dice.random() < 0.7, urn=lambda: dice.random() < 0.7)}


def email(dice: Random) -> Rule:
    domains = ["gmail.com", "example.org", "b.de"]
    return {
        "email": some(
            dice,
            local=lambda: dice.choice(["keep", "lower"]),
            strip_dots=lambda: dice.sample(domains, dice.randint(1, 2)),
            strip_tag=lambda: dice.sample(domains, dice.randint(1, 2)),
        )
    }


def enum(dice: Random) -> Rule:
    foreign = {"Öl": ["oil"], "Wein": []}
    return {"enum": dice.choice([SPELLINGS, {"open": [], "P1": ["reopened"]}, foreign, SPELLINGS | foreign])}


def codes(op: str) -> Callable[[Random], Rule]:
    def draw(dice: Random) -> Rule:
        also = ["XK", "UK"] if op == "country" else ["HRK", "DEM"]
        arguments = some(dice, also=lambda: dice.sample(also, dice.randint(1, 2)))
        if op == "country":
            arguments |= some(dice, alpha3=lambda: dice.random() < 0.7)
        return {op: arguments}

    return draw


def ip(dice: Random) -> Rule:
    arguments = some(
        dice, version=lambda: dice.choice([4, 6]), mapped=lambda: dice.choice(["outside", "keep", "unmap"])
    )
    version, mapped = arguments.get("version"), arguments.get("mapped")
    if (version == 4 and mapped in ("keep", "outside")) or (version == 6 and mapped == "unmap"):
        del arguments["mapped"]
    return {"ip": arguments}


RULES: dict[str, Callable[[Random], Rule]] = {
    "text": text,
    "integer": integer,
    "boolean": boolean,
    "decimal": decimal,
    "date": lambda _: {"date": {}},
    "timestamp": timestamp,
    "uuid": uuid,
    "email": email,
    "enum": enum,
    "phone": lambda dice: {"phone": some(dice, double_zero=lambda: dice.random() < 0.7)},
    "country": codes("country"),
    "currency": codes("currency"),
    "language": lambda dice: {"language": some(dice, underscore=lambda: dice.random() < 0.7)},
    "ip": ip,
    "cidr": lambda dice: {"cidr": some(dice, version=lambda: dice.choice([4, 6]))},
    "url": lambda dice: {"url": some(dice, fragment=lambda: dice.choice(["keep", "drop"]))},
}
