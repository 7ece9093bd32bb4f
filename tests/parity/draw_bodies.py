"""Policies for JSON bodies, and bodies near them: the fields that the rules name, and what is known to hurt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from parity.dice import Dice, Raw, inline, toml
from parity.draw_rules import RULES
from parity.draw_values import VALUES, WELL_BEHAVED, as_json
from parity.test_json import Writer

Rule = dict[str, Any]
Path = tuple[str, ...]

ITEM = "[*]"
NAMES = ["a", "b", "c", "id", "é", "x.y", "", "a b", "é\u0301", "long_name_of_a_field", "\uffff"]
NEW_NAMES = ["new", "r", "z", "Ä", "\U0001f600"]
OUTPUTS = ["compact", "python", "python_utf8", "sorted", "jcs"]
CODES = """
json.content_type json.encoding json.depth json.duplicate_key json.lone_surrogate json.number_length malformed_json
too_large too_deep too_many_keys too_many_items string_too_long unknown_field jcs_number
"""
TYPES = ["application/json"] * 60 + [
    *("Application/JSON; charset=utf-8", " text/json\t", "application/problem+JSON", "text/plain", "", "é", "a b"),
    *("application/x+json;é", "application/jsonx", "\x0bapplication/json", ";application/json"),
]


@dataclass
class Drawn:
    """A policy's text, and its rules by the steps of their paths."""

    policy: str
    rules: dict[Path, Rule]


def policy(dice: Dice) -> Drawn:
    found = paths(dice)
    rules = {
        path: rule(dice, path, any(other[: len(path)] == path for other in found if other != path)) for path in found
    }
    output = "original" if dice.chance(0.06) else dice.choice(OUTPUTS)
    table: Rule = {"output": output}
    if dice.chance(0.3):
        table |= bounds(dice)
    if any(path[-1] != ITEM for path in rules) and dice.chance(0.4):
        table["unknown"] = dice.choice(["keep", "drop", "reject"])
    if output == "original":
        rules = {path: checking(found) for path, found in rules.items()}
        if table.get("unknown") == "drop":
            del table["unknown"]
    if rules:
        table["fields"] = {written(path): Raw(inline(found)) for path, found in rules.items()}
    route: Rule = {"name": "body", "match": "* /{path*}", "json": table}
    if dice.chance(0.3):
        route["outside"] = "reject"
    if dice.chance(0.35):
        codes = CODES.split() if dice.chance(0.2) else dice.some(CODES.split(), 5)
        route["rollout"] = {code: dice.choice(["observe", "warn"]) for code in codes}
    return Drawn(toml({"version": 1, "route": [route]}), rules)


def paths(dice: Dice) -> list[Path]:
    """Up to eight paths, of which some lie within others or beside them."""
    found: list[Path] = []
    for _ in range(dice.choice([0, 1, 1, 2, 3, 4, 6, 8])):
        path: list[str] = list(dice.choice(found)[: dice.randint(0, 3)]) if found and dice.chance(0.6) else []
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            path.append(ITEM if dice.chance(0.2) else dice.choice(NAMES))
        if tuple(path) not in found:
            found.append(tuple(path))
    return found


def written(path: Path) -> str:
    text = ""
    for step in path:
        if step == ITEM:
            text += step
            continue
        plain = step and not set(step) & set(".[] ")
        text += ("." if text else "") + (step if plain else f'"{step}"')
    return text


def rule(dice: Dice, path: Path, is_around: bool) -> Rule:
    """A rule; one that lies around others may not read its field as one value, nor leave it out."""
    is_item = path[-1] == ITEM
    if not is_item and not is_around and dice.chance(0.08):
        return {"drop": True} | ({"rollout": "observe"} if dice.chance(0.3) else {})
    made: Rule = {}
    if dice.chance(0.75):
        op = dice.choice([*RULES, "text", "text", "integer", "decimal"])
        made |= RULES[op](dice)
        for key in ("wrong_type", "invalid"):
            if dice.chance(0.35):
                made[key] = dice.choice(["keep", "keep", "reject"])
        if is_around:
            made["wrong_type"] = "keep"
    if dice.chance(0.25):
        made["null"] = dice.choice(["reject"] + ["keep"] * bool(made) + ["drop"] * (not is_item))
    if dice.chance(0.25):
        can_be_null = made.get("null") == "keep" or made.get("wrong_type") == "keep" or not made
        made["empty"] = dice.choice(
            ["null"] * can_be_null + ["keep"] * bool(made) + ["drop"] * (not is_item) or ["keep"]
        )
    if not is_item:
        if dice.chance(0.25):
            made["required"] = True
        elif dice.chance(0.25):
            made["default"] = default(dice, made)
        if dice.chance(0.2):
            made["rename"] = dice.choice(NEW_NAMES)
    if made and dice.chance(0.2):
        made["rollout"] = dice.choice(["observe", "warn", "enforce"])
    return made or ({"null": "reject"} if is_item else {"required": True})


