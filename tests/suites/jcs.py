"""RFC 8785, JSON Canonicalization Scheme: the vectors of its author, and those in its text."""

from __future__ import annotations

from collections.abc import Iterator

from suites import asked
from suites.sources import files
from suites.suite import Case, Suite

INPUT, OUTPUT = "tests/resources/testdata/input/", "tests/resources/testdata/output/"
TEXT = "tests/resources/rfc_"


def cases() -> Iterator[Case]:
    held = files("serde_json_canonicalizer")
    pairs = {name: name.replace(INPUT, OUTPUT) for name in held if name.startswith(INPUT)}
    pairs |= {n: n.replace(".input.", ".expected.") for n in held if n.startswith(TEXT) and ".input." in n}
    for name, expected in sorted(pairs.items()):
        question = asked.body('output = "jcs"', held[name])
        wanted = held[expected].removesuffix(b"\n")
        yield Case(
            name.removeprefix("tests/resources/").removeprefix("testdata/input/"),
            (question,),
            lambda answers, question=question, wanted=wanted: asked.part(question, answers[0], "body") == wanted,
        )


SUITES = (Suite("RFC 8785 vectors", ("serde_json_canonicalizer",), "the same bytes", cases),)
