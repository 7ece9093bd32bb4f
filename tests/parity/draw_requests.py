"""Requests by chance, near the grammar of a policy: its names, its bounds, and what is known to hurt."""

from __future__ import annotations

import json
from typing import Any

from parity.dice import Dice
from parity.draw_policies import NAMES, RULES

Table = dict[str, Any]

PATH = r"""
/ / / // a b A api . .. ... %2e %2E%2e ..; .;x ;x=1 ; %2f %2F %5C \ %5c %00 %23 %25 %3f %3a %3A %2C %61 %7e ~ % %4 %zz
%c3%a9 # ? [ | " %252e é + : @ %40 %21 ! * index.html
"""
QUERY = (
    "& & & = = a b 1 + %20 %2B %26 %3D %C3%A9 %C3 %FF % %zz %41 * ~ - . _ é ' %00 %F0%9F%98%80 %ED%A0%80 && &= 12345"
)
HOSTS = r"""
example.com Example.COM. example.com:80 example.com:443 a.b:8080 a.b:1 a.b: a.b:080 a.b:0 a.b:65535 a.b:65536
a_b.example [::1] [::1]:80 [2001:DB8:0:0:0:0:0:1] [::FFFF:192.0.2.1] [1:0:0:2:0:0:0:3] [::1.2.3.4] [1::] [fe80::1%eth0]
www.example.com 192.0.2.1 192.0.2.01 127.1 0x7f.1 0x 1.2.3.256 1e3 a..b .a -a.b a-.b a[1] ] [ : x.. évil.example
user@a.b a/b
"""
TAGS = "de DE-at en en-gb EN-GB-x-a zh-hant-tw sgn-BE-fr * a b-c1 x-y i-klingon-ab de_DE abcdefghi"
TYPES = r"""
application/json Application/JSON;charset="UTF-8" text/json application/a+json;charset=utf-16 text/plain;;Format=Flowed
application/json;charset=utf-8;charset=utf-8 a/b;x="a\"b" a/b;x= a/b;x="é" a/b;X=1;x=2 json a/b,c/d é/json
application/x-www-form-urlencoded APPLICATION/x-www-form-urlencoded;charset=utf-8 multipart/form-data;boundary=x
"""
ADDRESSES = """
10.0.0.1 10.255.255.255 11.0.0.0 ::1 2001:db8::1 2001:db8:1:2:3:4:5:6 ::ffff:10.0.0.1 ::ffff:9.9.9.9 203.0.113.7
64:ff9b::10.0.0.1 64:ff9b::9.9.9.9 fe80::1%eth0 1:0:0:2:0:0:0:3 0::0 ::1.2.3.4 192.168.1.1 1.2.3.4:80 [::1] 01.2.3.4 x
"""
LINES = """
accept Accept accept-encoding Cookie cookie x-forwarded-for X-Forwarded-For x_forwarded_for authorization user-agent
User-Agent x-key X-KEY x-roles x-debug x-internal-a x-trace x-b a_b te trailer upgrade keep-alive proxy-authorization
set-cookie etag date host2 x-real-ip forwarded
"""


def peer(dice: Dice) -> str | None:
    return None if dice.chance(0.05) else dice.choice(ADDRESSES.split())


