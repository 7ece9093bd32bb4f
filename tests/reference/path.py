"""The path: docs/policy/target.md, "The path"."""

from __future__ import annotations

import re
from typing import Any

from reference.answer import Checks, Outside, Refused
from reference.sizes import size

UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
RESERVED = b"/!$&'()*+,;=:@"
SPECIAL = b"\x00#%?\\"
ENCODED = b'"<>[]^{|}`'
PIECE = re.compile(rb"%([0-9A-Fa-f]{2})|.", re.DOTALL)


def normalize(policy: dict[str, Any], raw: bytes, checks: Checks) -> bytes | None:
    """The path that goes on, or None where it goes on as it came; `policy` is `[route.target]`."""
    most = size(policy["max_bytes"]) if "max_bytes" in policy else None
    if most is not None and len(raw) > most:
        checks.fired(Refused("path_too_long"))
    slashes = b"/\\" if policy.get("backslash") == "slash" else b"/"
    if raw[:1] not in [slashes[i : i + 1] for i in range(len(slashes))]:
        checks.fired(Outside("path.form", "invalid_path"))
        return None
    segments = re.split(b"[" + re.escape(slashes) + b"]", raw)[1:]
    written: list[bytes] = []
    for index, segment in enumerate(segments):
        step(policy, segment, index == len(segments) - 1, written, checks)
    path = b"".join(b"/" + segment for segment in written) or b"/"
    if policy.get("trailing_slash") == "strip":
        path = path[:1] + path[1:].rstrip(b"/")
        path = path if path.strip(b"/") else b"/"
    if policy.get("trailing_slash") == "add" and not path.endswith(b"/"):
        path += b"/"
    if most is not None and len(path) > most:
        checks.fired(Refused("path_too_long"))
    return path


def step(policy: dict[str, Any], raw: bytes, last: bool, written: list[bytes], checks: Checks) -> None:
    """What becomes of one segment: appended to what was written so far, left out, or taken back with the one before."""
    segment = spell(policy, raw, checks)
    dots, params = policy.get("dots", "clamp"), policy.get("params", "keep")
    looks_like_dots = segment.startswith((b".;", b"..;")) and (dots, params) != ("keep", "keep")
    if looks_like_dots:
        checks.fired(Outside("path.dot_parameter", "invalid_path"))
    if b";" in segment and params == "strip" and not looks_like_dots:
        segment = segment[: segment.index(b";")]
    if b";" in segment and params == "reject":
        checks.fired(Refused("path_parameter"))
    if segment == b"" and not last and policy.get("merge_slashes", True):
        return
    if dots != "keep" and segment == b".":
        return
    if dots != "keep" and segment == b"..":
        if written:
            written.pop()
        elif dots == "strict":
            checks.fired(Outside("path.above_root", "invalid_path"))
        return
    written.append(segment)


def spell(policy: dict[str, Any], raw: bytes, checks: Checks) -> bytes:
    """A segment, byte by byte."""
    spelled = b""
    for piece in PIECE.finditer(raw):
        if piece[1]:
            byte = int(piece[1], 16)
        else:
            byte = piece[0][0]
            if byte in UNRESERVED or byte in RESERVED:
                spelled += letter(policy, byte)
                continue
            if byte == ord("%"):
                checks.fired(Outside("path.triplet", "invalid_path"))
            elif byte not in ENCODED:
                checks.fired(Outside("path.character", "invalid_path"))
        spelled += triplet(policy, byte, checks)
    return spelled


def triplet(policy: dict[str, Any], byte: int, checks: Checks) -> bytes:
    """A byte that stands there as a triplet."""
    if byte in UNRESERVED:
        return letter(policy, byte)
    stays = b"%%%02X" % byte
    reserved = policy.get("encoded_reserved", "outside")
    if byte in RESERVED and reserved != "keep" and (reserved == "outside" or stays.decode() not in reserved):
        checks.fired(Outside("path.encoded_reserved", "invalid_path"))
    if byte in SPECIAL and policy.get("encoded_special", "keep") == "outside":
        checks.fired(Outside("path.encoded_special", "invalid_path"))
    return stays


def letter(policy: dict[str, Any], byte: int) -> bytes:
    text = bytes([byte])
    return text.lower() if policy.get("case") == "ascii_lower" else text
