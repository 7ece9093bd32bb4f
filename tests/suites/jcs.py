"""RFC 8785, JSON Canonicalization Scheme: the vectors of its author, and those in its text."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from suites import asked
from suites.sources import files
from suites.suite import Case, Exclusion, Suite

PACKAGES = ("serde_json_canonicalizer",)
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


def numbers() -> Iterator[Case]:
    """The numbers of the RFC's appendix B: the bits of a double and how it is written."""
    source = files("serde_json_canonicalizer")["tests/number_formatting.rs"].decode("utf-8")
    for bits, text, name in re.findall(r'#\[case\(0x([0-9a-f]{16}) => "(.+?)" ; "(.+?)"\)\]', source):
        [double] = struct.unpack(">d", bytes.fromhex(bits))
        # With an exponent, so that it is read as the double that it is.
        question = asked.body('output = "jcs"', b"[%b]" % f"{double:.17e}".encode())
        wanted = f"[{text}]".encode()
        yield Case(
            name,
            (question,),
            lambda answers, question=question, wanted=wanted: asked.part(question, answers[0], "body") == wanted,
        )


SUITES = (
    Suite("RFC 8785 vectors", PACKAGES, "the same bytes", cases),
    Suite("RFC 8785 numbers", PACKAGES, "the same text", numbers, (
        Exclusion(
            r"Max (pos|neg) int|~2\*\*68|example [45]",
            "jcs_number",
            "written as an integer beyond 2^53, which other readers take for another number",
        ),
    )),
)  # fmt: skip
