"""Operations that have a counterpart in Python's standard library answer as it does, or cannot judge.

`ip` and `cidr` against `ipaddress`, `date` against `date.fromisoformat`, epochs against `datetime`, wrapped UUIDs
against `uuid`; and the tables of codes against the Debian package iso-codes, where it is installed.
"""

import ipaddress
import json
import re
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from parity.field_values import anything, joined, maybe, mutated, one_of, pick, sequence, some
from parity.test_fields import EXAMPLES, ROOT, ask, seeds

__all__ = ["ask"]

Ask = Callable[..., dict[str, str]]
Maker = Callable[[Random], str]

HEX = "0123456789abcdefABCDEF"
octet = one_of(lambda dice: str(dice.randint(0, 255)), lambda dice: str(dice.randint(0, 300)), pick("00", "01", "256"))
v4 = sequence(octet, 4, ".")
whole_v4 = joined(octet, ".", octet, ".", octet, ".", octet)
group = one_of(pick("0", "0", "ffff", "FFFF", "1"), some(HEX, 1, 4))


def v6(dice: Random) -> str:
    if dice.random() < 0.5:
        whole = [group(dice) for _ in range(8)]
        first = dice.randint(0, 7)
        last = dice.randint(first, 7)
        return ":".join([*whole[:first], *([""] if first else ["", ""])]) + ":" + ":".join(whole[last + 1 :])
    groups = [group(dice) for _ in range(dice.randint(1, 8))]
    if dice.random() < 0.2:
        groups[-1] = whole_v4(dice)
    if dice.random() < 0.7:
        groups.insert(dice.randint(0, len(groups)), "")
    text = ":".join(groups)
    return dice.choice([text, text, "::" + text, text + "::", text.replace("::", ":0:")])


mapped = joined(pick("::ffff:", "::FFFF:", "0:0:0:0:0:ffff:"), one_of(whole_v4, joined(group, ":", group)))
zone = joined(v6, "%", pick("", "eth0", "1", "a%b", "é", "a/b"))
addresses = one_of(whole_v4, v4, v6, v6, mapped, zone)
masks = one_of(lambda dice: str(dice.randint(0, 130)), pick("", "032", "08", "255.0.0.0", "0.255.255.255", "+8", "٨"))


def network(dice: Random) -> str:
    if dice.random() < 0.3:
        return joined(addresses, "/", masks)(dice)
    bits = dice.choice([32, 128])
    prefix = dice.randint(0, bits)
    first = dice.getrandbits(bits) >> (bits - prefix) << (bits - prefix)
    address = ipaddress.IPv4Address(first) if bits == 32 else ipaddress.IPv6Address(first)
    return f"{address}/{prefix}"


year = one_of(lambda dice: f"{dice.randint(0, 9999):04}", pick("2024", "1900", "2000"))
two = one_of(lambda dice: f"{dice.randint(0, 60):02}", lambda dice: f"{dice.randint(1, 12):02}")
weeks = joined(year, maybe("-"), "W", two, maybe("-"), maybe(pick(*"0123456789")))
real = joined(year, "-", pick("01", "12"), "-", pick("01", "31"))
days = one_of(real, joined(year, maybe("-"), two, maybe("-"), two), weeks)
digits = joined(*(some(HEX, size) if isinstance(size, int) else size for size in (8, "-", 4, "-", 4, "-", 4, "-", 12)))
identifiers = joined(pick("", "{", "urn:uuid:", "urn:"), one_of(digits, some(HEX, 32)), pick("", "}"))

CONTROLS: dict[str, tuple[Maker, Callable[[str], str]]] = {
    "ip = {}": (addresses, lambda text: str(ipaddress.ip_address(text))),
    "cidr = {}": (network, lambda text: str(ipaddress.ip_network(text))),
    "date = {}": (days, lambda text: date.fromisoformat(text).isoformat()),
    "uuid = { braces = true, urn = true }": (identifiers, lambda text: str(uuid.UUID(text))),
}


