"""Every operation alone: the candidate makes of a value what the oracle makes of it, or stops with the same code.

Rules are drawn with any of their arguments, values near the operation's grammar. What a rule wrote goes through it a
second time and stays. CROSSFADE_LONG=1 runs twenty times as many.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from parity.candidate import Candidate, Question
from parity.dice import Dice, by_seeds, inline
from parity.draw_rules import RULES
from parity.draw_values import ANY_TEXT, VALUES, as_json
from parity.oracle import Oracle
from reference import text_assigned
from reference.fields_codes import ALPHA2, ALPHA3, CURRENCIES
from reference.value_sets import FOREIGN_DIGITS

LONG = os.environ.get("CROSSFADE_LONG") == "1"
EXAMPLES = 40_000 if LONG else 2_000

# So many values for each rule, since a policy that is compiled costs more than a value.
RULES_A_BATCH, VALUES_A_RULE = 5, 25

HEAD = 'version = 1\n[[route]]\nname = "value"\nmatch = "* /{path*}"\n'

# More codes than these, and the makers draw little that is read.
LEAST_READ = 0.15


def policy(rule: dict[str, Any], output: str, outside: str = "unsupported") -> str:
    return f'{HEAD}outside = "{outside}"\n[route.json]\noutput = "{output}"\n[route.json.fields]\nv = {inline(rule)}\n'


def question(policy: str, body: bytes) -> Question:
    return {"policy": policy, "route": "value", "headers": [["content-type", "application/json"]], "body": body}


def drawn(dice: Dice, op: str) -> Iterator[Question]:
    for _ in range(RULES_A_BATCH):
        rule = RULES[op](dice)
        if dice.chance(0.3):
            rule[dice.choice(["invalid", "wrong_type"])] = "keep"
        output = dice.choice(["python_utf8", "python_utf8", "python", "compact", "jcs"])
        text = policy(rule, output, dice.choice(["unsupported", "unsupported", "reject"]))
        for _ in range(VALUES_A_RULE):
            value = (VALUES[op] if dice.chance(0.98) else ANY_TEXT)(dice)
            yield question(text, f'{{"v": {as_json(value)}}}'.encode())


def compare(candidate: Candidate, questions: list[Question]) -> Counter[str]:
    """Holds all answers against the oracle's, asks what was written again; how often each outcome and code came."""
    seen: Counter[str] = Counter()
    oracle, again = Oracle(), []
    for asked, got in zip(questions, candidate.ask(questions), strict=True):
        if "policy_error" in got:
            seen["no policy"] += 1
            continue
        wanted = oracle.ask(asked)
        assert normal(got) == normal(wanted), f"{asked['policy']}\n{asked['body'].decode()}"
        seen[got.get("code", got["outcome"])] += 1
        if "body" in got:
            again.append(asked | {"body": got["body"]})
    for asked, got in zip(again, candidate.ask(again), strict=True):
        same = got["outcome"] == "accepted" and "body" not in got
        assert same, f"not idempotent: {asked['policy']}\n{asked['body']!r} became {got}"
    return seen


def normal(answer: dict[str, Any]) -> dict[str, Any]:
    """What both sides are asked for; the candidate names its route, the oracle repeats headers."""
    plain = {name: answer.get(name) for name in ("outcome", "code", "field", "body")}
    return plain | {"remarks": sorted(map(list, answer.get("remarks", [])))}


