"""Reads the recorded HTTP of vcrpy cassettes, without a YAML library.

vcrpy writes one narrow, regular shape of YAML. This reader accepts that shape and nothing else: whatever it does not
know, it refuses with the file and the line, so that no recording is ever read as something it is not.
"""

import base64
import binascii
import re
from typing import NamedTuple


class Refused(Exception):
    """The input is not what it should be. The text names the place and says why."""


class Interaction(NamedTuple):
    method: str
    uri: str
    headers: list  # [(name, value)], as recorded, a repeated header once per value
    body: str | bytes | None
    answer_headers: list  # of the recorded response


# Line breaks to YAML 1.1 other than \n, tabs, and characters that must be escaped. The writer never leaves one raw.
_RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_NAME = re.compile(r"([A-Za-z][0-9A-Za-z_-]*):(?=\n)")  # of a header; the writer quotes odd ones
_SINGLE = re.compile(r"'([^']*(?:''[^']*)*)'(?=\n)")
_DOUBLE = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(?=\n)', re.S)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_ESCAPED = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
# Unquoted text that YAML 1.1 may read as null, a truth value, a number or a time. Wider than YAML's own rule on
# purpose: the writer quotes such text, so meeting it bare means that we do not know what was recorded.
_NOT_TEXT = re.compile(r"(?i)~|null|true|false|yes|no|on|off|y|n|<<|=|[-+]?\.(inf|nan)|[-+.]?\d[\d_.,:a-fotxz +-]*")
_PLAIN_START = re.compile(r"[^\s,\[\]{}#&*!|>'\"%@`?:-]|[-?:](?=\S)")


class _Cursor:
    def __init__(self, text, name):
        self.text, self.name, self.pos = text, name, 0

    def refuse(self, why, pos=None):
        line = self.text.count("\n", 0, self.pos if pos is None else pos) + 1
        return Refused(f"{self.name}:{line}: {why}")

    def at(self, what):
        return self.text.startswith(what, self.pos)

    def take(self, what):
        if not self.at(what):
            found = self.text[self.pos :].split("\n", 1)[0][:60]
            raise self.refuse(f"expected {what.rstrip()!r}, found {found!r}")
        self.pos += len(what)

    def name_at(self, indent):
        """The name of the mapping entry that starts here, or None where the mapping ends."""
        start = self.pos + indent
        if not self.at(" " * indent) or self.text.startswith((" ", "- "), start):
            return None
        found = _NAME.match(self.text, start)
        if not found or _NOT_TEXT.fullmatch(found[1]):
            raise self.refuse("expected a header name and a colon")
        self.pos = found.end()
        return found[1]

    def scalar(self, indent):
        """The value that starts after one space; its further lines stand deeper than `indent`."""
        self.take(" ")
        start, mark = self.pos, self.text[self.pos : self.pos + 1]
        if self.at("!!binary |\n"):
            return self._binary(indent)
        if mark in ("'", '"'):
            found = (_SINGLE if mark == "'" else _DOUBLE).match(self.text, start)
            if not found:
                raise self.refuse("a quoted value does not end, or something follows its closing quote")
            raw, self.pos = found[1], found.end() + 1
            lines = self._folded(raw, indent, start)
            return _single(lines) if mark == "'" else self._double(lines, start)
        return self._plain(indent)

    def _folded(self, raw, indent, start):
        lines = raw.split("\n")
        for number, line in enumerate(lines[1:], 1):
            if (line or number == len(lines) - 1) and not line.startswith(" " * (indent + 1)):
                raise self.refuse(f"line {number + 1} of this quoted value is not indented", start)
        return lines

    def _double(self, lines, start):
        """Folds, then unescapes: an escaped line break joins without a space, and an escaped space is kept."""
        out, joined, breaks, last = "", True, 0, len(lines) - 1
        for number, line in enumerate(lines):
            line = line.lstrip(" ") if number else line
            if number < last:
                line, stripped = line.rstrip(" "), line
                slashes = len(line) - len(line.rstrip("\\"))
                if slashes % 2 and line != stripped:
                    raise self.refuse("an escaped space ends a line of this value", start)
                if number and not line:
                    breaks += 1
                    continue
            else:
                slashes = 0
            out += "\n" * breaks if breaks or joined else " "
            joined, breaks = bool(slashes % 2), 0
            out += self._unescaped(line[:-1] if joined else line, start)
        return out

    def _unescaped(self, line, start):
        def one(found):
            code = found[1]
            if len(code) == 1:
                if code not in _ESCAPED:
                    raise self.refuse(f"a broken or unknown escape \\{code} in this value", start)
                return _ESCAPED[code]
            point = int(code[1:], 16)
            if 0xD800 <= point <= 0xDFFF or point > 0x10FFFF:
                raise self.refuse(f"\\{code} in this value is no character", start)
            return chr(point)

        return _ESCAPE.sub(one, line)

    def _plain(self, indent):
        start = self.pos
        found = re.compile(rf"[^\n]*(?:\n+ {{{indent + 1},}}[^ \n][^\n]*)*\n").match(self.text, start)
        if not found or not _PLAIN_START.match(self.text, start):
            raise self.refuse("a kind of value that this reader does not know")
        self.pos = found.end()
        lines = found[0][:-1].split("\n")
        for line in lines:
            if re.search(r":( |$)| #|^ *#", line):
                raise self.refuse("an unquoted value holds ': ' or ' #'", start)
        return _single(lines, quoted=False)

    def text_of(self, indent, null=False):
        """A value that must be text, or bytes, or where `null` says so, nothing."""
        start = self.pos + 1
        value = self.scalar(indent)
        if self.text[start] in "'\"!" or not _NOT_TEXT.fullmatch(value):
            return value
        if null and value == "null":
            return None
        raise self.refuse(f"unquoted {value!r} would not be read as text", start)

    def _binary(self, indent):
        start = self.pos
        found = re.compile(rf"!!binary \|\n((?: {{{indent + 1},}}[A-Za-z0-9+/=]+\n)*)").match(self.text, start)
        self.pos = found.end()
        try:
            return base64.b64decode("".join(found[1].split()), validate=True)
        except binascii.Error as error:
            raise self.refuse(f"broken base64: {error}", start) from None

    def headers(self):
        if self.at(" {}\n"):
            self.take(" {}\n")
            return []
        self.take("\n")
        headers, seen = [], set()
        while name := self.name_at(6):
            if name in seen:
                raise self.refuse(f"header {name!r} stands here twice")
            seen.add(name)
            self.take("\n")
            self.take("      -")
            while True:
                value = self.text_of(6)
                if not isinstance(value, str):
                    raise self.refuse(f"header {name!r} is not text")
                headers.append((name, value))
                if not self.at("      - "):
                    break
                self.take("      -")
        return headers


