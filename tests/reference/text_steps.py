"""The operation `text`, with the bounds and `controls` beside it. Source: docs/policy/text.md."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from reference.answer import Outside, Refused
from reference.sizes import size
from reference.text_assigned import all_assigned
from reference.value_sets import SEPARATORS, SPACE, lower, upper

KEYS = frozenset(["text", "max_bytes", "max_chars", "min_chars", "controls", "unassigned"])

CONTROLS = re.compile("[\0-\x1f\x7f-\x9f]")
CONTROLS_BUT_TAB_AND_LF = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f]")
BIDI_CONTROL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
DEFAULT_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
WHITE_SPACE = re.compile(f"[{SPACE}]+")


def trim(text: str) -> str:
    text = text.strip(SPACE)
    if text and (text[0] in SEPARATORS or text[-1] in SEPARATORS):
        raise Outside("text.separator", "invalid_text")
    return text


STEPS: dict[str, Callable[[str], str]] = {
    "trim": trim,
    "collapse": lambda text: WHITE_SPACE.sub(" ", text),
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "fold": str.casefold,
    "ascii_lower": lower,
    "ascii_upper": upper,
    "strip_bidi": lambda text: BIDI_CONTROL.sub("", text),
    "strip_invisible": lambda text: DEFAULT_IGNORABLE.sub("", text),
}
UNICODE = {"nfc", "nfkc", "fold"}


def text(rule: dict[str, Any], value: Any, kept: Callable[[str], None]) -> str:
    """What the rule makes of a value. `kept` hears of a value that stays for a reason."""
    if type(value) is not str:
        raise Refused("wrong_type")
    most_bytes = size(rule["max_bytes"]) if "max_bytes" in rule else None
    if most_bytes is not None and len(value.encode()) > most_bytes:
        raise Refused("too_long")
    steps, controls = rule.get("text", []), rule.get("controls", "keep")
    unassigned = rule.get("unassigned", "outside")
    rewrites = True
    if (UNICODE.intersection(steps) or unassigned == "reject") and not all_assigned(value):
        if unassigned == "outside":
            raise Outside("text.unassigned", "invalid_text")
        if unassigned == "reject":
            raise Refused("unassigned_character")
        rewrites = False
    result = value
    if rewrites:
        if controls in ("strip", "keep_tnl"):
            result = (CONTROLS if controls == "strip" else CONTROLS_BUT_TAB_AND_LF).sub("", result)
        for step in steps:
            result = STEPS[step](result)
    if most_bytes is not None and len(result.encode()) > most_bytes:
        raise Refused("too_long")
    if len(result) > rule.get("max_chars", len(result)):
        raise Refused("too_long")
    if len(result) < rule.get("min_chars", 0):
        raise Refused("too_short")
    if controls == "reject" and CONTROLS.search(result):
        raise Refused("control_character")
    if not rewrites:
        kept("text.unassigned")
    return result
