"""phonenumbers: the example number of every region and kind, in the spellings that it is written in, reads as E.164."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from suites import asked
from suites.sources import files
from suites.suite import Case, Exclusion, Suite

DATA = "phonenumbers/data/region_"


def cases() -> Iterator[Case]:
    seen = set()
    for name, source in sorted(files("phonenumbers").items()):
        if name.startswith(DATA) and name.endswith(".py"):
            code, numbers = region(source)
            for national in numbers:
                if code and (code, national) not in seen:
                    seen.add((code, national))
                    yield case(code, national)


def region(source: bytes) -> tuple[str, list[str]]:
    """The calling code of a region and its example numbers; the file is one Python expression of constants."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    told = [{k.arg: constant(k.value) for k in call.keywords} for call in calls]
    codes = [str(one["country_code"]) for one in told if one.get("country_code")]
    return "".join(codes), [one["example_number"] for one in told if one.get("example_number")]


def constant(node: Any) -> Any:
    return node.value if isinstance(node, ast.Constant) else None


def case(code: str, national: str) -> Case:
    """One number, written plainly, in groups, with brackets and dots, and dialled with 00."""
    grouped = " ".join(national[at : at + 3] for at in range(0, len(national), 3))
    spellings = [
        f"+{code}{national}",
        f"+{code} {grouped}",
        f"(+{code}) {grouped.replace(' ', '-')}",
        f"+{code}.{grouped.replace(' ', '.')}",
        f"00{code} {grouped.replace(' ', '/')}",
    ]
    question = asked.values("phone = { double_zero = true }", spellings)
    wanted = [f"+{code}{national}"] * len(spellings)
    return Case(f"+{code} {national}", (question,), lambda answers: asked.came_out(question, answers[0]) == wanted)


SUITES = (
    Suite("phonenumbers examples", ("phonenumbers",), "five spellings read as E.164", cases, (
        Exclusion(
            r"\+98 9601",
            "invalid_phone",
            "fewer than seven digits",
        ),
    )),
)  # fmt: skip