@pytest.mark.parametrize("op", RULES)
def test_an_operation_equals_the_oracle(candidate: Candidate, op: str) -> None:
    seen: Counter[str] = Counter()

    @by_seeds(-(-EXAMPLES // (RULES_A_BATCH * VALUES_A_RULE)))
    def run(seed: int) -> None:
        seen.update(compare(candidate, list(drawn(Dice(seed), op))))

    run()
    print(f"\n{op}: {dict(seen.most_common())}")
    assert seen["accepted"] > LEAST_READ * seen.total()
    assert seen["no policy"] < seen.total() / 2


def test_the_tables_of_codes_are_the_same(candidate: Candidate) -> None:
    """Every text of two and three letters is a code on both sides or on neither."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    two = [a + b for a in letters for b in letters]
    three = [a + b for a in two for b in letters]
    for rule, codes in (
        ({"country": {"alpha3": True}}, {*ALPHA2, *ALPHA3}),
        ({"currency": {}}, set(CURRENCIES.split())),
    ):
        texts = two + three
        answers = candidate.ask(question(policy(rule, "compact"), f'{{"v":"{text}"}}'.encode()) for text in texts)
        known = {text for text, answer in zip(texts, answers, strict=True) if answer["outcome"] == "accepted"}
        assert known == codes
    assert (len(ALPHA2), len(ALPHA3)) == (249, 249)


# Ideographs, syllables and private use, in which no operation makes a distinction.
ALIKE = [range(0x3400, 0xA000), range(0xAC00, 0xD7A4), range(0xD800, 0xF900), range(0x17000, 0x1B000)]
ALIKE += [range(0x20000, 0xE0000), range(0xE1000, 0x110000)]

EXHAUSTED = {
    "integer": ({"integer": {}}, ["{}", "1{}"]),
    "decimal": ({"decimal": {"scale": 0, "rounding": "reject"}}, ["{}1", "1{}"]),
    "boolean": ({"boolean": {}}, ["{}on", "o{}"]),
    "uuid": ({"uuid": {}}, ["0" * 31 + "{}"]),
    "enum": ({"enum": {"ask": [], "is": []}}, ["{}s", "as{}", "i{}"]),
    "phone": ({"phone": {}}, ["{}", "+1415555267{}"]),
    "country": ({"country": {}}, ["DE{}", "D{}"]),
    "ip": ({"ip": {}}, ["1.2.3.{}"]),
    "url": ({"url": {}}, ["http://{}/"]),
    "text": ({"text": ["strip_invisible", "collapse", "trim"], "controls": "strip"}, ["a{}", "{}a"]),
    "fold": ({"text": ["nfkc", "fold", "nfkc"], "unassigned": "keep", "max_chars": 2}, ["{}", "ᾀ{}"]),
}


@pytest.mark.parametrize("name", EXHAUSTED)
def test_every_code_point_is_the_same_to_both(candidate: Candidate, name: str) -> None:
    """No code point is white space, a digit, a letter or invisible to one side only.

    Many values stand in one body: their rule is rolled out and says of each what it would have done. The short run
    leaves most planes and scripts out.
    """
    rule, shapes = EXHAUSTED[name]
    table = inline(rule | {"rollout": "observe"})
    text = f'{HEAD}[route.json]\noutput = "compact"\n[route.json.fields]\n"[*]" = {table}\n'
    codes = [code for code in range(0x110000) if not any(code in alike for alike in ALIKE)]
    if not LONG:
        foreign = {ord(digit) + step for digit in FOREIGN_DIGITS for step in (-1, 0, 1)}
        codes = [code for code in codes if code < 0x3400 or code in range(0xF900, 0x10000) or code in foreign]
    asked, oracle = [], Oracle()
    for start in range(0, len(codes), 32):
        values = [shape.format(chr(code)) for code in codes[start : start + 32] for shape in shapes]
        asked.append(question(text, json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()))
    for one, got in zip(asked, candidate.ask(asked), strict=True):
        assert normal(got) == normal(oracle.ask(one)), one["body"].decode()


@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason=f"this is Unicode {unicodedata.unidata_version}")
def test_the_assigned_set_is_that_of_python_3_11() -> None:
    differing = [
        code
        for code in range(0x110000)
        if text_assigned.is_assigned(chr(code)) != (unicodedata.category(chr(code)) != "Cn")
    ]
    assert differing == []
