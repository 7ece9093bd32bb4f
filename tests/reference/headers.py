"""The headers: docs/policy/headers.md, "The headers"."""

from __future__ import annotations

import re
from typing import Any

from reference import media_type
from reference.answer import Checks, Outside, Refused
from reference.languages import languages
from reference.sizes import size

Headers = list[tuple[bytes, bytes]]

BLANKS = b" \t"
TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
SINGLE = """
access-control-request-method age authorization content-length content-location content-range content-type date etag
expires from host if-modified-since if-range if-unmodified-since last-modified location max-forwards origin
proxy-authorization range referer retry-after sec-websocket-key sec-websocket-version server traceparent
upgrade-insecure-requests user-agent x-real-ip
"""
LISTS = """
accept accept-charset accept-encoding accept-language access-control-request-headers allow baggage cache-control
connection content-encoding content-language cookie expect forwarded if-match if-none-match keep-alive link pragma
prefer proxy-connection sec-websocket-extensions sec-websocket-protocol te tracestate trailer transfer-encoding upgrade
vary via warning x-forwarded-for
"""
HOP_BY_HOP = """
connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade
"""
PROTECTED = "authorization content-length content-type cookie forwarded host transfer-encoding x-real-ip"


def normalize(
    policy: dict[str, Any], lines: Headers, counted: list[str], hosts: list[bytes] | None, checks: Checks
) -> Headers | None:
    """The lines that go on, or None where they go on as they came; `policy` is `[route.headers]`.

    `counted` are the headers that keys of limits look at; `hosts` the normal forms of the `Host` lines, if there are.
    """
    bounds(policy, lines, checks)
    all_named = all(TOKEN.fullmatch(name) for name, _ in lines)
    lines = each(policy, lines, checks)
    if policy.get("framing", "reject") == "reject" and badly_framed(lines):
        checks.fired(Refused("framing"))
    if policy.get("hop_by_hop", "remove") == "remove":
        lines = remove_hop_by_hop(policy, lines, counted, checks)
    lines = single(policy, lines, checks)
    lines = join(policy, lines)
    if hosts is not None:
        lines = put_in(lines, hosts)
    if policy.get("content_type", "keep") == "normalize":
        lines = [
            (name, media_type.normalize(value, checks) if name == b"content-type" else value) for name, value in lines
        ]
    if policy.get("accept_language", "keep") != "keep":
        lines = languages(policy["accept_language"], lines, checks)
    there = {name for name, _ in lines}
    if any(name.lower().encode() not in there for name in policy.get("required", [])):
        checks.fired(Refused("missing_header"))
    if not all_named:
        return None
    bounds(policy, lines, checks)
    return lines


def put_in(lines: Headers, hosts: list[bytes]) -> Headers:
    """The lines with the values of the `Host` lines replaced, in order."""
    left = iter(hosts)
    return [(name, next(left) if name.lower() == b"host" else value) for name, value in lines]


def bounds(policy: dict[str, Any], lines: Headers, checks: Checks) -> None:
    def above(bound: str, length: int) -> bool:
        return bound in policy and length > size(policy[bound])

    if above("max_count", len(lines)):
        checks.fired(Refused("too_many_headers"))
    if above("max_bytes", sum(len(name) + len(value) for name, value in lines)):
        checks.fired(Refused("headers_too_large"))
    if any(above("max_name_bytes", len(name)) or above("max_value_bytes", len(value)) for name, value in lines):
        checks.fired(Refused("header_too_large"))


def each(policy: dict[str, Any], lines: Headers, checks: Checks) -> Headers:
    kept = []
    for name, value in lines:
        if not TOKEN.fullmatch(name):
            checks.fired(Outside("header.name", "invalid_header"))
            continue
        name = name.lower()
        if b"_" in name:
            underscore = policy.get("underscore", "drop")
            if underscore == "drop":
                continue
            if underscore == "reject":
                checks.fired(Refused("header_underscore"))
        if any(covers(pattern, name) for pattern in policy.get("drop", [])):
            continue
        value = value.strip(BLANKS)
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
            checks.fired(Outside("header.value", "invalid_header"))
        if policy.get("obs_text", "keep") == "outside" and not value.isascii():
            checks.fired(Outside("header.obs_text", "invalid_header"))
        kept.append((name, value))
    return kept


def badly_framed(lines: Headers) -> bool:
    lengths = [value for name, value in lines if name == b"content-length"]
    codings = [value for name, value in lines if name == b"transfer-encoding"]
    return (
        not all(re.fullmatch(rb"[0-9]+", length) for length in lengths)
        or len(set(lengths)) > 1
        or any(coding != b"chunked" for coding in codings)
        or len(codings) > 1
        or bool(lengths and codings)
    )


def remove_hop_by_hop(policy: dict[str, Any], lines: Headers, counted: list[str], checks: Checks) -> Headers:
    pieces = [piece for name, value in lines if name == b"connection" for piece in value.split(b",")]
    named = {piece.strip(BLANKS).lower() for piece in pieces}
    protected = {name.lower().encode() for name in [*PROTECTED.split(), *counted, *policy.get("required", [])]}
    if policy.get("accept_language", "keep") != "keep":
        protected.add(b"accept-language")
    safe = {name for name in named if name in protected or name.startswith(b"x-forwarded-")}
    if safe:
        checks.fired(Refused("connection_names_protected"))
    removed = {name.encode() for name in HOP_BY_HOP.split()} | (named - safe)
    return [(name, value) for name, value in lines if name not in removed]


def single(policy: dict[str, Any], lines: Headers, checks: Checks) -> Headers:
    if policy.get("duplicates", "reject") == "keep":
        return lines
    once = {name.lower().encode() for name in [*SINGLE.split(), *policy.get("single", [])]}
    kept: Headers = []
    for line in lines:
        if line[0] != b"content-length" or line not in kept:
            kept.append(line)
    names = [name for name, _ in kept if name in once]
    if len(set(names)) < len(names):
        checks.fired(Refused("duplicate_header"))
    return kept


def join(policy: dict[str, Any], lines: Headers) -> Headers:
    if not policy.get("join", True):
        return lines
    lists = {name.lower().encode() for name in [*LISTS.split(), *policy.get("list", [])]}
    joined: Headers = []
    done: set[bytes] = set()
    for name, value in lines:
        if name in done:
            continue
        values = [value for known, value in lines if known == name]
        if name in lists and len(values) > 1:
            done.add(name)
            value = (b"; " if name == b"cookie" else b", ").join(filter(None, values))
        joined.append((name, value))
    return joined


def covers(pattern: str, name: bytes) -> bool:
    pattern = pattern.lower()
    return name.startswith(pattern[:-1].encode()) if pattern.endswith("*") else name == pattern.encode()