def request(dice: Dice, route: Table, focus: str = "all") -> Table:
    """A request that `route` is likely to look at; what is not in focus is mostly plain, so that it is reached."""
    looked = {part: focus in ("all", part) or dice.chance(0.1) for part in ("path", "query", "host", "headers", "body")}
    question = {
        "method": dice.choice(["GET", "POST", "POST", "PUT", "get"]),
        "path": path(dice) if looked["path"] else dice.choice(["/", "/a/b", "/a"]),
        "query": query(dice, ((route.get("target") or {}).get("query")) or {}) if looked["query"] else "",
        "peer": peer(dice),
    }
    body, kind = payload(dice, route) if looked["body"] else ("", None)
    headers = lines(dice) if looked["headers"] else []
    if kind is not None:
        headers.insert(dice.randint(0, len(headers)), [dice.choice(["content-type", "Content-Type"]), kind])
    for value in hosts(dice) if looked["host"] else ["example.com"]:
        headers.insert(dice.randint(0, len(headers)), [dice.choice(["host", "Host"]), value])
    if body:
        question["body"] = body
    if dice.chance(0.5):
        question["given"] = {"tenant": dice.choice(["t", "é", ""])}
    if dice.chance(0.3):
        cost = dice.choice(["0", "2", "03", "9007199254740993", "99999999999999999999", "-1", "two", ""])
        question["given"] = question.get("given", {}) | {"cost": cost}
    return question | {"headers": headers}


def path(dice: Dice) -> str:
    if dice.chance(0.2):
        return dice.choice(["/a/b", "/a", "/a/", "/%c3%a9/x", "/%61/b/", "/x/a/"])
    pieces = "".join(dice.choice([*PATH.split(), "/", " "]) for _ in range(dice.randint(0, 8)))
    return pieces if dice.chance(0.03) else "/" + pieces


def query(dice: Dice, policy: Table) -> str:
    if dice.chance(0.2):
        return ""
    listed = [
        *policy.get("required", []),
        *policy.get("default", {}),
        *policy.get("allow", []),
        *policy.get("drop", []),
    ]
    names = [name.replace("*", "x").replace("@trackers", "gclid") for name in listed] + NAMES

    if dice.chance(0.5):
        names = dice.choices(names, k=2)

    def piece() -> str:
        if dice.chance(0.2):
            return "".join(dice.choice(QUERY.split()) for _ in range(dice.randint(0, 6)))
        name = spelled(dice, dice.choice(names))
        if dice.chance(0.15):
            return name
        values = [
            "",
            "1",
            "12",
            "123",
            "12345",
            "123456",
            "%zz",
            "%FF",
            "%00",
            "+",
            "a b",
            "%20",
            "é",
            "%C3%A9",
            "a=b",
            "%2C",
        ]
        return f"{name}={dice.choice(values)}"

    pieces = [piece() for _ in range(dice.randint(0, 6))] + [
        *map(spell_plain, policy.get("required", []))
    ] * dice.randint(0, 1)
    return "&".join(dice.sample(pieces, len(pieces)))


def spell_plain(name: str) -> str:
    return "".join(c if c.isascii() and c != " " else "".join(f"%{b:02X}" for b in c.encode()) for c in name)


def spelled(dice: Dice, name: str) -> str:
    """A name in one of its spellings; seldom with its bytes raw."""
    if dice.chance(0.03):
        return name.encode().decode("latin-1")
    text = spell_plain(name)
    if dice.chance(0.2) and text[:1].isalnum():
        text = f"%{ord(text[0]):02x}{text[1:]}"
    return text


def hosts(dice: Dice) -> list[str]:
    def one() -> str:
        if dice.chance(0.1):
            return dice.choice(["", " \t", " a.b ", "a b", "é", "x" * 64 + ".a", ".".join(["abcdefgh"] * 29), "a\x00"])
        if dice.chance(0.1):
            return "".join(dice.choice(HOSTS.split()) for _ in range(2))
        return dice.choice(HOSTS.split())

    return [one() for _ in range(dice.choice([0, 1, 1, 1, 1, 1, 2]))]


def lines(dice: Dice) -> list[list[str]]:
    made = dice.few(lambda: line(dice), 6)
    named = [piece.strip() for name, value in made if name.lower() == "connection" for piece in value.split(",")]
    made += [[name, "1"] for name in named if name and dice.chance(0.5)]
    if made and dice.chance(0.2):
        made.insert(dice.randint(0, len(made)), list(dice.choice(made)))
    return made


