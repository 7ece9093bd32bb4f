"""Values for the rules: inside the declared grammar, near it, and what only Python's own parsers read.

A maker draws from one `Random`, so a seed is a value: a hundred times cheaper than a strategy of many draws, which is
what lets the long run make a hundred thousand values for each rule.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from gateway.fields import Exact

AnyMaker = Callable[[Random], Any]
Maker = Callable[[Random], str]

SPACES = " \t\n\v\f\r\x1c\x1f\x85\xa0\u1680\u2003\u2028\u3000"
ODD = SPACES + "_+-.:,'\"@<>[]{}\\/\0\x7fzZtTWwEeXx09٣߁०𝟘²Ⅷ万KİıéE\u0301\u0331\ufeff\u200d\u0378"
DIGITS = "0123456789"
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + DIGITS
HEX = DIGITS + "abcdefABCDEF"


def some(alphabet: Sequence[str], least: int, most: int | None = None) -> Maker:
    """So many pieces of the alphabet."""
    return lambda dice: "".join(dice.choices(alphabet, k=dice.randint(least, least if most is None else most)))


def pick(*texts: str) -> Maker:
    return lambda dice: dice.choice(texts)


def pair(low: int, high: int) -> Maker:
    return lambda dice: f"{dice.randint(low, high):02}"


def joined(*parts: Maker | str) -> Maker:
    """The parts one behind the other; a text stands for itself."""
    return lambda dice: "".join(part if isinstance(part, str) else part(dice) for part in parts)


def maybe(part: Maker | str) -> Maker:
    return one_of(joined(part), joined())


def one_of(*makers: AnyMaker) -> AnyMaker:
    return lambda dice: dice.choice(makers)(dice)


def mostly(maker: AnyMaker, other: AnyMaker) -> AnyMaker:
    return lambda dice: (maker if dice.random() < 0.9 else other)(dice)


def sequence(part: Maker, most: int, between: str) -> Maker:
    return lambda dice: between.join(part(dice) for _ in range(dice.randint(1, most)))


def mutated(maker: Maker) -> Maker:
    """A text with one to three pieces of it removed, doubled, swapped or replaced."""

    def mutate(dice: Random) -> str:
        text = maker(dice)
        for _ in range(dice.randint(1, 3)):
            at = dice.randint(0, len(text))
            match dice.randint(0, 4):
                case 0:
                    text = text[:at] + text[at + 1 :]
                case 1:
                    text = text[:at] + dice.choice(ODD) + text[at:]
                case 2:
                    text = text[:at] + dice.choice(ODD) + text[at + 1 :]
                case 3:
                    text = text[:at] + text[at : at + 2] + text[at:]
                case _:
                    text = text[: at + 1] + text[at + 1 :].swapcase()
        return text

    return mutate


def cased(maker: Maker) -> Maker:
    """In some mixture of cases, with white space around."""

    def mix(dice: Random) -> str:
        return "".join(c.swapcase() if c.isascii() and dice.random() < 0.3 else c for c in maker(dice))

    return joined(some(SPACES, 0, 2), mix, some(SPACES, 0, 2))


def anything(dice: Random) -> str:
    """Code points from everywhere but the surrogates."""
    ranges = [(0, 0x7F), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x1FFF), (0x2000, 0xD7FF), (0xE000, 0x10FFFF)]
    return "".join(chr(dice.randint(*dice.choice(ranges))) for _ in range(dice.randint(0, 14)))


def number(dice: Random) -> Any:
    text = joined(maybe("-"), one_of(pick("0"), joined(pick(*"123456789"), some(DIGITS, 0, 30))))(dice)
    if dice.random() < 0.4:
        return int(text)
    exponent = joined(pick("e", "E"), pick("", "+", "-"), some(DIGITS, 1, 2))
    return Exact(text + one_of(joined(".", some(DIGITS, 1, 30), maybe(exponent)), exponent)(dice))


def other(dice: Random) -> Any:
    return dice.choice([None, True, False, number(dice), number(dice)])


year = one_of(lambda dice: f"{dice.randint(1, 9999):04}", lambda dice: str(dice.randint(1970, 2100)))
day = one_of(joined(pair(1, 12), "-", pair(1, 28)), pick("01-01", "12-31", "02-28", "03-01", "11-30", "01-31"))
edges = pick("0001-01-01", "9999-12-31", "2024-02-29", "2000-02-29", "1900-02-28", "2023-02-28")
clock = joined(pair(0, 23), ":", pair(0, 59), ":", pair(0, 59))
fraction = maybe(joined(".", some(DIGITS, 1, 9)))
offset = joined(pick("+", "-"), pair(0, 23), ":", pair(0, 59))
dates = one_of(joined(year, "-", day), joined(year, "-", day), edges)
instants = joined(dates, pick("T", "T", "t", " "), clock, fraction, one_of(maybe("Z"), offset))
loose_dates = joined(
    one_of(year, joined(pair(0, 99), pair(0, 99))),
    pick("", "-", "-W", "W", "/"),
    one_of(pair(1, 12), pair(0, 60)),
    pick("", "-"),
    one_of(pair(1, 28), some(DIGITS, 0, 2)),
)
loose_instants = joined(
    one_of(dates, loose_dates),
    pick("", "T", "t", " ", "-", "W", "é", "𝟘", "\0"),
    one_of(some(DIGITS + ":.,", 0, 18), joined(pair(0, 25), ":", pair(0, 61), ":", pair(0, 61), fraction)),
    pick("", "Z", "z", " ", "Z\0", "x", "."),
    maybe(joined(pick("+", "-", "−"), pair(0, 25), maybe(":"), pair(0, 99), some(":0.", 0, 4))),
)

bare = some(HEX, 32)
usual = joined(some(HEX, 8), "-", some(HEX, 4), "-", some(HEX, 4), "-", some(HEX, 4), "-", some(HEX, 12))
uuids = one_of(bare, usual)
loose_uuids = joined(
    pick("", "", "{", "urn:", "urn:uuid:", "uuid:", "{urn:", "u", "urn"),
    one_of(uuids, mutated(bare), some([*HEX, *HEX, *HEX, "-", "0x", "_", "+", " ", "٣", "urn:", "uuid:"], 28, 34)),
    pick("", "", "}", "-", "}}"),
)

atoms = some(PLAIN + "!#$%&'*+-/=?^_`{|}~", 1, 8)
boxes = one_of(sequence(atoms, 3, "."), pick("Info", "WWW", "abuse", "news", "Sales", "Infos"))
labels = one_of(some(PLAIN, 1, 9), joined(some(PLAIN, 3, 4), "-", some(PLAIN, 1, 3)), pick("a--b", "aaa--b", "x-n--a"))
tops = pick("com", "com", "ORG", "co.uk", "dev", "museum", "test", "Local", "onion", "arpa", "x1", "1x", "c-m")
addresses = joined(boxes, "@", sequence(labels, 3, "."), ".", tops)
long_addresses = joined(
    one_of(boxes, sequence(some(PLAIN, 15, 25), 5, ".")), "@", sequence(some(PLAIN, 30, 66), 5, "."), pick(".com", "")
)
loose_addresses = joined(
    pick("", "", "", "<", '"', "Name <", '"N" <', " "),
    one_of(boxes, some(ODD, 0, 3)),
    pick("", "", '"', "@", "@@", "\u0301"),
    "@",
    sequence(one_of(labels, pick("xn--4dbc", "ab--c", "é", "-", "")), 3, "."),
    pick(".", ".", "", "。"),
    one_of(tops, pick("exämple", "xn--p1ai")),
    pick("", "", "", ">", "]", ".", " ", "\n"),
)

whole_numbers = joined(maybe("-"), one_of(pick("0"), joined(pick(*"123456789"), some(DIGITS, 0, 40))))
loose_numbers = one_of(
    joined(some(SPACES, 0, 1), pick("", "", "+", "-", "+-"), some(DIGITS + DIGITS + "__٣x", 0, 9), some(SPACES, 0, 1)),
    joined(maybe("-"), some("0", 0, 100), some(DIGITS, 1, 40), some("0", 0, 100)),
    joined(pick(*DIGITS), sequence(some(DIGITS, 1, 3), 5, "_")),
)

shrinking = maybe(joined(pick("e", "E"), "-", some(DIGITS, 1, 3)))
fitting = joined(
    pick("", "", "-", "+"),
    one_of(joined(some(DIGITS, 1, 25), maybe(joined(".", some(DIGITS, 0, 40)))), joined(".", some(DIGITS, 1, 40))),
    shrinking,
)
ties = joined(pick("", "-"), some("0129", 1, 28), ".", some("0459", 0, 3), pick("5", "50", "500001"))
huge = pick("", "", "", "e", "E5", "e-30", "e+28", "e_3", "e26", "e999999", "e-1000000", "e99999999999999999999")
edge = some(SPACES + "_", 0, 1)
loose_decimals = one_of(
    joined(
        some(SPACES + "_", 0, 1), pick("", "+", "-"), some(DIGITS * 3 + ".._٣", 0, 34), huge, some(SPACES + "_", 0, 1)
    ),
    joined(pick("", "-"), one_of(some(DIGITS, 0, 30), some("9", 25, 29)), ".", some(DIGITS + "99999", 0, 6), huge),
    pick("NaN", "-inf", "Infinity", "sNaN12", "nan_", "İnf"),
)

words = pick("true", "false", "yes", "no", "on", "off", "1", "0")
spellings = pick("open", "reopened", "back", "closed", "done", "shut", "p1", "in_work", "kept", "asked")
near_words = pick("y", "n", "t", "f", "oﬀ", "truе", "\u212aept", "bac\u212a", "a\u017fked", "\u0131n_work", "openn")

marks = "\u0301\u0331\u0308\u0323\u0650\u0651"
letters = some("eEaAhHKk oOuU\u212aéḗ\u1100\u1161\u11a8가\u0958\u2000" + marks, 0, 16)
texts = joined(some(SPACES, 0, 2), one_of(anything, letters, some(ODD, 0, 14)), some(SPACES, 0, 2))
known_texts = joined(
    some(" \t\n\u3000\xa0", 0, 2), some(PLAIN + " éèüñßøżłęК漢字かな가🦀\u0301", 0, 14), some(" \r\n\u2003", 0, 2)
)

DECLARED: dict[str, AnyMaker] = {
    "text": mostly(known_texts, other),
    "timestamp": mostly(instants, other),
    "uuid": mostly(uuids, other),
    "email": mostly(one_of(addresses, addresses, long_addresses), other),
    "integer": mostly(whole_numbers, other),
    "boolean": mostly(cased(words), other),
    "decimal": mostly(fitting, lambda dice: dice.randint(-(10**25), 10**25)),
    "enum": mostly(cased(spellings), other),
}

ANY: dict[str, AnyMaker] = {
    "text": mostly(one_of(texts, mutated(texts)), other),
    "timestamp": mostly(one_of(mutated(instants), loose_instants, mutated(loose_instants), anything), other),
    "uuid": mostly(one_of(mutated(uuids), loose_uuids, mutated(loose_uuids), anything), other),
    "email": mostly(one_of(mutated(addresses), long_addresses, loose_addresses, anything), other),
    "integer": mostly(one_of(mutated(whole_numbers), loose_numbers, mutated(loose_numbers), anything), other),
    "boolean": mostly(one_of(mutated(cased(words)), mutated(words), near_words, anything), other),
    "decimal": mostly(one_of(mutated(fitting), ties, loose_decimals, mutated(loose_decimals), anything), number),
    "enum": mostly(one_of(mutated(cased(spellings)), mutated(spellings), near_words, anything), other),
}

BARE = "c0ffee0012344abc8def0123456789ab"

LONG: dict[str, list[Any]] = {
    "text": ["a" * 13, "e\u0301" * 12, "\u0958" * 7],
    "timestamp": ["2024-01-01T00:00:00." + "1" * 5000 + "Z", "2024-01-01T00:00:00Z" + " " * 5000],
    "uuid": ["-".join(BARE), "urn:" * 5000 + BARE, "-" * 5000, "{" * 5000 + BARE],
    "email": [
        *("a" * size + "@b.com" for size in (64, 65, 247, 248, 249)),
        *("a@" + "b" * size + ".com" for size in (63, 64, 5000)),
        *("a@" + "b." * times + "com" for times in (123, 124, 125, 126)),
    ],
    "integer": [
        *("0" * 127 + "1", "0" * 128, "0" * 129, "1" * 128, "1" * 129, "9" * 4300, "9" * 4301),
        *("1_" * 127 + "1", "1_" * 128 + "1", " " * 5000 + "1", 10**50),
    ],
    "boolean": [" " * 5000 + "true", "true" * 5000],
    "decimal": [
        *("0" * 5000 + "1", "1" * 5000, "." + "0" * 5000, "." + "0" * 5000 + "1", "1" + "0" * 5000 + "e-5000", 10**26),
        *(
            "1e" + "0" * 500 + "1",
            "1e" + "9" * 5000,
            "1e-" + "9" * 5000,
            "0.005" + "0" * 500 + "1",
            "1" + "0" * 25,
            10**26,
        ),
    ],
    "enum": ["open" + " " * 5000, "open" * 5000],
}

# Texts that only Python's own parsers read, or that one could think they read.
ACCIDENTS: dict[str, list[Any]] = {
    op: texts + LONG[op]
    for op, texts in json.loads(Path(__file__).with_name("field_accidents.json").read_text(), parse_float=Exact).items()
}
