"""The query: docs/policy/target.md, "The query"."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from reference.answer import Checks, Outside, Refused
from reference.path import UNRESERVED
from reference.sizes import size

LONGEST = 1 << 20
TRACKERS = (
    *("utm_*", "gclid", "gclsrc", "gbraid", "wbraid", "dclid", "gad_source", "gad_campaignid", "srsltid"),
    *("fbclid", "igshid", "msclkid", "twclid", "ttclid", "li_fat_id", "rdt_cid", "ScCid", "epik"),
    *("yclid", "ysclid", "_openstat", "mc_cid", "mc_eid", "_hsenc", "_hsmi", "mkt_tok"),
)


@dataclass(frozen=True)
class Pair:
    """A name and a value, decoded; `bare` where there was no `=`."""

    name: bytes
    value: bytes
    bare: bool = False


def normalize(policy: dict[str, Any], raw: bytes, checks: Checks) -> bytes | None:
    """The query that goes on, or None where it goes on as it came; `policy` is `[route.target.query]`."""
    if len(raw) > LONGEST:
        checks.fired(Outside("query.length", "invalid_query"))
        return None
    pairs = arrange(policy, read(policy, raw, checks), checks)
    query = b"&".join(write(policy, pair) for pair in pairs)
    if len(query) > LONGEST:
        checks.fired(Outside("query.length", "invalid_query"))
        return None
    return query


def read(policy: dict[str, Any], raw: bytes, checks: Checks, outside: str = "query") -> list[Pair]:
    """The pairs that are not left out: steps 2 and 3. Codes of what is outside begin with `outside`."""
    pieces = [piece for piece in raw.split(b"&") if piece]
    if len(pieces) > policy.get("max_params", len(pieces)):
        checks.fired(Refused("too_many_parameters"))
    pairs = (piece_read(policy, piece, checks, outside) for piece in pieces)
    return [pair for pair in pairs if pair is not None]


def piece_read(policy: dict[str, Any], piece: bytes, checks: Checks, outside: str) -> Pair | None:
    raw_name, equals, raw_value = piece.partition(b"=")
    name, value = decode(raw_name), decode(raw_value)
    character = Outside(f"{outside}.character", f"invalid_{outside}")
    if not raw_name.isascii():
        checks.fired(character)
    if any(covers(pattern, name) for pattern in policy.get("drop", [])):
        return None
    if "allow" in policy and not any(covers(pattern, name) for pattern in policy["allow"]):
        if policy.get("unknown", "drop") == "drop":
            return None
        checks.fired(Refused("unknown_parameter"))
    if not raw_value.isascii():
        checks.fired(character)
    if not (is_utf8(name) and is_utf8(value)):
        checks.fired(Outside(f"{outside}.utf8", f"invalid_{outside}"))
    if policy.get("bad_triplet") == "reject" and re.search(rb"%(?![0-9A-Fa-f]{2})", raw_name + b"=" + raw_value):
        checks.fired(Refused("bad_triplet"))
    if policy.get("nul") == "reject" and b"\0" in name + value:
        checks.fired(Refused("nul_parameter"))
    if too_long(policy, "max_name_bytes", name) or too_long(policy, "max_value_bytes", value):
        checks.fired(Refused("parameter_too_long"))
    return Pair(name, value, bare=not equals)


def arrange(policy: dict[str, Any], pairs: list[Pair], checks: Checks) -> list[Pair]:
    """Duplicates, required and default names, order: steps 4 to 7."""
    pairs = single(policy, pairs, checks)
    names = {pair.name for pair in pairs}
    if any(name.encode() not in names for name in policy.get("required", [])):
        checks.fired(Refused("missing_parameter"))
    for name, value in policy.get("default", {}).items():
        if name.encode() not in names:
            pairs.append(Pair(name.encode(), value.encode()))
    if len(pairs) > policy.get("max_params", len(pairs)):
        checks.fired(Refused("too_many_parameters"))
    if policy.get("sort") == "name":
        pairs.sort(key=lambda pair: pair.name)
    elif policy.get("sort") in ("pair", True):
        pairs.sort(key=lambda pair: (pair.name, pair.value))
    return pairs


def single(policy: dict[str, Any], pairs: list[Pair], checks: Checks) -> list[Pair]:
    duplicates = policy.get("duplicates", "keep")
    groups: dict[bytes, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.name, []).append(pair)
    if duplicates == "reject" and any(len(group) > 1 for group in groups.values()):
        checks.fired(Refused("duplicate_parameter"))
    if duplicates in ("keep", "reject"):
        return pairs
    if duplicates in ("first", "last"):
        index = 0 if duplicates == "first" else -1
        return [group[index] for group in groups.values()]
    joined = [
        replace(group[0], value=b",".join(pair.value for pair in group), bare=False) if len(group) > 1 else group[0]
        for group in groups.values()
    ]
    if any(too_long(policy, "max_value_bytes", pair.value) for pair in joined):
        checks.fired(Refused("parameter_too_long"))
    return joined


def write(policy: dict[str, Any], pair: Pair) -> bytes:
    if pair.bare and policy.get("bare") == "keep":
        return encode(policy, pair.name)
    return encode(policy, pair.name) + b"=" + encode(policy, pair.value)


def encode(policy: dict[str, Any], text: bytes) -> bytes:
    space = policy.get("space", "+").encode()
    return b"".join(
        space if byte == ord(" ") else bytes([byte]) if byte in UNRESERVED else b"%%%02X" % byte for byte in text
    )


def decode(raw: bytes) -> bytes:
    text = raw.replace(b"+", b" ")
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda triplet: bytes([int(triplet[1], 16)]), text)


def covers(pattern: str, name: bytes) -> bool:
    """Whether a pattern of a policy stands for a name: itself, with a star what begins so, or the list of trackers."""
    if pattern == "@trackers":
        return any(covers(tracker, name) for tracker in TRACKERS)
    return name.startswith(pattern[:-1].encode()) if pattern.endswith("*") else name == pattern.encode()


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def too_long(policy: dict[str, Any], bound: str, text: bytes) -> bool:
    return bound in policy and len(text) > size(policy[bound])
