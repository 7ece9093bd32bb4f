"""Policies by chance: any of the keys of every section, mostly such as hold together."""

from __future__ import annotations

from typing import Any

from parity.dice import Dice, Raw
from parity.docs_cases import CHAPTERS, blocks

CODES = {
    "path": """
path.form path.character path.triplet path.encoded_reserved path.encoded_special path.dot_parameter path.above_root
path_too_long path_parameter
""",
    "query": """
query.character query.utf8 too_many_parameters unknown_parameter bad_triplet nul_parameter parameter_too_long
duplicate_parameter missing_parameter
""",
    "host": """
host.character host.underscore host.form host.address host.port host.length missing_host duplicate_host host_not_allowed
""",
    "headers": """
header.name header.value header.obs_text header.content_type header.accept_language too_many_headers headers_too_large
header_too_large header_underscore framing connection_names_protected duplicate_header duplicate_media_parameter
json_charset missing_header
""",
    "body": """
json.content_type json.encoding json.depth json.duplicate_key json.lone_surrogate json.number_length form.content_type
form.character form.utf8 form.multipart too_large malformed_json too_deep too_many_keys too_many_items string_too_long
unknown_field jcs_number too_many_fields name_too_long value_too_long duplicate_field
""",
    "limits": "missing_key",
}
NAMES = ["a", "b", "q", "f_a", "f_b", "é", "A", "x y"]
FIELDS = ["v", "w", "a", "b.c", "items[*].v", "[*].v", 'o."p.q"', "tags[*]", "b.d[*].e", "é"]
NETWORKS = ["10.0.0.0/8", "::1", "2001:db8::/32", "192.168.0.0/16", "203.0.113.7", "64:ff9b::/96"]
RATES = ["1/second", "2/minute", "3 per 2 seconds", "5/hour", "0/second", "10/second", "100/day"]
PARTS = ["client", "route", "literal:k/é", "header:x-key", "header:Authorization", "given:tenant"]


def rules() -> list[tuple[str, list[str]]]:
    """(inner lines of a rule, values that it is shown with), from the chapters' own cases."""
    found = []
    for chapter in CHAPTERS:
        for _, part, lines in blocks(chapter, "cases"):
            if part == "value" and "---" in lines and not any(line.startswith("route:") for line in lines):
                cut = lines.index("---")
                shown = [line.partition("→")[0].strip() for line in lines[cut + 1 :] if "→" in line]
                inner = ", ".join(line.strip().removesuffix(",") for line in lines[:cut] if line.strip())
                found.append((inner, [value for value in shown if value != "absent"]))
    return found


RULES = rules()


SECTIONS = {
    "path": ["target"],
    "query": ["target"],
    "host": ["host"],
    "headers": ["headers", "host"],
    "body": ["json", "form"],
    "limits": ["limits"],
}


def policy(dice: Dice, focus: str = "all") -> dict[str, Any]:
    """A policy as tables, which says more of the part in `focus` than of others."""
    count = dice.choice([0, 1, 1, 2, 3] if focus in ("all", "limits") else [0, 0, 1])
    limits = {name: limit(dice) for name in ["one", "two", "three"][:count]}
    routes = [{"name": "all", "match": "* /{path*}"} | route(dice, list(limits), focus)]
    if dice.chance(0.3):
        match = dice.choice([["POST /a/{x}"], ["GET|POST /a/{x}/{y*}"], ["* /a", "* /%C3%A9/{x}"], ["PUT /{a}/a/"]])
        routes.insert(0, {"name": "some", "match": match} | route(dice, list(limits), focus))
    root: dict[str, Any] = {"version": 1}
    if dice.chance(0.7):
        root["client"] = client(dice)
    if limits:
        root["limits"] = limits
    if dice.chance(0.3 if focus == "all" else 0.1):
        root["defaults"] = defaults(dice, list(limits), focus)
    return root | {"route": routes}


