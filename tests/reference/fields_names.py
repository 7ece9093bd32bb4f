"""The operations `uuid`, `email`, `enum` and `phone`. Source: docs/policy/values.md."""

from __future__ import annotations

import re
from typing import Any

from reference.answer import Outside, Refused
from reference.json_text import Number
from reference.value_sets import DIGITS, FOREIGN_DIGITS, HEX, SPACE, lower, only, strip

UUID = re.compile("[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
UUID_SHAPE = HEX | FOREIGN_DIGITS | frozenset("-:{}xX_+urni" + SPACE)

ATOM = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+"
LOCAL = re.compile(rf"{ATOM}(\.{ATOM})*")
LABEL = re.compile("[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
SPECIAL = {"arpa", "invalid", "local", "localhost", "onion", "test"}
ROLES = {
    *("info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster", "hostmaster", "usenet"),
    *("news", "webmaster", "www", "uucp", "ftp"),
}

PHONE_SHAPE = DIGITS | frozenset("+ -.()/")


def string(value: Any) -> str:
    """A value that has to be a string."""
    if isinstance(value, Number) or not isinstance(value, str):
        raise Refused("wrong_type")
    return value


def uuid(rule: dict[str, Any], value: Any) -> str:
    text = string(value)
    if rule.get("braces") and text.startswith("{") and text.endswith("}"):
        rest = text[1:-1]
    elif rule.get("urn"):
        rest = text.removeprefix("urn:uuid:")
    else:
        rest = text
    if UUID.fullmatch(rest):
        digits = lower(rest.replace("-", ""))
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    length = len(text.replace("-", ""))
    if not only(text, UUID_SHAPE) or length < 32 or (length > 32 and not set(text) & set(":{}")):
        raise Refused("invalid_uuid")
    raise Outside("uuid.form", "invalid_uuid")


def email(rule: dict[str, Any], value: Any) -> str:
    text = string(value)
    local, at, domain = text.partition("@")
    if not at:
        raise Refused("invalid_email")
    if not text.isascii():
        raise Outside("email.form", "invalid_email")
    if len(text) > 254 or not LOCAL.fullmatch(local) or not is_domain(domain):
        raise Refused("invalid_email")
    domain = lower(domain)
    if "xn--" in domain:
        raise Outside("email.form", "invalid_email")
    if domain in rule.get("strip_dots", []):
        name, plus, tag = local.partition("+")
        local = name.replace(".", "") + plus + tag
    if domain in rule.get("strip_tag", []):
        name = local.partition("+")[0]
        if name and not name.endswith("."):
            local = name
    if rule.get("local") == "lower" or lower(local) in ROLES:
        local = lower(local)
    return f"{local}@{domain}"


def is_domain(domain: str) -> bool:
    labels = domain.split(".")
    return (
        len(domain) <= 253
        and len(labels) > 1
        and domain[-1:].isalpha()
        and all(map(is_label, labels))
        and lower(labels[-1]) not in SPECIAL
    )


def is_label(label: str) -> bool:
    if not LABEL.fullmatch(label):
        return False
    return label[2:4] != "--" or "xn--" in lower(label)


def enum(rule: dict[str, Any], value: Any) -> str:
    text = string(value)
    names: dict[str, str] = {}
    for name, aliases in rule.items():
        for spelling in [name, *aliases]:
            names[lower(spelling)] = name
    stripped = strip(text)
    if not stripped.isascii() and not all(map(str.isascii, names)):
        if text in rule:
            return text
        raise Outside("enum.form", "invalid_enum")
    found = names.get(lower(stripped).replace("\u212a", "k"))
    if found is None:
        raise Refused("invalid_enum")
    return found


def phone(rule: dict[str, Any], value: Any) -> str:
    """Without `region`: what a numbering plan says is not to be had from a standard library."""
    text = string(value)
    if not set(text) & (DIGITS | FOREIGN_DIGITS):
        raise Refused("invalid_phone")
    if not only(text, PHONE_SHAPE):
        raise Outside("phone.form", "invalid_phone")
    text = re.sub("[-./ ]", "", text)
    if "(0)" in text:
        raise Outside("phone.form", "invalid_phone")
    text = re.sub("[()]", "", text)
    if rule.get("double_zero") and text.startswith("00"):
        text = "+" + text[2:]
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", text):
        raise Refused("invalid_phone")
    return text
