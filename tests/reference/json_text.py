"""JSON text read into a tree that forgets nothing which a rule or a writer may ask for.

Source: docs/policy/bodies.md, "The JSON that is read". `true`, `false` and `null` become Python's, a number its literal
(`-0` counts as `0`), a string its decoded text (half a surrogate pair stands in it as itself), an array a list, and an
object its members in the order written, repeats and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

DEEPEST = 64
LONGEST_NUMBER, LONGEST_EXPONENT = 128, 5


class Malformed(ValueError):
    """A text that is no JSON."""


class Deep(ValueError):
    """A container within 64 others opens before anything is malformed."""


class Number(str):
    """A JSON number, as its literal."""

    __slots__ = ()


class Unread(Number):
    """A number that is longer than what is read."""

    __slots__ = ()


class Members(list[list[Any]]):
    """The members of an object, each a list of name and value."""

    __slots__ = ()


TOKEN = re.compile(
    r"[ \t\n\r]*(?:"
    r"(?P<mark>[][{},:])"
    r'|"(?P<string>(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<word>true|false|null)"
    r"|(?P<end>\Z))"
)
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
PAIR = re.compile("([\ud800-\udbff])([\udc00-\udfff])")
SURROGATE = re.compile("[\ud800-\udfff]")
SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
WORDS = {"true": True, "false": False, "null": None}


def decoded(inner: str) -> str:
    """The text of a string's inside: escapes undone, two escaped halves of a pair made one code point."""
    if "\\" not in inner:
        return inner
    text = ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else SHORT.get(m[2], m[2]), inner)
    return PAIR.sub(lambda m: chr(0x10000 + ((ord(m[1]) - 0xD800) << 10) + ord(m[2]) - 0xDC00), text)


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each token; the last is ("end", "")."""
    at = 0
    while found := TOKEN.match(text, at):
        kind = found.lastgroup
        assert kind is not None
        yield kind, found[kind]
        if kind == "end":
            return
        at = found.end()
    raise Malformed(f"no token at character {at}")


def parse(text: str, findings: list[str]) -> Any:
    """The value that the whole text is; `findings` gets what is outside, in the order in which it ends in the text.

    Without recursion: a text may be deeper than any stack before it turns out to be too deep.
    """
    root: list[Any] = []
    open_: list[Any] = [root]
    wanted = "value"
    name = ""
    for kind, token in tokens(text):
        inside = open_[-1]
        opens = kind == "mark" and token in "[{"
        if wanted in ("value", "first item") and (opens or kind in ("string", "number", "word")):
            if opens and len(open_) > DEEPEST:
                raise Deep
            value = made(kind, token, findings)
            inside.append([name, value] if isinstance(inside, Members) else value)
            wanted = "next"
            if opens:
                open_.append(value)
                wanted = "first name" if token == "{" else "first item"
        elif wanted in ("first name", "name") and kind == "string":
            name, wanted = made(kind, token, findings), "colon"
        elif (wanted, kind, token) == ("colon", "mark", ":"):
            wanted = "value"
        elif kind == "mark" and inside is not root and token == ("}" if isinstance(inside, Members) else "]"):
            if wanted not in ("next", "first name", "first item"):
                break
            if isinstance(inside, Members) and len({name for name, _ in inside}) < len(inside):
                findings.append("json.duplicate_key")
            open_.pop()
            wanted = "next"
        elif (wanted, kind, token) == ("next", "mark", ",") and inside is not root:
            wanted = "name" if isinstance(inside, Members) else "value"
        elif (wanted, kind) == ("next", "end") and inside is root:
            return root[0]
        else:
            break
    raise Malformed("not one JSON value")


def made(kind: str, token: str, findings: list[str]) -> Any:
    match kind:
        case "string":
            text = decoded(token)
            if SURROGATE.search(text):
                findings.append("json.lone_surrogate")
            return text
        case "number":
            exponent = re.split("[eE][-+]?", token)[1:]
            if len(token) > LONGEST_NUMBER or (exponent and len(exponent[0]) > LONGEST_EXPONENT):
                findings.append("json.number_length")
                return Unread(token)
            return Number("0" if token == "-0" else token)
        case "word":
            return WORDS[token]
    return [] if token == "[" else Members()