def client(dice: Dice) -> dict[str, Any]:
    keys = {
        "trusted_proxies": lambda: dice.some(NETWORKS),
        "ipv6_prefix": lambda: dice.choice([1, 33, 48, 56, 64, 127, 128]),
        "ipv4_prefix": lambda: dice.choice([1, 8, 24, 31, 32]),
        "nat64": lambda: dice.choice(["keep", "ipv4"]),
    }
    table = dice.table(keys, 0.6)
    if table.get("nat64") == "ipv4":
        table["trusted_proxies"] = [
            network for network in table.get("trusted_proxies", []) if network != "64:ff9b::/96"
        ]
    return table


def limit(dice: Dice) -> dict[str, Any]:
    parts = dice.some(PARTS, 4) or ["client"]
    strategy = dice.choice(["fixed-window", "moving-window", "sliding-window-counter", "gcra"])
    table: dict[str, Any] = {"key": parts, "rate": dice.choice(RATES), "strategy": strategy}
    if any(part.startswith(("header", "given")) for part in parts):
        table["on_missing"] = dice.choice(["share", "skip", "reject"])
        if table["on_missing"] == "share":
            table["shared_as"] = dice.choice(["nobody", "é"])
    if strategy == "gcra":
        table["burst"] = dice.choice([1, 2, 5])
    if dice.chance(0.3):
        table["cost"] = dice.choice([0, 1, 1, 2, 3, "given:cost", "given:cost", "given:cost"])
    return table


def defaults(dice: Dice, limits: list[str], focus: str) -> dict[str, Any]:
    keys = {
        "target": lambda: target(dice),
        "host": lambda: host(dice),
        "headers": lambda: headers(dice),
        "rollout": lambda: rollout(dice, focus),
        "outside": lambda: dice.choice(["unsupported", "reject"]),
        "limits_stand": lambda: dice.choice(["before-body", "after-body"]),
        "limits": lambda: dice.some(limits) or None,
        "limits_order": lambda: dice.choice(["listed", "granularity"]),
        "limits_charge": lambda: dice.choice(["sequential", "atomic"]),
    }
    return dice.table(keys, 0.4)


def route(dice: Dice, limits: list[str], focus: str) -> dict[str, Any]:
    keys = {
        "target": lambda: False if dice.chance(0.05) else target(dice),
        "host": lambda: False if dice.chance(0.05) else host(dice),
        "headers": lambda: False if dice.chance(0.05) else headers(dice),
        "json": lambda: json_body(dice),
        "form": lambda: form(dice),
        "rollout": lambda: rollout(dice, focus),
        "outside": lambda: dice.choice(["unsupported", "reject"]),
        "limits_stand": lambda: dice.choice(["before-body", "after-body"]),
        "limits": lambda: dice.some(limits) or limits[:1],
        "limits_order": lambda: dice.choice(["listed", "granularity"]),
        "limits_charge": lambda: dice.choice(["sequential", "atomic"]),
        "cutover_key": lambda: dice.choice(limits) if limits else None,
        "max_bytes": lambda: dice.choice([1, 20, "1KiB"]),
    }
    table = dice.table(keys, 0.35 if focus == "all" else 0.1)
    sections = SECTIONS.get(focus, [])
    if focus == "body":
        sections = dice.choice([["json"], ["json"], ["json"], ["form"], ["json", "form"]])
    if dice.chance(0.35):
        table["rollout"] = rollout(dice, focus)
    for part in sections:
        if part not in table and dice.chance(0.9):
            table[part] = keys[part]()
    if focus == "query" and isinstance(table.get("target"), dict):
        table["target"].setdefault("query", query(dice))
    if "max_bytes" in table:
        for part in ("json", "form"):
            table.get(part, {}).pop("max_bytes", None)
    return table


def rollout(dice: Dice, focus: str) -> dict[str, str]:
    codes = CODES[focus].split() if focus in CODES else " ".join(CODES.values()).split()
    drawn = dice.some(codes, None if dice.chance(0.5) else 6)
    return {code: dice.choice(["observe", "warn", "enforce"]) for code in drawn}


