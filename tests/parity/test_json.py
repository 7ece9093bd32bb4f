"""Parity: a JSON body goes through the transcoder as through Python's own json, byte for byte.

The control is `json.loads` with number literals kept as text, then `json.dumps`. Where the transcoder says Unsupported,
the reason is looked for independently: it may never be an excuse.
"""

import json
import lzma
import os
import random
import re
import struct
import subprocess
from collections.abc import Iterator
from json.encoder import encode_basestring, encode_basestring_ascii
from pathlib import Path
from typing import Any, NoReturn

import pytest
from built import example
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = 100_000 if os.environ.get("CROSSFADE_LONG") else 5_000
PROFILES = {"p": "Python", "u": "PythonUtf8", "c": "Compact", "s": "Sorted", "o": "Original"}
MAX_DEPTH, MAX_LITERAL, MAX_EXPONENT = 64, 128, 5
ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
TRAFFIC = os.environ.get("CROSSFADE_TRAFFIC")


# The candidate


class Transcoder:
    """The example binary `json_trace`: one body in, one answer out."""

    def __init__(self, binary: Path) -> None:
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, profile: str, body: bytes) -> tuple[str, bytes]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(profile.encode() + struct.pack("<I", len(body)) + body)
        self.process.stdin.flush()
        kind, length = struct.unpack("<cI", self.process.stdout.read(5))
        return kind.decode(), self.process.stdout.read(length)


@pytest.fixture(scope="session")
def transcode() -> Iterator[Transcoder]:
    transcoder = Transcoder(example("json_trace"))
    yield transcoder
    transcoder.process.stdin.close()
    assert transcoder.process.wait(10) == 0


# The control


class Exact(float):
    """A number literal that keeps its text."""

    def __new__(cls, text: str) -> "Exact":
        number = super().__new__(cls, text)
        number.text = text
        return number


class Pairs(list):
    """The members of an object with repeats, to look for duplicates."""


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def dumps(document: Any, profile: str) -> bytes:
    comma, colon = (",", ":") if profile in "cs" else (", ", ": ")
    string = encode_basestring_ascii if profile == "p" else encode_basestring
    encoder = json.JSONEncoder()
    write = json.encoder._make_iterencode(
        {}, encoder.default, string, None, lambda number: number.text, colon, comma, profile == "s", False, False
    )
    return "".join(write(document, 0)).encode()


def control(profile: str, body: bytes) -> bytes | None:
    """The bytes that go on, or None for a body that is refused."""
    try:
        document = json.loads(body, parse_float=Exact, parse_constant=refuse_constant)
        return body if profile == "o" else dumps(document, profile)
    except (ValueError, RecursionError):
        return None


# What is outside the grammar, found another way


def reasons_to_be_unsupported(body: bytes) -> set[bytes]:
    reasons = set()
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        reasons.add(b"json.encoding")
    if json.detect_encoding(body) != "utf-8":
        return {b"json.encoding"}
    literals: list[str] = []
    objects: list[Pairs] = []

    def keep(text: str) -> int:
        literals.append(text)
        return 0

    def open_object(pairs: list[tuple[str, Any]]) -> Pairs:
        objects.append(Pairs(pairs))
        return objects[-1]

    if bracket_depth(body) > MAX_DEPTH:
        reasons.add(b"json.depth")
    try:
        document = json.loads(body, parse_int=keep, parse_float=keep, object_pairs_hook=open_object)
    except (ValueError, RecursionError):
        return reasons
    if any(len(text) > MAX_LITERAL or exponent_digits(text) > MAX_EXPONENT for text in literals):
        reasons.add(b"json.number_length")
    if any(len({name for name, _ in members}) < len(members) for members in objects):
        reasons.add(b"json.duplicate_key")
    if any(re.search("[\ud800-\udfff]", text) for text in strings(document)):
        reasons.add(b"json.lone_surrogate")
    return reasons


def bracket_depth(body: bytes) -> int:
    """Deepest nesting outside strings, also of what is not a document."""
    depth = deepest = 0
    for token in re.findall(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', body, re.DOTALL):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token, 0)
        deepest = max(deepest, depth)
    return deepest


def exponent_digits(literal: str) -> int:
    return len(re.sub(r"^.*[eE][+-]?", "", literal)) if re.search("[eE]", literal) else 0


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Pairs):
        for name, member in value:
            yield name
            yield from strings(member)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


# The comparison