def line(dice: Dice) -> list[str]:
    kind = dice.random()
    if kind < 0.12:
        return ["Content-Length", dice.choice(["5", "5", "6", "+5", "5, 5", "05", "", "5 ", "-1", "x"])]
    if kind < 0.2:
        return ["transfer-encoding", dice.choice(["chunked", "chunked", "Chunked", "gzip, chunked", "", "chunked "])]
    if kind < 0.32:
        named = (
            "close keep-alive X-B x-forwarded-for Authorization X-Key te x-internal-a host , user-agent x-trace cookie"
        )
        pieces = dice.few(lambda: dice.choice([*named.split(), " ", "accept-language", "transfer-encoding"]), 4)
        return [dice.choice(["Connection", "connection"]), dice.choice([",", ", ", " ,\t"]).join(pieces)]
    if kind < 0.44:
        weights = [
            "",
            ";q=0.5",
            " ; Q=0.50",
            ";q=1.0",
            ";q=0",
            ";q=0.1234",
            ";q=1.1",
            ";q=",
            ";q=0.",
            ";q=.5",
            ";q=0.001",
        ]
        if dice.chance(0.2):
            return ["Accept-Language", ",".join(["de", "en-gb"] * 8 + ["fr"] * dice.randint(0, 1))]
        elements = dice.few(lambda: dice.choice(TAGS.split()) + dice.choice(weights[: dice.choice([1, 5, 11])]), 20)
        return ["Accept-Language", dice.choice([",", ", ", " , "]).join(elements)]
    if kind < 0.52:
        return ["x-forwarded-for", dice.choice([",", ", "]).join(dice.few(lambda: dice.choice(ADDRESSES.split()), 4))]
    if kind < 0.56:
        return ["content-type", dice.choice(TYPES.split())]
    if kind < 0.6:
        return [dice.choice(["", "a b", "a:", "é", "a\n", "a" * 17, "a" * 16]), "1"]
    value = dice.choice(
        ["", "1", "a, b", " a ", "\ta\t b ", "a\r\n b", "a\x00", "é", "\x7f", "12345678", "123456789", "a\tb"]
    )
    return [dice.choice(LINES.split()), value]


def payload(dice: Dice, route: Table) -> tuple[str, str | None]:
    """A body as Latin-1 text, and its media type."""
    choice = dice.random()
    if choice < 0.03:
        return "", dice.choice([None, "application/json", "application/x-www-form-urlencoded"])
    if choice < 0.07:
        return dice.choice(["x", "{", "a=1", '{"v":1}']), dice.choice(TYPES.split())
    kinds = [part for part in ("json", "form") if part in route]
    if not kinds:
        return "", None
    if dice.choice(kinds) == "form":
        text, media = form(dice, route["form"]), "application/x-www-form-urlencoded"
    else:
        text, media = json_text(dice, route["json"]), "application/json"
    return spelled_out(text), media if dice.chance(0.93) else dice.choice(TYPES.split())


def spelled_out(text: str) -> str:
    """Text as its UTF-8 bytes, which are Latin-1 text; half of a surrogate pair too."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def form(dice: Dice, policy: Table) -> str:
    names = [*policy.get("fields", {}), "v", "a", "r", "s", "%C3%A9", "x+y", "c"]

    def piece() -> str:
        name = dice.choice(names)
        values = [
            "",
            "1",
            "+7",
            "%207",
            "a%20",
            "+",
            "true",
            "%zz",
            "%FF",
            "é",
            "%00",
            "2024-01-01",
            "a%40b.de",
            "12345",
        ]
        return spelled(dice, name) + dice.choice(["=", "=", "=", ""]) + dice.choice(values)

    return "&".join(piece() for _ in range(dice.randint(0, 5)))


def json_text(dice: Dice, policy: Table) -> str:
    """A body with the fields of the policy's rules in it; seldom one that is broken."""
    rules = policy.get("fields", {})
    if any(name.startswith("[*]") for name in rules) and dice.chance(0.5):
        return (
            "["
            + ",".join('{"v":' + value(dice, str(rules.get("[*].v", ""))) + "}" for _ in range(dice.randint(0, 3)))
            + "]"
        )
    top: Table = {}
    for name in [*rules, *dice.some(["v", "r", "s", "x", "b", "items", "b.r", "o.s"], 2)]:
        if not dice.chance(0.12):
            place(dice, top, name, str(rules.get(name, "")))
    text = written(dice, top)
    if dice.chance(0.05):
        at = dice.randint(0, len(text))
        text = text[:at] + dice.choice(['"', ",", "}", "\\", "\x00", "1", "é", "\ufeff", "\ud800"]) + text[at + 1 :]
    return text


