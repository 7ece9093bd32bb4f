"""The Unicode Character Database: normalisation, folding and the sets that the text steps use, inside Unicode 14.0."""

from __future__ import annotations

import bz2
from collections.abc import Iterator

from suites import asked
from suites.sources import files
from suites.suite import Answer, Case, Exclusion, Question, Suite, invalid

PACKAGES = ("unicode-data",)
FOLDER = "usr/share/unicode/"
FROZEN = (14, 0)
TOGETHER = 2048  # so many code points share a request
SEPARATORS = range(0x1C, 0x20)  # What str.strip() removes and White_Space does not have.
SCALARS = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]


def rows(name: str) -> Iterator[list[str]]:
    """The fields of each line that is not empty or a comment."""
    held = files("unicode-data")
    text = held[FOLDER + name] if FOLDER + name in held else bz2.decompress(held[f"{FOLDER}{name}.bz2"])
    for line in text.decode("utf-8").splitlines():
        fields = [field.strip() for field in line.partition("#")[0].split(";")]
        if fields != [""] and not fields[0].startswith("@"):
            yield fields


def span(field: str) -> range:
    """The code points of `0041..005A` or `0041`."""
    first, _, last = field.partition("..")
    return range(int(first, 16), int(last or first, 16) + 1)


def points(field: str) -> str:
    """The text of `0041 0301`."""
    return "".join(chr(int(code, 16)) for code in field.split())


def ages() -> dict[int, tuple[int, int]]:
    """Code point to the version that assigned it."""
    return {
        code: (int(major), int(minor))
        for field, age in rows("DerivedAge.txt")
        for major, minor in [age.split(".")]
        for code in span(field)
    }


def normalization() -> Iterator[Case]:
    """Each row, and every code point that Part 1 does not list, which no form changes."""
    age, listed = ages(), set()
    for number, fields in enumerate(rows("NormalizationTest.txt"), 1):
        columns = [points(field) for field in fields[:5]]
        listed |= {columns[0]} if len(columns[0]) == 1 else set()
        newer = any(age[ord(char)] > FROZEN for column in columns for char in column)
        yield stays_or_becomes(
            f"{number}: {fields[0]}" + (", newer than 14.0" if newer else ""),
            (asked.values('text = ["nfc"]', columns), [columns[1]] * 3 + [columns[3]] * 2),
            (asked.values('text = ["nfkc"]', columns), [columns[3]] * 5),
        )
    # U+0000 to U+FFFF and so on; noncharacters have an age, and are not assigned.
    others = [chr(c) for c in SCALARS if age.get(c, (99, 0)) <= FROZEN and not noncharacter(c) and chr(c) not in listed]
    for begin in range(0, len(others), TOGETHER):
        some = others[begin : begin + TOGETHER]
        yield stays_or_becomes(
            f"unlisted {ord(some[0]):04X} to {ord(some[-1]):04X}",
            # A line feed composes with nothing, so each code point is on its own.
            (asked.values('text = ["nfc"]', ["\n".join(some)]), ["\n".join(some)]),
            (asked.values('text = ["nfkc"]', ["\n".join(some)]), ["\n".join(some)]),
        )