def compare(transcode: Transcoder, profile: str, body: bytes) -> str:
    """Both sides agree on the body, or the transcoder leaves it to the control for a reason; which of these it was."""
    kind, text = transcode(profile, body)
    expected = control(profile, body)
    if kind == "u":
        assert text in reasons_to_be_unsupported(body), (body, text)
        return "unsupported"
    if kind == "i":
        assert (text, expected) == (b"malformed_json", None), body
        return "malformed"
    assert expected is not None, (body, text)
    assert kind == ("s" if expected == body else "r"), (body, text)
    assert kind == "s" or text == expected, body
    assert not reasons_to_be_unsupported(body), body
    return "accepted"


# Documents

LITERALS = [
    "0", "-0", "-0.0", "-0e1", "1.10", "1E5", "1e+05", "1e400", "1e99999", "9007199254740993", "true", "false", "null",
    "1" * 128, "0." + "1" * 126,
]  # fmt: skip
ODD_LITERALS = [
    "01", "1.", ".5", "-", "+1", "NaN", "-Infinity", "Infinity", "tru", "nul", "1_0", "1" * 129, "1" * 5000, "1e100000",
    "0." + "1" * 127, "", "'a'", "[" * 66 + "]" * 66, "[" * 40, "{",
]  # fmt: skip
ESCAPES = [
    r"\n", r"\"", r"\\", r"\/", r"\b", r"\f", r"\r", r"\t", r"\u0041", r"\u00e9", r"\u00E9", r"\u007f", r"\u0000",
    r"\u001F", r"\u2028", r"\ud83d\ude00", r"\uD83D\uDE00", r"\u000a", r"\u0022", r"\u002f", "é", "\x7f", "\u2028",
    "\U0001f600", "\u0080", "\uffff", "/", "<", " ", "text", "a longer text in plain letters",
]  # fmt: skip
ODD_ESCAPES = [
    r"\ud83d", r"\ude00", r"\ud83dx", r"\ud83d\u0041", r"\ud83d\n", r"\x", r"\u12", r"\u+123", r"\u00g0", r"\U0041",
    "\\", "\t", "\x01", "\ud800", '"',
]  # fmt: skip
NAMES = [
    "a", "b", "name", "é", "\\u00e8", "", "\\n", "a name longer than sixteen bytes", "x" * 40, "\x7f", "/",
    *"cdefghijklmnop",
]  # fmt: skip
SPACE = [" ", "  ", "\n", "\r\n\t", "\n" + " " * 20]
ODD_SPACE = ["\u00a0", "\x0b", "\ufeff", "\0", "/**/"]


class Writer:
    """Writes documents at random, of which a share `odd` of all tokens is wrong or outside."""

    def __init__(self, seed: bytes, odd: float) -> None:
        self.random, self.odd = random.Random(seed), odd
        self.spaced = self.random.random() < 0.5

    def pick(self, usual: list[str], odd: list[str]) -> str:
        return self.random.choice(odd if self.random.random() < self.odd else usual)

    def space(self) -> str:
        return self.pick(SPACE, ODD_SPACE) if self.spaced and self.random.random() < 0.3 else ""

    def string(self) -> str:
        return '"' + "".join(self.pick(ESCAPES, ODD_ESCAPES) for _ in range(self.random.randrange(6))) + '"'

    def value(self, depth: int) -> str:
        kind = self.random.randrange(0 if depth else 2, 6 if depth < 5 else 3)
        count = self.random.choice([0, 1, 2, 3, 4, 20])
        if kind == 0:
            return self.pick(LITERALS, ODD_LITERALS)
        if kind == 1:
            return str(self.random.randrange(-(10 ** self.random.randrange(1, 30)), 10**9))
        if kind == 2:
            return self.string()
        if kind == 3:
            items = (self.space() + self.value(depth + 2) + self.space() for _ in range(count))
            return "[" + (",".join(items) or self.space()) + "]"
        names = self.random.sample(NAMES, count)
        if names and self.random.random() < self.odd:
            escaped = f"\\u{ord(names[0][:1] or 'q'):04X}" + names[0][1:]
            names.append(self.random.choice([names[0], json.dumps(names[0])[1:-1], escaped]))
        return "{" + (",".join(self.member(name, depth) for name in names) or self.space()) + "}"

    def member(self, name: str, depth: int) -> str:
        return f'{self.space()}"{name}"{self.space()}:{self.space()}{self.value(depth + 2)}{self.space()}'

    def document(self) -> bytes:
        text = self.space() + self.value(0) + self.space()
        body = bytearray(text.encode("utf-8", "surrogatepass"))
        while self.random.random() < self.odd * 4:
            at = self.random.randrange(len(body) + 1)
            byte = self.random.choice(b'"\\{}[],:0e.-tu \n\0\x1f\x7f\xc3\xed\xa0\x80\xff\xef\xbb\xbf')
            match self.random.randrange(5):
                case 0:
                    body[at : at + 1] = bytes([byte])
                case 1:
                    body[at:at] = bytes([byte])
                case 2:
                    body[at : at + 1] = bytes([self.random.randrange(256)])
                case 3:
                    del body[at : at + 1]
                case _ if self.random.random() < 0.3:
                    del body[at:]
        return bytes(body)


