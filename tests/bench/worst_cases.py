"""Requests made to be slow: each is a policy and a request whose size is a number of pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Request = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """`size` is the smallest number of pieces; `says` is what has to be decided, so that the work is really done."""

    name: str
    tables: str
    size: int
    make: Callable[[int], Request]
    says: str = "accepted"

    def question(self, size: int) -> Request:
        tables = self.tables if "[client]" in self.tables else f"ROUTE\n{self.tables}"
        policy = f"version = 1\n{tables}".replace("ROUTE", '[[route]]\nname = "r"\nmatch = "* /{rest*}"')
        return {"policy": policy, "method": "POST", "path": "/", **self.make(size)}


def path(made: Callable[[int], str]) -> Callable[[int], Request]:
    return lambda n: {"path": made(n)}


def query(made: Callable[[int], str]) -> Callable[[int], Request]:
    return lambda n: {"query": made(n)}


def headers(made: Callable[[int], list[tuple[str, str]]]) -> Callable[[int], Request]:
    return lambda n: {"headers": made(n)}


def body(made: Callable[[int], str]) -> Callable[[int], Request]:
    return lambda n: {"headers": [("content-type", "application/json")], "body": made(n).encode("utf-8")}


def form(made: Callable[[int], str]) -> Callable[[int], Request]:
    return lambda n: {"headers": [("content-type", "application/x-www-form-urlencoded")], "body": made(n)}


def value(made: Callable[[int], str]) -> Callable[[int], Request]:
    """A string in the field `v`; what is made needs no escapes."""
    return body(lambda n: f'{{"v":"{made(n)}"}}')


def target(lines: str) -> str:
    return f"[route.target]\n{lines}"


def json(lines: str, *rules: str) -> str:
    return f"[route.json]\n{lines}\n[route.json.fields]\n" + "\n".join(rules)


def field(rule: str) -> str:
    return json('output = "compact"', f'"v" = {{ {rule} }}')


def names(n: int) -> list[str]:
    """So many names of six letters, in an order that is not theirs."""
    return [f"{i * 7919 % 1_000_003:06d}" for i in range(n)]


def one_bit(n: int) -> list[str]:
    """So many names that share the bit by which the reader first looks for duplicates, as far as their lengths go."""
    found: list[str] = []
    number = 0
    while len(found) < n:
        name = f"{number:08d}"
        if mixed(name.encode()) % 64 == 0:
            found.append(name)
        number += 1
    return found


def mixed(name: bytes) -> int:
    """SplitMix64's finaliser of an eight-byte name, as rust/core/src/json/members.rs begins its hash."""
    x = int.from_bytes(name, "little")
    for shift, factor in [(30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)]:
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFFFFFFFFFF
    return x ^ (x >> 31)


def nested(n: int) -> str:
    """Objects within objects, 60 deep, with n members in all, each object's in falling order."""
    inner, each = "1", n // 60
    for _ in range(60):
        members = ",".join(f'"m{i:05d}":{i}' for i in range(each, 0, -1))
        inner = f'{{"z":{inner},{members}}}'
    return inner


