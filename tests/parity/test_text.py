"""Text steps and their frozen tables: the candidate says what CPython's own `unicodedata` and `str.casefold` say.

The candidate answers through the example `field_trace`, the oracle is `reference.text_steps`. Every assigned code point
goes through every step, and random texts – marks, capitals, white space, what is invisible – through random lists of
steps. CROSSFADE_LONG=1 makes twenty times as many texts.
"""

import json
import os
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from parity import field_values as values
from reference import text_steps
from reference.answer import Outside, Refused
from reference.text_assigned import all_assigned
from tables import unicode_fold

ROOT = Path(__file__).resolve().parents[2]
TEXTS = 2_000_000 if os.environ.get("CROSSFADE_LONG") == "1" else 100_000
FROZEN = "14.0.0"

Rule = dict[str, Any]
STEPS = list(text_steps.STEPS)
SINGLE: list[Rule] = [{"text": [step]} for step in STEPS]
CLOSED: list[Rule] = [
    {"text": ["nfkc", "fold", "nfkc"]},
    {"text": ["nfc", "ascii_lower", "nfc"]},
    {"text": ["strip_invisible", "nfkc", "fold", "nfkc", "collapse", "trim"]},
    {"text": ["nfkc", "trim"], "controls": "strip"},
    {"text": ["nfc"], "controls": "keep_tnl", "unassigned": "keep", "max_chars": 40},
]


@cache
def field_trace() -> list[str]:
    if trace := os.environ.get("CROSSFADE_FIELD_TRACE"):
        return [trace]
    return ["cargo", "run", "-q", "-p", "crossfade-core", "--example", "field_trace"]


def candidate(questions: list[tuple[Rule, str]]) -> list[dict[str, str]]:
    """What the candidate answers, in order."""
    asked = ({"op": "text", "kind": "string", "text": text, **named(rule)} for rule, text in questions)
    lines = b"".join(json.dumps(question).encode("ascii") + b"\n" for question in asked)
    answered = subprocess.run(field_trace(), cwd=ROOT, input=lines, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in answered.splitlines()]


def named(rule: Rule) -> Rule:
    """The rule as `field_trace` spells it."""
    return {"steps" if key == "text" else key: value for key, value in rule.items()}


def oracle(rule: Rule, text: str) -> dict[str, str]:
    """What the specification answers, in the words of `field_trace`."""
    reasons: list[str] = []
    try:
        result = text_steps.text(rule, text, reasons.append)
    except Refused as refused:
        return {"answer": "invalid", "code": refused.code}
    except Outside as outside:
        return {"answer": "unsupported", "code": outside.code}
    if reasons:
        return {"answer": "kept", "code": reasons[0]}
    return {"answer": "same"} if result == text else {"answer": "string", "text": result}


def compare(questions: list[tuple[Rule, str]]) -> Counter[str]:
    """Asks both; counts the kinds of answers."""
    seen: Counter[str] = Counter()
    for (rule, text), answer in zip(questions, candidate(questions), strict=True):
        assert answer == oracle(rule, text), (rule, text)
        seen[answer.get("code") or answer["answer"]] += 1
    return seen


def scalars() -> Iterator[str]:
    return (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)


def test_every_code_point_in_every_step() -> None:
    """Alone where a step could touch it, and all of the assigned ones in rows."""
    rows, row = [], []
    touched = []
    for c in scalars():
        if not all_assigned(c):
            continue
        row.append(c)
        if len(row) == 64:
            rows.append("a".join(row))
            row.clear()
        if any(step(c) != c for name, step in text_steps.STEPS.items() if name != "trim") or c.isspace():
            touched.append(c)
    rows.append("a".join(row))
    seen = compare([(rule, text) for rule in SINGLE + CLOSED for text in rows])
    assert set(seen) == {"same", "string", "too_long"}, seen
    seen = compare([(rule, text) for rule in SINGLE + CLOSED for text in touched])
    assert seen["string"] > 20_000 and seen["text.separator"] > 0, seen


def test_what_is_not_assigned_is_never_read() -> None:
    """The edges of every gap, and some of what lies between them."""
    dice = Random(14)
    edges = [c for c in scalars() if not all_assigned(c) and any(map(all_assigned, neighbours(c)))]
    some = [c for c in (chr(dice.randint(0xE1000, 0x10FFFF)) for _ in range(1000)) if not all_assigned(c)]
    assert len(edges) > 1000
    for rule, code in [
        ({"text": ["nfc"]}, "text.unassigned"),
        ({"text": ["nfkc"]}, "text.unassigned"),
        ({"text": ["trim", "fold"], "controls": "strip"}, "text.unassigned"),
        ({"text": ["fold"], "unassigned": "keep"}, "text.unassigned"),
        ({"unassigned": "reject"}, "unassigned_character"),
    ]:
        seen = compare([(rule, f"{before}{c}") for c in edges + some for before in ("", "é漢")])
        assert set(seen) == {code}, (rule, seen)


def neighbours(c: str) -> Iterator[str]:
    return (chr(code) for code in (ord(c) - 1, ord(c) + 1) if code <= sys.maxunicode and not 0xD800 <= code < 0xE000)