def target(dice: Dice) -> dict[str, Any]:
    reserved = ["%2F", "%3A", "%2C", "%40", "%21"]
    keys = {
        "max_bytes": lambda: dice.choice([4, 5, 6, 12, "1KiB"]),
        "backslash": lambda: dice.choice(["outside", "slash"]),
        "encoded_reserved": lambda: dice.choice(["outside", "keep", dice.some(reserved, 3)]),
        "encoded_special": lambda: dice.choice(["keep", "outside"]),
        "params": lambda: dice.choice(["keep", "strip", "reject"]),
        "merge_slashes": lambda: dice.choice([True, False]),
        "dots": lambda: dice.choice(["clamp", "strict", "keep"]),
        "trailing_slash": lambda: dice.choice(["keep", "strip", "add"]),
        "case": lambda: dice.choice(["keep", "ascii_lower"]),
        "query": lambda: query(dice),
    }
    return dice.table(keys, 0.4)


def query(dice: Dice) -> dict[str, Any]:
    names = dice.sample(NAMES, len(NAMES))
    dropped, needed = names[:2], names[2:5]
    keys = {
        "bad_triplet": lambda: dice.choice(["percent", "reject"]),
        "nul": lambda: dice.choice(["keep", "reject"]),
        "bare": lambda: dice.choice(["empty", "keep"]),
        "drop": lambda: dice.some([*dropped, "utm_*", "@trackers", "g*"]),
        "allow": lambda: dice.choice([[*needed, "f_*x", "u"][: dice.randint(3, 5)], [*needed, "z*"]]),
        "duplicates": lambda: dice.choice(["keep", "first", "last", "join", "reject"]),
        "sort": lambda: dice.choice([False, True, "name", "pair"]),
        "space": lambda: dice.choice(["+", "%20"]),
        "max_params": lambda: dice.choice([3, 4, 6]),
        "max_name_bytes": lambda: dice.choice([3, 5, "1KiB"]),
        "max_value_bytes": lambda: dice.choice([3, 5, "1KiB"]),
    }
    table = dice.table(keys, 0.3)
    if table.get("duplicates") == "join" and dice.chance(0.5):
        table["max_value_bytes"] = dice.choice([3, 5])
    if "allow" in table:
        table["allow"] = [name for name in table["allow"] if not (name.startswith("f_*") and name != "f_*")]
        if dice.chance(0.5):
            table["unknown"] = dice.choice(["drop", "reject"])
    if dice.chance(0.25):
        table["required"] = needed[:1]
    if dice.chance(0.25):
        table["default"] = {name: dice.choice(["", "1", "a b", "é"]) for name in needed[1 : dice.randint(2, 3)]}
    return table


def host(dice: Dice) -> dict[str, Any]:
    keys = {
        "underscore": lambda: dice.choice(["outside", "keep"]),
        "default_ports": lambda: dice.some([80, 443, 8080, 1]),
        "on_missing": lambda: dice.choice(["reject", "keep"]),
        "allow": lambda: dice.some(["example.com", "*.example.com", "[::1]", "192.0.2.1", "a.b"]) or None,
    }
    return dice.table(keys, 0.4)