CASES = (
    Case("path: /%2e%2e", target(""), 5_000, path(lambda n: "/%2e%2e" * n)),
    Case("path: down and up again", target(""), 5_000, path(lambda n: "/a" * n + "/.." * n)),
    Case("path: /a/../a/..", target(""), 5_000, path(lambda n: "/a/.." * n)),
    Case("path: slashes", target(""), 12_500, path(lambda n: "/" * n)),
    Case("path: parameters, stripped", target('params = "strip"'), 5_000, path(lambda n: "/a;x=1" * n)),
    Case("path: bytes that are encoded", target('encoded_reserved = "keep"'), 12_500, path(lambda n: "/" + '"' * n)),
    Case("query: one name, the first", target('query.duplicates = "first"'), 2_500, query(lambda n: "a=1&" * n)),
    Case("query: one name, joined", target('query.duplicates = "join"'), 2_500, query(lambda n: "a=1&" * n)),
    Case(
        "query: one name, refused",
        target('query.duplicates = "reject"'),
        2_500,
        query(lambda n: "a=1&" * n),
        "duplicate_parameter",
    ),
    Case("query: names, sorted", target('query.sort = "pair"'), 2_500, query(lambda n: "&".join(names(n)))),
    Case(
        "query: one long name many times, sorted",
        target('query.sort = "pair"'),
        125,
        query(lambda n: "&".join("n" * 200 + name for name in names(n))),
    ),
    Case(
        "query: names, allowed by a star",
        target('query.allow = ["a*", "b*", "0*"]\nquery.required = ["0"]'),
        2_500,
        query(lambda n: "&".join(["0", *names(n)])),
    ),
    Case("query: empty pieces", target("query.space = '%20'"), 12_500, query(lambda n: "&" * n)),
    Case("query: bad triplets", target("query.space = '%20'"), 10_000, query(lambda n: "%" * n)),
    Case("headers: one list, joined", "[route.headers]", 625, headers(lambda n: [("accept", "a/b")] * n)),
    Case("headers: cookies, joined", "[route.headers]", 625, headers(lambda n: [("cookie", "a=b")] * n)),
    Case("headers: each its own name", "[route.headers]", 625, headers(lambda n: [(f"x-{a}", "1") for a in names(n)])),
    Case("headers: two lists by turns", "[route.headers]", 625, headers(lambda n: [("via", "1"), ("accept", "a")] * n)),
    Case(
        "headers: Connection names them all",
        "[route.headers]",
        625,
        headers(lambda n: [("connection", ",".join(f"x-{a}" for a in names(n))), *((f"x-{a}", "1") for a in names(n))]),
    ),
    Case(
        "headers: many Connection lines",
        "[route.headers]",
        625,
        headers(lambda n: [("connection", f"x-{a}") for a in names(n)] + [(f"x-{a}", "1") for a in names(n)]),
    ),
    Case(
        "headers: X-Forwarded-For, all trusted",
        '[client]\ntrusted_proxies = ["10.0.0.0/8"]\n[limits.l]\nkey = ["client"]\nrate = "1000000/second"\n'
        'strategy = "fixed-window"\nROUTE\nlimits = ["l"]',
        625,
        lambda n: {"peer": "10.0.0.1", "headers": [("x-forwarded-for", "10.0.0.2, 10.0.0.3")] * n},
    ),
    Case("host: labels", "[route.host]", 1_250, headers(lambda n: [("host", "a." * n)]), "host.length"),
    Case(
        "JSON: deep arrays side by side",
        json('output = "python"'),
        100,
        body(lambda n: "[" + "[" * 60 + "]" * 60 + (",[" + "[" * 60 + "]" * 61) * n + "]"),
    ),
    Case("JSON: a wide array", json('output = "python"'), 12_500, body(lambda n: "[" + "1," * n + "1]")),
    Case(
        "JSON: a wide object",
        json('output = "compact"'),
        2_500,
        body(lambda n: "{" + ",".join(f'"{a}": 1' for a in names(n)) + "}"),
    ),
    Case(
        "JSON: names with one bit of their hashes",
        json('output = "compact"'),
        250,
        body(lambda n: "{" + ",".join(f'"{a}": 1' for a in one_bit(n)) + "}"),
    ),
    Case(
        "JSON: one name many times",
        json('output = "compact"'),
        2_500,
        body(lambda n: "{" + '"a":1,' * n + '"b":1}'),
        "json.duplicate_key",
    ),
    Case("JSON: small objects", json('output = "sorted"'), 1_250, body(lambda n: "[" + '{"b":1,"a":2},' * n + "1]")),
    Case("JSON: nested objects, sorted", json('output = "sorted"'), 1_500, body(nested)),
    Case(
        "JSON: a wide object, sorted",
        json('output = "sorted"'),
        2_500,
        body(lambda n: "{" + ",".join(f'"{a}":1' for a in names(n)) + "}"),
    ),
    Case(
        "JSON: a wide object, jcs",
        json('output = "jcs"'),
        2_500,
        body(lambda n: "{" + ",".join(f'"{a}":1.50' for a in names(n)) + "}"),
    ),
    Case("JSON: escapes", json('output = "python_utf8"'), 2_500, body(lambda n: '["' + "\\u00e9" * n + '"]')),
    Case("JSON: what is to be escaped", json('output = "python"'), 2_500, body(lambda n: '["' + "😀" * n + '"]')),
    Case("JSON: long numbers", json('output = "jcs"'), 250, body(lambda n: "[" + ("0." + "1" * 120 + ",") * n + "1]")),
    Case(
        "JSON: digits without end",
        json('output = "compact"'),
        12_500,
        body(lambda n: "[" + "1" * n + "]"),
        "json.number_length",
    ),
    Case("JSON: white space", json('output = "compact"'), 12_500, body(lambda n: "[" + " " * n + "]")),
    Case(
        "JSON: an unfinished string",
        json('output = "compact"'),
        12_500,
        body(lambda n: '["' + "\\\\" * n),
        "malformed_json",
    ),
    Case(
        "JSON: rules inside items",
        json(
            'output = "python"',
            '"i[*].p" = { decimal = { scale = 2, rounding = "half_even" }, required = true }',
            '"i[*].q" = { default = "x" }',
        ),
        1_250,
        body(lambda n: '{"i":[' + ",".join(['{"p":1.005}'] * n) + "]}"),
    ),
    Case(
        "JSON: members that no rule names",
        json('output = "compact"\nunknown = "drop"', '"keep" = { required = true }'),
        2_500,
        body(lambda n: '{"keep":1,' + ",".join(f'"{a}":[1]' for a in names(n)) + "}"),
    ),
    Case("form: one name, the last", '[route.form]\nduplicates = "last"', 2_500, form(lambda n: "a=1&" * n)),
    Case("form: names", '[route.form]\nduplicates = "reject"', 2_500, form(lambda n: "&".join(names(n)))),
    Case("text: NFKC of U+FDFA", field('text = ["nfkc"]'), 1_250, value(lambda n: "\ufdfa" * n)),
    Case("text: NFC of one letter with marks", field('text = ["nfc"]'), 2_500, value(lambda n: "a" + "\u0301" * n)),
    Case(
        "text: NFC of marks in the wrong order",
        field('text = ["nfc"]'),
        2_500,
        value(lambda n: "a" + "\u0301\u0323" * n),
    ),
    Case("text: NFKC of Hangul letters", field('text = ["nfkc"]'), 1_250, value(lambda n: "\u1100\u1161\u11a8" * n)),
    Case("text: folding", field('text = ["nfkc", "fold", "nfkc"]'), 1_250, value(lambda n: "ẞ\u0390" * n)),
    Case(
        "text: white space, trimmed",
        field('text = ["trim"]'),
        2_500,
        value(lambda n: "\u3000" * n + "a" + "\u3000" * n),
    ),
    Case("text: white space, collapsed", field('text = ["collapse"]'), 2_500, value(lambda n: "a\u3000\u3000" * n)),
    Case("text: invisible", field('text = ["strip_invisible"]'), 2_500, value(lambda n: "a\u200b" * n)),
    Case(
        "text: too long at its end",
        field('text = ["nfkc"], max_chars = 9'),
        1_250,
        value(lambda n: "\ufdfa" * n),
        "too_long",
    ),
    Case(
        "value: a decimal of zeros",
        field('decimal = { scale = 2, rounding = "half_even" }'),
        12_500,
        value(lambda n: "0" * n + "1"),
    ),
    Case(
        "value: a decimal's fraction",
        field('decimal = { scale = 2, rounding = "half_even" }'),
        12_500,
        value(lambda n: "1." + "3" * n),
    ),
    Case(
        "value: an integer without end",
        field("integer = {}"),
        12_500,
        value(lambda n: "1_" * n + "1"),
        "integer.length",
    ),
    Case(
        "value: an epoch without end",
        field('timestamp = { digits = 3, epoch = "ms" }'),
        12_500,
        value(lambda n: "1" * n),
        "invalid_timestamp",
    ),
    Case(
        "value: URL with dot segments",
        field("url = {}"),
        2_500,
        value(lambda n: "http://a.de/" + "a/" * n + "../" * n),
    ),
    Case("value: URL with triplets", field("url = {}"), 2_500, value(lambda n: "http://a.de/" + "%7e%2f" * n)),
    Case(
        "value: a telephone number of brackets",
        field("phone = {}"),
        5_000,
        value(lambda n: "+1415555" + "()-" * n + "2671"),
    ),
    Case(
        "value: language without end",
        field("language = {}"),
        5_000,
        value(lambda n: "en" + "-abc" * n),
        "invalid_language",
    ),
    Case("value: address with dots", field("email = {}"), 5_000, value(lambda n: "a." * n + "a@b.de"), "invalid_email"),
    Case("value: IPv6 of colons", field("ip = {}"), 5_000, value(lambda n: "1:" * n), "invalid_ip"),
    Case("value: uuid of hyphens", field("uuid = {}"), 5_000, value(lambda n: "0-" * n), "invalid_uuid"),
)