def default(dice: Dice, rule: Rule) -> Any:
    for op, value in DEFAULTS.items():
        if op in rule:
            return Raw(f"{value:.{rule[op]['scale']}f}") if op == "decimal" else value
    return dice.choice(["web", "é", 7, Raw("1.50"), Raw("-0.0"), Raw("1e3"), Raw("+1_0.5"), True, False, ""])


DEFAULTS: dict[str, Any] = {
    "text": "web",
    "integer": 5,
    "boolean": True,
    "decimal": 1.25,
    "date": "2024-01-01",
    "uuid": "c0ffee00-1234-4abc-8def-0123456789ab",
    "timestamp": "2024-01-01T00:00:00Z",
    "country": "DE",
    "currency": "EUR",
    "language": "de",
    "phone": "+14155552671",
    "email": "a@b.de",
    "ip": "192.0.2.1",
    "cidr": "10.0.0.0/8",
    "url": "https://a.de/",
    "enum": "open",
}


def checking(rule: Rule) -> Rule:
    """What of a rule may stand where the body goes on as it came."""
    kept = {key: value for key, value in rule.items() if key in ("required", "max_chars", "max_bytes", "min_chars")}
    return kept | ({"null": "reject"} if rule.get("null") == "reject" else {}) or {"required": True}


def bounds(dice: Dice) -> Rule:
    return dice.table(
        {
            "max_bytes": lambda: dice.choice([5, 40, 200, "1KiB"]),
            "max_depth": lambda: dice.choice([1, 2, 3, 5, 63, 64]),
            "max_keys": lambda: dice.choice([1, 2, 4, 8]),
            "max_items": lambda: dice.choice([1, 2, 4]),
            "max_string_bytes": lambda: dice.choice([1, 4, 12, 40]),
        },
        0.4,
    )


# Bodies


def body(dice: Dice, drawn: Drawn) -> bytes:
    kind = dice.random()
    if kind < 0.05:
        return edge(dice)
    if kind < 0.12:
        return Writer(dice.randbytes(8), dice.choice([0.0, 0.01, 0.1])).document()
    text = Tree(dice, drawn.rules).value((), 0)
    if dice.chance(0.05):
        text = mangled(dice, text)
    encoded = text.encode("utf-8", "surrogatepass")
    if dice.chance(0.02):
        at = dice.randint(0, len(encoded))
        encoded = encoded[:at] + dice.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0", b"\xc0\xaf"]) + encoded[at:]
    return encoded


def mangled(dice: Dice, text: str) -> str:
    at = dice.randint(0, len(text))
    piece = dice.choice(['"', ",", "}", "]", "\\", "\0", "1", "\ufeff", "\ud800", ":", "\\ud800", "NaN", "01", "\t"])
    return text[:at] + piece + text[at + dice.randint(0, 1) :]


