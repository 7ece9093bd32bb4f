"""Sets of characters that several operations speak of.

Source: docs/policy/values.md, "Sets", and docs/policy/text.md, "Steps".
"""

from __future__ import annotations

import re

SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
"""White_Space."""

SEPARATORS = "\x1c\x1d\x1e\x1f"
"""What `str.strip` removes beyond White_Space."""

DIGITS = frozenset("0123456789")
HEX = frozenset("0123456789abcdefABCDEF")

# The zero of each run of ten digits beyond ASCII.
FOREIGN_ZEROS = """
    0660 06F0 07C0 0966 09E6 0A66 0AE6 0B66 0BE6 0C66 0CE6 0D66 0DE6 0E50 0ED0 0F20 1040 1090 17E0 1810 1946 19D0 1A80
    1A90 1B50 1BB0 1C40 1C50 A620 A8D0 A900 A9D0 A9F0 AA50 ABF0 FF10 104A0 10D30 10D40 11066 110F0 11136 111D0 112F0
    11450 114D0 11650 116C0 116D0 116DA 11730 118E0 11950 11BF0 11C50 11D50 11DA0 11DE0 11F50 16130 16A60 16AC0 16B50
    16D70 1CCF0 1D7CE 1D7D8 1D7E2 1D7EC 1D7F6 1E140 1E2F0 1E4F0 1E5F1 1E950 1FBF0
"""
FOREIGN_DIGITS = frozenset(chr(int(zero, 16) + digit) for zero in FOREIGN_ZEROS.split() for digit in range(10))


def strip(text: str) -> str:
    """Without White_Space and U+001C to U+001F at both ends."""
    return text.strip(SPACE + SEPARATORS)


def lower(text: str) -> str:
    """A-Z to a-z."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), text)


def upper(text: str) -> str:
    """a-z to A-Z."""
    return re.sub("[a-z]+", lambda found: found[0].upper(), text)


def only(text: str, allowed: frozenset[str]) -> bool:
    """Whether all characters are of that set."""
    return allowed.issuperset(text)
