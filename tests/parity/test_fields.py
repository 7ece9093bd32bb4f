"""Each rule for a single value says what the gateway's own Python says of it, or that it cannot judge.

The control is `gateway.fields` itself; the candidate answers through the example `field_trace`. Values are built from
the grammar of each rule, from its near misses, and by mutation. CROSSFADE_LONG=1 runs twenty times as many.
"""

import json
import os
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
sys.path.insert(0, str(ROOT / "tests"))

from gateway import fields  # noqa: E402
from parity import field_values as values  # noqa: E402
from tables import unicode_assigned  # noqa: E402

EXAMPLES = 100_000 if os.environ.get("CROSSFADE_LONG") == "1" else 5_000

BATCH = 25


def seeds(count: int) -> Callable[[Callable[[Random], None]], Callable[[], None]]:
    """Calls a test with so many sources of chance, in batches, since a drawn example costs more than a value."""

    def decorate(test: Callable[[Random], None]) -> Callable[[], None]:
        @settings(
            max_examples=-(-count // BATCH),
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.integers(0, 2**64 - 1))
        def run(seed: int) -> None:
            dice = Random(seed)
            for _ in range(BATCH):
                test(dice)

        return run

    return decorate


SPELLINGS = {"open": ["reopened", "back"], "Closed": ["done", "shut"], "P1": [], "in_work": ["kept", "asked"]}
NAMES = {name.lower(): name for name in SPELLINGS} | {a: name for name, aliases in SPELLINGS.items() for a in aliases}

CONTROL: dict[str, fields.Rule] = {
    "text": fields.text(12),
    "timestamp": fields.timestamp,
    "uuid": fields.identifier,
    "email": fields.email,
    "integer": fields.integer,
    "boolean": fields.boolean,
    "decimal": fields.decimal(2),
    "enum": fields.enum(SPELLINGS),
}
QUESTION: dict[str, dict[str, Any]] = {op: {"op": op} for op in CONTROL} | {
    "text": {"op": "text", "steps": ["trim", "nfc"], "max_chars": 12},
    "enum": {"op": "enum", "names": NAMES},
}

Ask = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def ask() -> Iterator[Ask]:
    """The candidate: a question in, an answer out."""
    command = ["cargo", "run", "-q", "-p", "crossfade-core", "--example", "field_trace"]
    if trace := os.environ.get("CROSSFADE_FIELD_TRACE"):
        command = [trace]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def question(asked: dict[str, Any], value: Any) -> dict[str, str]:
            kind, text = spelled(value)
            stdin.write(json.dumps(asked | {"kind": kind, "text": text}).encode("ascii") + b"\n")
            line = bytearray()
            while not line.endswith(b"\n"):
                line += stdout.read(65_536) or pytest.fail("field_trace ended")
            answer: dict[str, str] = json.loads(line)
            return answer

        yield question
        process.stdin.close()


def spelled(value: Any) -> tuple[str, str]:
    """JSON type and text of a value as the service reads and writes it."""
    if isinstance(value, str):
        return "string", value
    if isinstance(value, bool):
        return "bool", str(value).lower()
    if isinstance(value, fields.Exact):
        return "number", value.text
    if isinstance(value, int):
        return "number", str(value)
    assert value is None
    return "null", ""


def check(ask: Ask, op: str, value: Any, asked: dict[str, Any] | None = None, control: Any = None) -> str:
    """Holds the answer against the control's; returns its kind, or the code of an Unsupported."""
    answer = ask(asked or QUESTION[op], value)
    kind = answer["answer"]
    if kind == "unsupported":
        return answer["code"]
    try:
        wanted = spelled((control or CONTROL[op])(value))
    except fields.Invalid as refused:
        wanted = ("refused", refused.code)
    if wanted[0] == "refused":
        assert answer == {"answer": "invalid", "code": wanted[1]}, value
        return kind
    if kind in ("string", "literal"):
        literal = "number" if wanted[0] == "number" else "bool"
        assert (("string" if kind == "string" else literal), answer["text"]) == wanted, value
        assert wanted != spelled(value), f"changed nothing: {value!r}"
        again = fields.Exact(answer["text"]) if wanted[0] == "number" else answer["text"]
        again = again == "true" if wanted[0] == "bool" else again
        assert ask(asked or QUESTION[op], again) == {"answer": "same"}, f"not idempotent: {value!r}"
    else:
        # Left alone; what cannot be read stays under the policy's `invalid = "keep"`.
        assert wanted == spelled(value), (value, answer)
        if kind == "invalid":
            assert op not in ("text", "email"), (value, answer)
            assert answer["code"] == f"invalid_{op}"
    return kind


@pytest.mark.parametrize("op", CONTROL)
def test_a_rule_equals_the_control_or_cannot_judge(ask: Ask, op: str) -> None:
    """Near misses, mutations, every JSON type: the same value, the same refusal, or Unsupported."""
    seen: Counter[str] = Counter()

    @seeds(EXAMPLES)
    def compare(dice: Random) -> None:
        seen[check(ask, op, values.ANY[op](dice))] += 1

    compare()
    print(f"\n{op}: {dict(seen.most_common())}")


@pytest.mark.parametrize("op", CONTROL)
def test_inside_the_grammar_a_rule_always_judges(ask: Ask, op: str) -> None:
    """What the declared grammar holds is never Unsupported."""
    seen: Counter[str] = Counter()

    @seeds(EXAMPLES)
    def compare(dice: Random) -> None:
        value = values.DECLARED[op](dice)
        kind = check(ask, op, value)
        seen[kind] += 1
        assert "." not in kind, (value, kind)

    compare()
    print(f"\n{op}: {dict(seen.most_common())}")


@pytest.mark.parametrize("op", CONTROL)
def test_the_accidents_of_python_are_known(ask: Ask, op: str) -> None:
    """Texts that only Python's own parsers read, or that one could think they read."""
    for value in values.ACCIDENTS[op]:
        check(ask, op, value)


@pytest.mark.parametrize(
    "steps", [["trim", "nfc"], ["nfc", "trim"], ["nfc"], ["trim"], ["nfc", "ascii_lower"]], ids="-".join
)
def test_text_steps_run_in_the_order_written(ask: Ask, steps: list[str]) -> None:
    """Each order of steps equals the same Python functions in the same order, and never meets its own result again."""
    python: dict[str, Callable[[str], str]] = {
        "trim": str.strip,
        "nfc": lambda text: unicodedata.normalize("NFC", text),
        "ascii_lower": lambda text: "".join(c.lower() if c.isascii() else c for c in text),
    }
    asked = {"op": "text", "steps": steps}

    def control(value: Any) -> Any:
        for step in steps if isinstance(value, str) else []:
            value = python[step](value)
        return value

    @seeds(EXAMPLES)
    def compare(dice: Random) -> None:
        check(ask, "text", values.ANY["text"](dice), asked, control)

    compare()
    for value in (*values.ACCIDENTS["text"], "H\u0331", "\u212a"):
        check(ask, "text", value, asked, control)


@pytest.mark.parametrize("scale", [0, 1, 2, 8, 27, 28, 30])
@pytest.mark.parametrize("rounding", ["half_even", "half_up", "reject"])
def test_every_scale_and_rounding_of_decimal(ask: Ask, scale: int, rounding: str) -> None:
    """Half up is ROUND_HALF_UP; reject refuses what quantize would call inexact."""
    step = Decimal(1).scaleb(-scale)
    refusing = Context(traps=[InvalidOperation, Inexact])
    asked = {"op": "decimal", "scale": scale, "rounding": rounding}

    def control(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | fields.Exact):
            return value
        try:
            number = Decimal(value.text if isinstance(value, fields.Exact) else value)
        except InvalidOperation:
            return value
        if not number.is_finite():
            return value
        try:
            number = number.quantize(step, ROUND_HALF_UP, refusing if rounding == "reject" else None)
        except (Inexact, InvalidOperation):
            return value
        return fields.Exact(format(number, "f"))

    @seeds(EXAMPLES // 5)
    def compare(dice: Random) -> None:
        value = dice.choice([values.ANY, values.DECLARED])["decimal"](dice)
        check(ask, "decimal", value, asked, fields.decimal(scale) if rounding == "half_even" else control)

    compare()


def test_the_table_is_the_one_of_this_python() -> None:
    """The committed table is what its script makes of Unicode 14.0."""
    if unicodedata.unidata_version != unicode_assigned.VERSION:
        pytest.skip(f"Unicode {unicodedata.unidata_version}")
    assert unicode_assigned.rust() == (ROOT / "rust/core/src/unicode/assigned.rs").read_text()


def test_every_code_point_alone_and_in_a_number(ask: Ask) -> None:
    """No code point of this Python's Unicode is read, trimmed or lower-cased by one side only."""
    for code in range(0x80, 0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        c = chr(code)
        if c.isspace() or c.isnumeric() or unicodedata.decimal(c, None) is not None or c.lower().isascii():
            for text in (c, f"1{c}", f"{c}1", f"a{c}b", f"b{c}c".replace("c", "ack")):
                for op in ("integer", "decimal", "boolean", "enum", "text"):
                    check(ask, op, text)
            check(ask, "uuid", "0" * 31 + c)
    for op in CONTROL:
        check(ask, op, "\u212aept")