def edge(dice: Dice) -> bytes:
    """Bodies that are hard as a whole."""
    inner = dice.choice(["", "1", '"a"', '{"a":1,"a":2}', '"\\ud800"', ",", "\0", "1" * 129, "[]", "{}"])
    depth = dice.choice([1, 2, 63, 64, 64, 65, 65, 66, 1000])
    opener, closer = dice.choice([("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
    document = opener * depth + inner + closer * dice.choice([depth, depth, depth, 0])
    text = dice.choice([document, document, "{}", '{"a": "é"}', "[NaN]", "-Infinity", "", " ", "0", "\x0b1", '"\x7f"'])
    tail = dice.choice(["", "", "", " ", "\n", "x", ",", "\x00", "\ufeff", "\udc80"])
    encoding = dice.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
    return (text + tail).encode(encoding, "surrogatepass")


class Tree:
    """Writes a body along the paths of a policy's rules."""

    def __init__(self, dice: Dice, rules: dict[Path, Rule]) -> None:
        self.dice, self.rules = dice, rules
        self.spaces = dice.choice([[""], [""], ["", " "], ["", " ", "\n\t", "\r\n  "]])
        self.calm = dice.chance(0.5)

    def space(self) -> str:
        return self.dice.choice(self.spaces)

    def value(self, here: Path, depth: int) -> str:
        """The value at a place; `here` are the steps to it, with names as the rules have them."""
        steps = {path[len(here)] for path in self.rules if path[: len(here)] == here and len(path) > len(here)}
        chance = self.dice.random()
        if chance < 0.05:
            return self.odd(depth)
        if steps and (chance < 0.9 or here not in self.rules):
            names = sorted(steps - {ITEM})
            if not names or (ITEM in steps and self.dice.chance(0.5)):
                return self.array(here, depth)
            return self.object(here, names, depth)
        if here in self.rules:
            return self.leaf(self.rules[here])
        return self.odd(depth)

    def array(self, here: Path, depth: int) -> str:
        count = self.dice.choice([0, 1, 1, 2, 3, 5])
        items = (self.space() + self.value((*here, ITEM), depth + 1) + self.space() for _ in range(count))
        return "[" + (",".join(items) or self.space()) + "]"

    def object(self, here: Path, names: list[str], depth: int) -> str:
        members: list[str] = []
        for name in names:
            if self.dice.chance(0.12):
                continue
            rename = self.rules.get((*here, name), {}).get("rename")
            shown = rename if rename and self.dice.chance(0.3) else name
            members.append(self.member(shown, self.value((*here, name), depth + 1)))
            if rename and self.dice.chance(0.1):
                members.append(self.member(rename, self.value((*here, name), depth + 1)))
        for name in self.dice.some([*NAMES, *NEW_NAMES, "unknown"], 3) if self.dice.chance(0.4) else []:
            if name not in names or self.dice.chance(0.1):
                members.append(self.member(name, self.odd(depth)))
        self.dice.shuffle(members)
        return "{" + (",".join(members) or self.space()) + "}"

    def member(self, name: str, value: str) -> str:
        text = json.dumps(name, ensure_ascii=self.dice.chance(0.5))
        if name and self.dice.chance(0.05):
            text = f'"\\u{ord(name[0]):04x}{text[2:]}' if name[0].isascii() else text
        return f"{self.space()}{text}{self.space()}:{self.space()}{value}{self.space()}"

    def leaf(self, rule: Rule) -> str:
        chance = self.dice.random()
        if chance < 0.06:
            return self.dice.choice(["null", '""', '" "', "null", '"\\u0000"'])
        if chance < 0.1:
            return self.odd(3)
        if chance < 0.12:
            return self.dice.choice(HURTING)
        op = next((op for op in RULES if op in rule), "text")
        maker = (WELL_BEHAVED if self.calm or self.dice.chance(0.5) else VALUES)[op]
        text = as_json(maker(self.dice))
        return json.dumps(json.loads(text)) if text.startswith('"') and self.dice.chance(0.3) else text

    def odd(self, depth: int) -> str:
        """A value that no rule asked for."""
        if depth < 3 and self.dice.chance(0.2):
            return self.object((), [], 5) if self.dice.chance(0.5) else "[" + self.odd(5) + "]"
        if self.dice.chance(0.1):
            return self.dice.choice(HURTING)
        return self.dice.choice(PLAIN)


PLAIN = [
    *("null", "true", "false", "0", "-0", "1", "-1", "1.50", "1E5", "-0.0", "1e-7", "0.1", "12345678901234567890"),
    *('""', '"a"', '"é"', '"\\u00e9\\n"', '"\\/"', '"\x7f"', '"\U0001f600"', '"\\ud83d\\ude00"', "[]", "{}", "[1,2]"),
]
HURTING = [
    *('{"\\uffff":1,"\\ud83d\\ude00":2,"Z":3,"\\ue000":4}', '{"😀":1,"z":{"￿":1},"￿":1}'),
    *("1" * 128, "1" * 129, "0." + "1" * 127, "1e99999", "1e100000", "1e-00001", "1e400", "1e-400", "9007199254740993"),
    *('"\\ud800"', '"\\ude00\\ud83d"', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', "[[[[1]]]]", '{"a":{"b":{"c":[]}}}'),
    *("9007199254740992", "-9007199254740991", "1e20", "1e21", "0.10000000000000000055", "4.9e-324", "2e-324"),
    *("123456789012345678901.5", "0e400", "-0e5", '"' + "é" * 30 + '"'),
]
