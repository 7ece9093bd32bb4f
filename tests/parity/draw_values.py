"""Values for every operation: inside its grammar, near it, and what only other readers know.

What field_values has for the operations of the gateway is used as it is. A maker draws from one `Random`.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from gateway.fields import Exact
from parity import field_values as known
from parity.field_values import DIGITS, HEX, ODD, PLAIN, SPACES, AnyMaker, joined, maybe, mutated, one_of, pick, some
from reference.fields_codes import COUNTRIES, CURRENCIES

octets = one_of(lambda dice: str(dice.randint(0, 255)), pick("0", "255", "256", "01", "1", "10", "999"))
ipv4s = joined(octets, ".", octets, ".", octets, ".", octets)
groups = one_of(some(HEX, 1, 4), pick("0", "0", "0", "0000", "ffff", "FFFF", "10000"))
full = joined(*[part for _ in range(7) for part in (groups, ":")], groups)
gapped = joined(
    lambda dice: ":".join(groups(dice) for _ in range(dice.randint(0, 5))),
    "::",
    lambda dice: ":".join(groups(dice) for _ in range(dice.randint(0, 4))),
)
zeros = joined(lambda dice: ":".join(dice.choice(["0", "0", "1", "00"]) for _ in range(8)))
with_dots = joined(
    pick("::", "::ffff:", "::FFFF:0:", "0:0:0:0:0:ffff:", "64:ff9b::", "1:2:3:4:5:6:", "::ffff:c000:"), ipv4s
)
mapped = joined("::", pick("ffff", "FFFF", "0:ffff"), ":", some(HEX, 1, 4), ":", some(HEX, 1, 4))
ipv6s = one_of(full, gapped, zeros, with_dots, mapped)
zones = joined(pick("%", "%", "%%", "%25"), pick("eth0", "", "1", "a/b", "é", " "))
addresses = one_of(ipv4s, ipv6s, ipv6s, joined(ipv6s, zones), joined(ipv4s, zones), mutated(ipv4s), mutated(ipv6s))
prefixes = one_of(
    lambda dice: str(dice.randint(0, 130)),
    pick(
        "0", "00", "8", "08", "032", "33", "0129", "1000", "255.255.0.0", "0.0.0.255", "", "-1", "+8", "8/8", "٣", "x"
    ),
)
networks = one_of(
    joined(pick("10.0.0.0", "0.0.0.0", "192.168.0.0", "172.16.0.0", "10.0.0.1"), "/", prefixes),
    joined(pick("2001:db8::", "::", "fe80::", "::ffff:0:0", "::ffff:10.0.0.0", "2001:DB8:0:0:0:0:0:1"), "/", prefixes),
    joined(addresses, maybe(joined("/", prefixes))),
)  # fmt: skip

clean_networks = one_of(
    joined("10.", octets, ".0.0/", pick("15", "16", "17", "32")), joined("2001:", groups, "::/", pick("32", "48"))
)

dates = one_of(
    known.dates, known.loose_dates, mutated(known.dates), some(DIGITS, 8),
    joined(known.year, pick("", "-"), "W", some(DIGITS, 2), pick("", "-"), some(DIGITS, 0, 1)),
    joined(known.year, known.pair(1, 12), known.pair(1, 31), pick("", "", "xx", "é", "x", "ABC", "\0\n")),
    joined(known.year, "W", some(DIGITS, 3), pick("", "xx", "é", "x", "-1")),
)  # fmt: skip
counts = one_of(
    lambda dice: str(dice.randint(-(10**12), 10**14)),
    pick("-62135596800", "-62135596801", "253402300799", "253402300800", "253402300799999", "253402300800000"),
    pick("-62135596800000", "-62135596800001"),
    pick("-1", "-0", "00", "1e3", "1.5", "1684769356789", "9" * 30, "-" + "9" * 30),
    joined(maybe("-"), some(DIGITS, 1, 20)),
)  # fmt: skip

digits = one_of(some(DIGITS, 1, 5), pick("0", "00", "1", "49", "(0)", "( 0 )", "(0", "0)"))
punctuation = some(" -./()", 0, 2)
phones = joined(
    pick("", "", " ", "(", "-"),
    pick("+", "+", "+", "00", "0", "", "++", "0 0", "+0"),
    lambda dice: "".join(digits(dice) + punctuation(dice) for _ in range(dice.randint(1, 5))),
    pick("", "", "", " x5", "ext. 1", "+", "\n", "；", "٣"),
)

clean_phones = joined(
    pick("+", "+", " +", "(+", "00", "+ "),
    pick(*"123456789"),
    pick("", ")", " (", "-"),
    known.sequence(some(DIGITS, 2, 4), 4, " "),
    pick("", ".", "/5"),
    some(DIGITS, 3),
)

country_codes = one_of(
    pick(*COUNTRIES.split()), pick("XK", "UK", "EU", "AN", "SU", "XX", "ZZ", "ANT", "Germany", "", "D")
)
currency_codes = one_of(
    pick(*CURRENCIES.split()), pick("HRK", "DEM", "ANG", "ZWL", "CUC", "SLL", "EURO", "XYZ", "XAD", "")
)
subtags = one_of(
    pick("de", "en", "zh", "sgn", "x", "u", "a", "1", "latn", "Hant", "1996", "419", "rozaj", "cmn", "abcdefgh", "b2c"),
    some(PLAIN, 1, 9),
)  # fmt: skip
languages = joined(
    one_of(pick("de", "EN", "zh", "sgn", "x", "i", "art", "abcd", "abcde", "abcdefghi", "e"), subtags),
    lambda dice: "".join(dice.choice("----_") + subtags(dice) for _ in range(dice.randint(0, 6))),
)
long_languages = joined("de", lambda dice: "-abcdefgh" * dice.randint(12, 15), some(PLAIN + "-", 0, 9))

names = one_of(
    known.labels, pick("a_b", "example", "EXAMPLE", "0x7f", "0X", "1", "xn--a", "-a", "a-", "%41", "", "x" * 64)
)
hosts = one_of(
    joined(known.sequence(names, 3, "."), pick("", "", ".", "..")),
    joined(known.sequence(names, 3, "."), ".com"),
    joined(ipv4s, maybe(".")),
    joined("[", one_of(ipv6s, addresses), pick("]", "]", "]", "", "]x")),
    pick("", "[]", ".", "..", "["),
)
ports = pick(
    "", "", "", "", ":", ":80", ":443", ":0443", ":8080", ":0", ":65535", ":65536", ":00080", ":000080", ":x", ":+8"
)
DOTS_AND_TRIPLETS = "/ / / . .. /. /.. a b ~ %7e %2e %2E%2e %2f %c3%A9 %25 %zz % %4"
MARKS = "; = & , ! ' ( ) * $ + : @ [ ] | ^ é \" \\ { \x7f"
pieces = one_of(pick(*DOTS_AND_TRIPLETS.split()), pick(*MARKS.split(), " "))
plain_pieces = pick(
    "/", "/", "a", "b", ".", "..", "/./", "/../", "%7E", "%41", "%2d", "%2f", "%c3%a9", "~", ";x=1", "=", "&", ":@"
)


def run(part: AnyMaker, most: int) -> AnyMaker:
    return lambda dice: "".join(part(dice) for _ in range(dice.randint(0, most)))


def url_of(host: AnyMaker, part: AnyMaker) -> AnyMaker:
    return joined(
        pick("http://", "https://", "HTTP://", "Https://", "http:/", "ftp://", "//", " http://"),
        pick("", "", "", "", "", "u@", "u:p@"),
        host,
        ports,
        maybe(joined("/", run(part, 8))),
        maybe(joined("?", run(part, 4))),
        maybe(joined("#", run(part, 3), pick("", "", "", "#"))),
    )


clean_hosts = joined(known.sequence(known.labels, 2, "."), pick(".com", ".COM", ".de.", ""))
urls = one_of(url_of(clean_hosts, plain_pieces), url_of(hosts, plain_pieces), url_of(hosts, pieces))


def always(value: Any) -> AnyMaker:
    return lambda _: value


INVISIBLE = "\u200b\u200d\u200e\u202e\u2066\u2069\u061c\ufeff\u00ad\u034f\ufe0f\U000e0041\u3164\u115f\ufff0"
CONTROLS = "\0\x07\x1b\x7f\x85\x9f\r\n\t\x1c\x1f"
UNASSIGNED = "\u0378\u0379\uffff\U0001fae9\U00011f00\u1c89\ua7cb\U0010ffff"
PRIVATE = "\ue000\U000f0000"
FOLDED = "ßẞΣςİıſKÅΩﬁﬀᾳᾈΐǰẖẗßʼnև\u13a0\uab70\u1c80\u0345\u03b9\u1e9e"
COMPAT = "¨½²ⅧﷺＡ／＠．％\u2024\u2100\u33c2\u3000\ufb1d\uff9e\uff8a\u1f97\u0313"
letters = some("aAbBzZéÉ\u0308\u0323\u0301\u0331Hḫᾀ" + FOLDED + COMPAT + INVISIBLE + SPACES + PRIVATE, 0, 10)
odd_letters = some("aA \t" + CONTROLS + UNASSIGNED + INVISIBLE + FOLDED + COMPAT + "éñ漢가", 0, 8)
texts = one_of(known.ANY["text"], letters, letters, odd_letters, joined(letters, odd_letters))

stripped = lambda maker: joined(some(SPACES, 0, 1), known.cased(maker), some(SPACES, 0, 1))  # noqa: E731


def mixed(*makers: AnyMaker) -> AnyMaker:
    """Of the makers, sometimes mutated, seldom anything, seldom another JSON type."""

    def draw(dice: Random) -> Any:
        chance = dice.random()
        if chance < 0.04:
            return known.other(dice)
        if chance < 0.06:
            return known.anything(dice)
        maker = dice.choice(makers)
        if chance < 0.25:
            value = maker(dice)
            return mutated(lambda _: value)(dice) if isinstance(value, str) else value
        return maker(dice)

    return draw


def as_number(maker: AnyMaker) -> AnyMaker:
    """The text as a JSON number, where it is one."""

    def draw(dice: Random) -> Any:
        text = maker(dice)
        try:
            json.loads(text, parse_constant=lambda _: 1 / 0)
        except (ValueError, ZeroDivisionError):
            return text
        return Exact(text) if text[-1:] in DIGITS else text

    return draw


ACCIDENTS = {op: one_of(*map(always, listed)) for op, listed in known.ACCIDENTS.items()}
small_whole = lambda dice: str(dice.randint(-1100, 1100))  # noqa: E731
nines = joined(pick("", "-"), some("9", 8, 27), ".", some("9", 1, 20), pick("", "4", "5"))
small_decimal = joined(pick("", "-"), some(DIGITS, 1, 3), maybe(joined(".", some(DIGITS, 1, 4))))

VALUES: dict[str, AnyMaker] = {
    "text": mixed(texts, texts, texts, ACCIDENTS["text"]),
    "integer": mixed(
        known.whole_numbers, known.loose_numbers, small_whole, as_number(small_whole),
        as_number(one_of(known.whole_numbers, small_decimal)), lambda dice: known.number(dice), ACCIDENTS["integer"],
    ),
    "boolean": mixed(stripped(known.words), stripped(known.near_words), ACCIDENTS["boolean"]),
    "decimal": mixed(
        known.fitting, known.ties, known.loose_decimals,
        as_number(one_of(known.fitting, known.ties, known.loose_decimals)),
        small_decimal, as_number(small_decimal), lambda dice: known.number(dice), ACCIDENTS["decimal"], nines,
    ),
    "date": mixed(dates),
    "timestamp": mixed(
        known.instants, known.instants, known.loose_instants, as_number(counts), counts, ACCIDENTS["timestamp"]
    ),
    "uuid": mixed(
        known.uuids, known.loose_uuids, joined("{", known.uuids, "}"), joined("urn:uuid:", known.uuids),
        ACCIDENTS["uuid"],
    ),
    "email": mixed(
        known.addresses, known.long_addresses, known.loose_addresses, ACCIDENTS["email"],
        joined(some("aB.+", 1, 8), "@", pick("gmail.com", "Gmail.Com", "example.org", "b.de")),
    ),
    "enum": mixed(
        stripped(known.spellings), stripped(known.near_words), stripped(pick("öl", "Öl", "oil", "ÖL", "wein", "Wein")),
        ACCIDENTS["enum"],
    ),
    "phone": mixed(phones, clean_phones, clean_phones),
    "country": mixed(stripped(country_codes), country_codes),
    "currency": mixed(stripped(currency_codes), currency_codes),
    "language": mixed(languages, languages, stripped(languages), long_languages),
    "ip": mixed(addresses),
    "cidr": mixed(networks, networks, clean_networks),
    "url": mixed(urls, urls, url_of(clean_hosts, plain_pieces)),
}  # fmt: skip

WELL_BEHAVED: dict[str, AnyMaker] = {
    "text": known.known_texts,
    "integer": one_of(known.whole_numbers, small_whole),
    "boolean": known.words,
    "decimal": one_of(known.fitting, small_decimal),
    "date": known.dates,
    "timestamp": known.instants,
    "uuid": known.uuids,
    "email": known.addresses,
    "enum": known.spellings,
    "phone": joined("+", pick(*"123456789"), some(DIGITS, 6, 12)),
    "country": pick("de", "US", "fr"),
    "currency": pick("eur", "USD"),
    "language": pick("de", "en-us"),
    "ip": one_of(ipv4s, gapped),
    "cidr": pick("10.0.0.0/8", "2001:DB8::/32"),
    "url": url_of(clean_hosts, plain_pieces),
}


def as_json(value: Any) -> str:
    """A drawn value as JSON text. What no JSON text can hold is left out of it."""
    if isinstance(value, Exact):
        return value.text
    return json.dumps(value, ensure_ascii=False)


ANY_TEXT = one_of(*(VALUES[op] for op in VALUES), some(ODD, 0, 6))