def place(dice: Dice, top: Table, name: str, rule: str) -> None:
    here = top
    steps = name.replace('"p.q"', "p\x00q").split(".")
    for index, step in enumerate(steps):
        step = step.replace("\x00", ".")
        last = index == len(steps) - 1
        if step.endswith("[*]") and step != "[*]":
            items = here.setdefault(step[:-3], [])
            if not isinstance(items, list) or dice.chance(0.05):
                return
            if last:
                items.extend(Literal(value(dice, rule)) for _ in range(dice.randint(0, 3)))
                return
            items.append({})
            here = items[-1]
        elif last:
            here[step] = Literal(value(dice, rule))
        else:
            here = here.setdefault(step, {})
            if not isinstance(here, dict):
                return


class Literal(str):
    """JSON text, as it stands."""

    __slots__ = ()


def value(dice: Dice, rule: str) -> str:
    """The text of a JSON value: mostly one that this rule or another is shown with, as it is or nearly."""
    if "null =" in rule and dice.chance(0.25):
        return "null"
    if "empty =" in rule and dice.chance(0.25):
        return dice.choice(['""', '" "'])
    choice = dice.random()
    if choice < 0.85:
        own = [values for inner, values in RULES if inner and inner in rule]
        shown = dice.choice((own if own and choice < 0.65 else [dice.choice(RULES)[1]])[0] or ["null"])
        return nearly(dice, shown) if dice.chance(0.15) else shown
    plain = [
        "null",
        '""',
        '" "',
        "true",
        "false",
        "0",
        "-0",
        "1.50",
        "1e5",
        "-0.0",
        "9007199254740993",
        "1e400",
        "[]",
        "{}",
    ]
    odd = [
        '"\\ud800"',
        '{"a":1,"a":2}',
        "[[[1]]]",
        "[" * 64 + "]" * 64,
        "[" * 60 + "]" * 60,
        '"a\\u0000"',
        '"é"',
        '"\\u00e9"',
        '"e\u0301"',
        "1" * 129,
        '"12345678"',
        '" on "',
    ]
    return dice.choice(plain + odd)


def nearly(dice: Dice, text: str) -> str:
    """A text with one character more, less or another; a string stays one."""
    at = dice.randint(1, max(1, len(text) - 1))
    inserted = dice.choice(
        ["", " ", "0", "9", "-", ".", "_", "a", "Z", "é", "\u00a0", "\u200b", "\u0661", "\ufb01", "\u0378"]
    )
    return text[:at] + inserted + text[at + dice.randint(0, 1) :]


def written(dice: Dice, tree: Any) -> str:
    if isinstance(tree, Literal):
        return tree
    space = dice.choice(["", "", " ", "\n"])
    if isinstance(tree, dict):
        members = [f"{key(dice, name)}:{space}{written(dice, item)}" for name, item in tree.items()]
        if members and dice.chance(0.03):
            members.append(dice.choice(members))
        if dice.chance(0.3):
            dice.shuffle(members)
        return "{" + space + f",{space}".join(members) + "}"
    return "[" + f",{space}".join(written(dice, item) for item in tree) + "]"


def key(dice: Dice, name: str) -> str:
    return json.dumps(name, ensure_ascii=dice.chance(0.5))