def _single(lines, quoted=True):
    """Folds: one line break is a space, n+1 are n line breaks."""
    out, breaks, last = lines[0] if len(lines) == 1 else lines[0].rstrip(" "), 0, len(lines) - 1
    for number, line in enumerate(lines[1:], 1):
        line = line.strip(" ") if number < last or not quoted else line.lstrip(" ")
        if not line and number < last:
            breaks += 1
            continue
        out += ("\n" * breaks or " ") + line
        breaks = 0
    return out.replace("''", "'") if quoted else out.rstrip(" ")


def read(data, name):
    """Every interaction of one cassette, in order. `data` is the file's bytes, `name` is what errors call it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused(f"{name}:{line}: not UTF-8") from None
    cursor = _Cursor(text, name)
    if raw := _RAW.search(text):
        raise cursor.refuse(f"a raw {raw[0]!r}", raw.start())
    cursor.take("interactions:\n")
    interactions = []
    while cursor.at("- "):
        interactions.append(_interaction(cursor))
    cursor.take("version: 1\n")
    if cursor.pos != len(text):
        raise cursor.refuse("something follows the end of the cassette")
    if not interactions:
        raise cursor.refuse("no interaction")
    return interactions


def _matching(cursor, what, indent, pattern, number=False):
    start = cursor.pos
    value = cursor.scalar(indent) if number else cursor.text_of(indent)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise cursor.refuse(f"expected {what}, found {value!r}", start)
    return value


def _interaction(cursor):
    cursor.take("- request:\n")
    cursor.take("    body:")
    body = cursor.text_of(4, null=True)
    cursor.take("    headers:")
    headers = cursor.headers()
    cursor.take("    method:")
    method = _matching(cursor, "a method", 4, "[A-Z]+")
    cursor.take("    uri:")
    uri = _matching(cursor, "a URI", 4, ".+")
    cursor.take("  response:\n    body:\n      string:")
    cursor.text_of(6)
    cursor.take("    headers:")
    answer_headers = cursor.headers()
    cursor.take("    status:\n      code:")
    _matching(cursor, "a status code", 6, "[1-5][0-9][0-9]", number=True)
    cursor.take("      message:")
    cursor.text_of(6, null=True)
    return Interaction(method, uri, headers, body, answer_headers)