# By seed and not by strategy, which would draw every token and take most of the time.
written_at_random = st.builds(
    lambda seed, odd: Writer(seed, odd).document(),
    st.binary(min_size=8, max_size=8),
    st.sampled_from([0.01, 0.1, 0.0, 0.03]),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=8,
)
written_by_python = st.builds(
    lambda value, indent, ascii, compact: json.dumps(
        value, indent=indent, ensure_ascii=ascii, separators=(",", ":") if compact else None
    ).encode("utf-8", "surrogatepass"),
    values,
    st.none() | st.integers(0, 4),
    st.booleans(),
    st.booleans(),
)
documents = st.integers(0, 4).flatmap(lambda kind: written_by_python if kind == 0 else written_at_random)


@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(documents, st.sampled_from(sorted(PROFILES)))
def test_made_bodies_come_out_as_from_python(transcode: Transcoder, body: bytes, profile: str) -> None:
    """Law: for any bytes, the transcoder and Python agree or the transcoder has a reason to leave it."""
    if body:
        compare(transcode, profile, body)


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_other_encodings_are_left_to_the_control(transcode: Transcoder, profile: str, encoding: str) -> None:
    """Law: what json.loads decodes from other encodings is Unsupported, never malformed and never accepted."""
    for body in ("{}", "0", '{"a": ["é", 1]}'):
        assert compare(transcode, profile, body.encode(encoding)) == "unsupported"


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_extreme_bodies_get_the_right_answer(transcode: Transcoder, profile: str) -> None:
    """Law: depth, size and broken text are answered like Python or left to it."""
    answers = {
        "[" * 64 + "]" * 64: "accepted",
        "[" * 65 + "]" * 65: "unsupported",
        "[" * 5000 + "]" * 5000: "unsupported",
        '{"a":' * 5000 + "1" + "}" * 5000: "unsupported",
        "[" * 64: "malformed",
        '["a", "a' + "é\\n" * 50_000 + '"]': "accepted",
        "[" + "0," * 50_000 + "0]": "accepted",
        "{" + ",".join(f'"{i}":{i}' for i in range(10_000)) + "}": "accepted",
        "{" + ",".join(f'"{i}":{i}' for i in range(10_000)) + ',"77":0}': "unsupported",
        " " * 100_000: "malformed",
        '{"a": 1, "a": 2}': "unsupported",
        '{"a": 1, "a": 2': "malformed",
        '{"\\ud800": 1,}': "malformed",
    }
    for body, answer in answers.items():
        assert compare(transcode, profile, body.encode()) == answer, body[:40]
    assert compare(transcode, profile, b"\xff" * 100_000) == "malformed"
    assert compare(transcode, profile, b'"' + b"\xed\xa0\x80" * 30_000 + b'"') == "unsupported"


@pytest.mark.skipif(not TRAFFIC, reason="CROSSFADE_TRAFFIC names no folder of recorded traffic")
@pytest.mark.parametrize("name", ["api-requests.jsonl.xz", "github-webhooks.jsonl.xz"])
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_recorded_bodies_come_out_as_from_python(transcode: Transcoder, name: str, profile: str) -> None:
    """Law: every recorded body that is JSON is accepted with Python's bytes, every other one is malformed."""
    path = Path(TRAFFIC or "") / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    counts: dict[str, int] = {}
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for body in (json.loads(line).get("body") for line in lines):
            if body:
                answer = compare(transcode, profile, body.encode("utf-8", "surrogateescape"))
                counts[answer] = counts.get(answer, 0) + 1
    print(name, PROFILES[profile], counts)
    assert counts.get("accepted", 0) > 100
    assert not counts.get("unsupported")
