"""Content-Type: docs/policy/headers.md, "Content-Type"."""

from __future__ import annotations

import re

from reference.answer import Checks, Outside, Refused

LONGEST = 256
TOKEN = rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*"'
TYPE = re.compile(rb"(%b)/(%b)" % (TOKEN, TOKEN))
PARAMETER = re.compile(rb"[ \t]*;[ \t]*(?:(%b)=(%b|%b))?" % (TOKEN, TOKEN, QUOTED))


def normalize(value: bytes, checks: Checks) -> bytes:
    """One value in normal form."""
    try:
        kind, parameters = read(value)
    except Outside as form:
        checks.fired(form)
        return value
    names = [name for name, _ in parameters]
    if len(set(names)) < len(names):
        checks.fired(Refused("duplicate_media_parameter"))
    is_json = kind in (b"application/json", b"text/json") or kind.endswith(b"+json")
    if is_json and any(name == b"charset" and text != b"utf-8" for name, text in parameters):
        checks.fired(Refused("json_charset"))
    written = kind + b"".join(b"; %b=%b" % (name, quoted(text)) for name, text in parameters)
    if len(written) > LONGEST:
        checks.fired(outside())
        return value
    return written


def read(value: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Type and parameters, in lower case but for the values of parameters other than charset. Raises `Outside`."""
    found = TYPE.match(value)
    if len(value) > LONGEST or not found:
        raise outside()
    kind, at, parameters = found[0].lower(), found.end(), []
    while at < len(value):
        found = PARAMETER.match(value, at)
        if not found:
            raise outside()
        if found[1]:
            text = found[2]
            if text.startswith(b'"'):
                text = re.sub(rb"\\(.)", rb"\1", text[1:-1], flags=re.DOTALL)
            name = found[1].lower()
            parameters.append((name, text.lower() if name == b"charset" else text))
        at = found.end()
    return kind, parameters


def quoted(text: bytes) -> bytes:
    if re.fullmatch(TOKEN, text):
        return text
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", text) + b'"'


def outside() -> Outside:
    return Outside("header.content_type", "invalid_header")