@pytest.mark.parametrize("rule", CONTROLS)
def test_an_operation_equals_the_standard_library(ask: Ask, rule: str) -> None:
    """The same text, the same refusal, or Unsupported; and the second time the same."""
    maker, control = CONTROLS[rule]
    values = one_of(maker, maker, mutated(maker), anything)
    seen: Counter[str] = Counter()

    @seeds(EXAMPLES)
    def compare(dice: Random) -> None:
        text = values(dice)
        answer = ask({"rule": rule}, text)
        seen[answer.get("code", answer["answer"])] += 1
        if answer["answer"] == "unsupported":
            return
        try:
            wanted = control(text)
        except ValueError:
            assert answer["answer"] == "invalid", (text, answer)
            return
        assert answer == ({"answer": "same"} if wanted == text else {"answer": "string", "text": wanted}), text
        assert ask({"rule": rule}, wanted) == {"answer": "same"}

    compare()
    print(f"\n{rule}: {dict(seen.most_common())}")
    assert seen["same"] + seen["string"] > EXAMPLES / 10, seen
    assert sum(seen[kind] for kind in seen if kind.startswith("invalid")) > EXAMPLES / 100, seen


@pytest.mark.parametrize(("unit", "micros"), [("s", 1_000_000), ("ms", 1_000)])
def test_counts_are_instants(ask: Ask, unit: str, micros: int) -> None:
    """A count since the epoch is what `datetime` makes of it, over all years and beyond them."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    rule = {"rule": f'timestamp = {{ digits = 6, epoch = "{unit}" }}'}

    @seeds(EXAMPLES)
    def compare(dice: Random) -> None:
        count = dice.randint(-63_000_000_000, 254_000_000_000) * (1_000_000 // micros) + dice.randint(0, 999)
        for value in (count, str(count)):
            answer = ask(rule, value)
            try:
                moment = epoch + timedelta(microseconds=count * micros)
            except OverflowError:
                assert answer == {"answer": "invalid", "code": "invalid_timestamp"}, count
                continue
            wanted = f"{moment:%m-%dT%H:%M:%S.%fZ}"
            assert answer == {"answer": "string", "text": f"{moment.year:04}-{wanted}"}, count

    compare()


# What ISO has changed since the package's data of early 2023: new codes, and those that were withdrawn.
CHANGED = {"currency": ({"XCG", "ZWG"}, {"ANG", "CUC", "HRK", "SLL", "ZWL"}), "country": (set(), set())}


@pytest.mark.parametrize("table", CHANGED)
def test_codes_are_those_of_iso(ask: Ask, table: str) -> None:
    """Every code that the package has is read, but for what has changed since; and the tables hold no other."""
    number = {"country": "3166-1", "currency": "4217"}[table]
    source = Path(f"/usr/share/iso-codes/json/iso_{number}.json")
    if not source.exists():
        pytest.skip("iso-codes is not installed")
    entries: list[dict[str, Any]] = json.loads(source.read_text())[number]
    new, withdrawn = CHANGED[table]
    code = {"country": "alpha_2", "currency": "alpha_3"}[table]
    listed = ({entry[code] for entry in entries} | new) - withdrawn
    rows = (ROOT / f"rust/core/src/field/codes/{table}.rs").read_text()
    rows = rows[rows.index("[rustfmt::skip]") :]
    assert {*re.findall(r'\*b"(\w+)"', rows)} == listed | {e["alpha_3"] for e in entries if table == "country"}
    for entry in entries:
        known = entry[code] in listed
        wanted = {"answer": "same"} if known else {"answer": "invalid", "code": f"invalid_{table}"}
        assert ask({"rule": f"{table} = {{}}"}, entry[code]) == wanted
        if table == "country":
            answer = ask({"rule": "country = { alpha3 = true }"}, entry["alpha_3"])
            assert answer == {"answer": "string", "text": entry["alpha_2"]}