# Marks, what composes in one case only, what folds or decomposes to several, what is invisible.
PIECES = [
    *"\u0300\u0301\u0303\u0304\u0307\u0308\u030a\u030c\u0313\u0314\u0323\u0327\u0331\u0342\u0344\u0345\u034f\u05b7\u0651",
    *"\u093c\u09be\u0ccd\u0dcf\u1161\u11a8\u3099\U0001d165\u200b\u200d\u200e\u202e\ufe0f\ufeff\u00adAHhIiJjKSsTtWwYy",
    *"\u00c5\u00df\u0130\u0131\u0149\u017f\u01c5\u01f0\u0390\u0391\u0399\u03a3\u03b1\u03b9\u03c2\u03c5\u0958\u09c7\u1100\u13a0",
    *"\u1e96\u1e9b\u1f80\u1f97\u1fb3\u1fbe\u212a\u2126\u3164\uab70\uac00\ufb01\ufdfa\uff21\uffa0",
    *"\U00010400\U0001d15e\U0001d400",
]
WHITE = [*" \t\n\r\x1c\x85\xa0\u1680\u2000\u2028\u3000", "\u00a8", "\u0378", "\0", "\x9f"]


def drawn(dice: Random) -> str:
    if dice.random() < 0.2:
        return values.anything(dice)
    return "".join(dice.choice(PIECES if dice.random() < 0.8 else WHITE) for _ in range(dice.randint(0, 12)))


def rule(dice: Random) -> Rule:
    """A few steps, of which the compiler would refuse some orders, and bounds."""
    made: Rule = {"text": dice.sample([*STEPS, "nfc", "nfkc"], dice.randint(0, 4))}
    for key, choices in BOUNDS.items():
        if dice.random() < 0.2:
            made[key] = dice.choice(choices)
    return made


BOUNDS: dict[str, list[Any]] = {
    "controls": ["keep", "strip", "keep_tnl", "reject"],
    "unassigned": ["outside", "keep", "reject"],
    "max_bytes": [3, 12, 40],
    "max_chars": [2, 5, 9],
    "min_chars": [1, 4],
}


def test_random_texts_in_random_rules() -> None:
    """The same answer, and a second pass changes nothing: where it would, and only there, it is `text.case`."""
    dice = Random(3)
    seen: Counter[str] = Counter()
    rules = [rule(dice) for _ in range(TEXTS // 20)]
    questions = [(made, drawn(dice)) for made in rules for _ in range(20)]
    for (made, text), answer in zip(questions, candidate(questions), strict=True):
        said = oracle(made, text)
        rewriting = {key: value for key, value in made.items() if key in ("text", "controls")}
        changes_again = said["answer"] == "string" and oracle(rewriting, said["text"]) != {"answer": "same"}
        if answer == {"answer": "unsupported", "code": "text.case"}:
            assert changes_again, (made, text)
        else:
            assert answer == said, (made, text)
            assert not changes_again, (made, text)
        seen[answer.get("code") or answer["answer"]] += 1
    assert min(seen.values()) > TEXTS / 2000, seen
    assert len(seen) == 9, seen


def test_the_tables_are_those_of_this_python() -> None:
    """The committed table is what its script makes of Unicode 14.0; White_Space is what str.strip takes, but four."""
    white = {c for c in scalars() if all_assigned(c) and c.isspace()}
    assert white == set(text_steps.SPACE) | set("\x1c\x1d\x1e\x1f")
    if unicodedata.unidata_version != FROZEN:
        pytest.skip(f"Unicode {unicodedata.unidata_version}")
    assert unicode_fold.rust() == (ROOT / "rust/core/src/unicode/fold_table.rs").read_text()


def test_the_invisible_sets_are_what_unicode_derives() -> None:
    """Bidi_Control has directions of its own; Default_Ignorable_Code_Point is derived as its file says."""
    embedding = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    bidi = {c for c in scalars() if unicodedata.bidirectional(c) in embedding} | set("\u061c\u200e\u200f")
    assert {c for c in scalars() if text_steps.BIDI_CONTROL.fullmatch(c)} == bidi

    # Cf, but for annotations, marks that stand before what they enclose, and what joins hieroglyphs; variation
    # selectors; and the few that are listed: the joiner of graphemes, fillers, vowels that are inherent.
    visible = [*range(0xFFF9, 0xFFFC), *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD]
    visible += range(0x13430, 0x13440)
    listed = [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810)]
    listed += [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
    derived = {chr(code) for code in listed}
    derived |= {c for c in scalars() if all_assigned(c) and unicodedata.category(c) == "Cf" and ord(c) not in visible}
    removed = {c for c in scalars() if text_steps.DEFAULT_IGNORABLE.fullmatch(c)}
    assert {c for c in removed if all_assigned(c)} == derived
    assert len(removed) == 4174


def test_the_chapter_counts_right() -> None:
    """Out of how many code points nfkc makes structure, and how much longer a step makes a text."""
    assigned = [c for c in scalars() if all_assigned(c)]
    for made, count in {"/": 5, "@": 2, "%": 2, "\\": 2, ".": 31, " ": 67}.items():
        assert sum(c > "\x7f" and made in text_steps.STEPS["nfkc"](c) for c in assigned) == count, made
    growth = {name: max(len(step(c).encode()) / len(c.encode()) for c in assigned) for name, step in FORMS.items()}
    assert growth == {"nfkc": 11, "nfc": 3, "fold": 3}


FORMS = {name: text_steps.STEPS[name] for name in ("nfkc", "nfc", "fold")}