def headers(dice: Dice) -> dict[str, Any]:
    keys = {
        "underscore": lambda: dice.choice(["drop", "keep", "reject"]),
        "obs_text": lambda: dice.choice(["keep", "outside"]),
        "framing": lambda: dice.choice(["reject", "keep"]),
        "hop_by_hop": lambda: dice.choice(["remove", "keep"]),
        "duplicates": lambda: dice.choice(["reject", "keep"]),
        "join": lambda: dice.choice([True, False]),
        "content_type": lambda: dice.choice(["keep", "normalize"]),
        "accept_language": lambda: dice.choice(
            ["keep", "normalize", {"negotiate": dice.sample(["de", "en-GB", "zh-Hant"], 2), "default": "fr"}]
        ),
        "drop": lambda: dice.some(["x-debug", "x-internal-*", "accept"]),
        "required": lambda: dice.some(["user-agent", "x-trace"], 1),
        "max_count": lambda: dice.choice([2, 4, 8, 100]),
        "max_name_bytes": lambda: dice.choice([12, 17, "1KiB"]),
        "max_value_bytes": lambda: dice.choice([8, 20, "1KiB"]),
        "max_bytes": lambda: dice.choice([40, 100, "4KiB"]),
    }
    table = dice.table(keys, 0.3)
    if table.get("duplicates") != "keep" and dice.chance(0.3):
        table["single"] = ["x-key"]
    if table.get("join") is not False and dice.chance(0.3):
        table["list"] = ["X-Roles"]
    return table


def rule(dice: Dice, form: bool = False) -> Any:
    """One rule of a field, of a JSON body or of a form."""
    inner, _ = dice.choice(RULES)
    extra = []
    if dice.chance(0.2):
        extra.append(dice.choice(["required = true", 'default = "d"', "default = 1"]))
    for key, choices in {"null": ["keep", "drop", "reject"], "empty": ["keep", "null", "drop"]}.items():
        if dice.chance(0.15) and f"{key} =" not in inner and not (form and key == "null"):
            extra.append(f'{key} = "{dice.choice(choices)}"')
    for key in ("invalid",) if form else ("wrong_type", "invalid"):
        if dice.chance(0.15) and f"{key} =" not in inner:
            extra.append(f'{key} = "{dice.choice(["keep", "reject"])}"')
    if dice.chance(0.1) and "rename" not in inner:
        extra.append(f'rename = "{dice.choice(["r", "s"])}"')
    if dice.chance(0.3) and "rollout" not in inner:
        extra.append(f'rollout = "{dice.choice(["observe", "warn", "enforce"])}"')
    if dice.chance(0.04):
        return Raw("{ drop = true }")
    return Raw("{ " + ", ".join(filter(None, [inner, *extra])) + " }")


def fields(dice: Dice, names: list[str]) -> dict[str, Any]:
    return {name: rule(dice) for name in dice.sample(names, dice.choice([0, 1, 2, 3, 5]))}


def json_body(dice: Dice) -> dict[str, Any]:
    keys = {
        "max_bytes": lambda: dice.choice([20, 60, "1KiB"]),
        "max_depth": lambda: dice.choice([1, 2, 3, 64]),
        "max_keys": lambda: dice.choice([1, 2, 4]),
        "max_items": lambda: dice.choice([1, 2, 4]),
        "max_string_bytes": lambda: dice.choice([3, 8, 100]),
        "required": lambda: dice.choice([True, False]),
    }
    output = dice.choice(["original", "compact", "python", "python_utf8", "sorted", "jcs"])
    table: dict[str, Any] = dice.table(keys, 0.15) | {"output": output}
    if output != "original" and dice.chance(0.8):
        table["fields"] = fields(dice, FIELDS)
        if table["fields"] and dice.chance(0.3):
            table["unknown"] = dice.choice(["keep", "drop", "reject"])
    return table


def form(dice: Dice) -> dict[str, Any]:
    keys = {
        "max_params": lambda: dice.choice([2, 4]),
        "max_name_bytes": lambda: dice.choice([2, 4]),
        "max_value_bytes": lambda: dice.choice([4, 20]),
        "duplicates": lambda: dice.choice(["keep", "first", "last", "reject"]),
        "fields": lambda: {name: rule(dice, form=True) for name in dice.some(["v", "a", "b.c", "é", "x y"], 3)},
    }
    table = dice.table(keys, 0.4)
    if table.get("fields") and dice.chance(0.3):
        table["unknown"] = dice.choice(["keep", "drop", "reject"])
    return table