def noncharacter(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def private(code: int) -> bool:
    return 0xE000 <= code <= 0xF8FF or code >= 0xF0000


def stays_or_becomes(name: str, *expected: tuple[Question, list[str]]) -> Case:
    """A case whose values come out as expected."""

    def wanted(answers: list[Answer]) -> bool:
        pairs = zip(expected, answers, strict=True)
        return all(asked.came_out(question, answer) == texts for (question, texts), answer in pairs)

    return Case(name, tuple(question for question, _ in expected), wanted)


def folding() -> Iterator[Case]:
    """Full case folding: the mappings C and F, and every other code point as itself."""
    age = ages()
    mapped = {chr(int(f[0], 16)): points(f[2]) for f in rows("CaseFolding.txt") if f[1] in {"C", "F"}}
    for char, folded in mapped.items():
        newer = age[ord(char)] > FROZEN
        name = f"{ord(char):04X}, newer than 14.0" if newer else f"{ord(char):04X}"
        yield stays_or_becomes(name, (asked.values('text = ["fold"]', [char]), [folded]))
    others = [chr(c) for c in SCALARS if age.get(c, (99, 0)) <= FROZEN and not noncharacter(c) and chr(c) not in mapped]
    for begin in range(0, len(others), TOGETHER):
        some = others[begin : begin + TOGETHER]
        name = f"unlisted {ord(some[0]):04X} to {ord(some[-1]):04X}"
        yield stays_or_becomes(name, (asked.values('text = ["fold"]', ["".join(some)]), ["".join(some)]))


def removed(step: str, file: str, name: str, text: str) -> Iterator[Case]:
    """A step takes the code points of a property away and leaves every other; `text` has `X` for the code point."""
    listed = {code: None for fields in rows(file) if fields[1] == name for code in span(fields[0])}
    without = text.replace("X", "")
    for code in listed:
        question = asked.values(f'text = ["{step}"]', [text.replace("X", chr(code))])
        yield stays_or_becomes(f"{name} {code:04X}", (question, [without]))
    age = ages()
    kept = [
        code for code in SCALARS if code in age and not private(code) and code not in listed and code not in SEPARATORS
    ]
    for code in SEPARATORS:
        texts = [text.replace("X", chr(code))]
        yield stays_or_becomes(f"not {name} {code:04X}", (asked.values(f'text = ["{step}"]', texts), texts))
    for begin in range(0, len(kept), TOGETHER):
        some = kept[begin : begin + TOGETHER]
        texts = [text.replace("X", chr(code)) for code in some]
        texts = texts if step == "trim" else ["".join(texts)]
        case = f"not {name} {some[0]:04X} to {some[-1]:04X}"
        yield stays_or_becomes(case, (asked.values(f'text = ["{step}"]', texts), texts))


def sets() -> Iterator[Case]:
    yield from removed("trim", "PropList.txt", "White_Space", "XaX")
    yield from removed("strip_bidi", "PropList.txt", "Bidi_Control", "aXb")
    yield from removed("strip_invisible", "DerivedCoreProperties.txt", "Default_Ignorable_Code_Point", "aXb")


def assigned() -> Iterator[Case]:
    """Every code point is assigned or not as DerivedAge says."""
    rule = 'unassigned = "reject"'
    age = ages()
    kept = [code for code in SCALARS if age.get(code, (99, 0)) <= FROZEN and not noncharacter(code)]
    for begin in range(0, len(kept), TOGETHER):
        some = [chr(code) for code in kept[begin : begin + TOGETHER]]
        name = f"assigned {ord(some[0]):04X} to {ord(some[-1]):04X}"
        yield stays_or_becomes(name, (asked.values(rule, ["".join(some)]), ["".join(some)]))
    for code in sorted(code for code, since in age.items() if since > FROZEN):
        yield Case(f"newer {code:04X}", (asked.values(rule, [chr(code)]),), invalid)
    for code in filter(noncharacter, SCALARS):
        yield Case(f"noncharacter {code:04X}", (asked.values(rule, [chr(code)]),), invalid)


NEWER = Exclusion(
    ".*, newer than 14.0",
    "invalid_text",
    "what Unicode 14.0 does not assign is `text.unassigned`: older Pythons do not know it",
)
SUITES = (
    Suite("Unicode NormalizationTest", PACKAGES, "the forms C and KC", normalization, (NEWER,)),
    Suite("Unicode CaseFolding", PACKAGES, "C and F", folding),
    Suite("Unicode PropList", PACKAGES, "the members are removed, no other is", sets, (
        Exclusion(
            "not White_Space 001[C-F]",
            "invalid_text",
            "`str.strip()` removes it: `text.separator`, which the service's Python answers",
        ),
    )),
    Suite("Unicode DerivedAge", PACKAGES, "what is newer than 14.0 is refused", assigned),
)  # fmt: skip
