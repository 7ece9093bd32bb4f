"""The operations `ip`, `cidr` and `url`. Source: docs/policy/values.md."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from reference.answer import Outside, Refused
from reference.fields_names import string
from reference.value_sets import lower

Address = IPv4Address | IPv6Address

MAPPED = IPv6Network("::ffff:0:0/96")
OCTET = "(0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
IPV4 = re.compile(rf"{OCTET}(\.{OCTET}){{3}}")

FOREIGN_TO_URLS = re.compile(rb'[^\x21-\x7e]|["<>\\^`{|}]')
LABEL = re.compile("[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
NUMERIC = re.compile("[0-9]+|0[xX][0-9a-fA-F]*")
TRIPLET = re.compile("%([0-9a-fA-F]{2})")


def read(text: str) -> Address | None:
    """An address without zone."""
    if IPV4.fullmatch(text):
        return IPv4Address(text)
    if re.fullmatch("[0-9a-fA-F:.]+", text) and ":" in text:
        tail = text.rpartition(":")[2]
        if "." in text and not IPV4.fullmatch(tail):
            return None
        try:
            return IPv6Address(text)
        except ValueError:
            return None
    return None


def zoned(text: str) -> tuple[Address | None, bool]:
    """An address, and whether a zone stands behind it."""
    before, percent, zone = text.partition("%")
    if not percent:
        return read(text), False
    address = read(before)
    if not isinstance(address, IPv6Address) or not zone or "%" in zone or "/" in zone:
        return None, False
    return address, True


def written(address: Address) -> str:
    if isinstance(address, IPv6Address) and address in MAPPED:
        return f"::ffff:{IPv4Address(int(address) & 0xFFFFFFFF)}"
    return str(address)


def ip(rule: dict[str, Any], value: Any) -> str:
    address, zone = zoned(string(value))
    if address is None:
        raise Refused("invalid_ip")
    mapped = address.version == 6 and address in MAPPED and not zone
    if mapped and rule.get("mapped") == "unmap":
        address, mapped = IPv4Address(int(address) & 0xFFFFFFFF), False
    if address.version != rule.get("version", address.version):
        raise Refused("invalid_ip")
    if zone:
        raise Outside("ip.zone", "invalid_ip")
    if mapped and rule.get("mapped", "outside") == "outside":
        raise Outside("ip.mapped", "invalid_ip")
    return written(address)


def cidr(rule: dict[str, Any], value: Any) -> str:
    before, slash, prefix = string(value).partition("/")
    address, zone = zoned(before)
    if address is None or address.version != rule.get("version", address.version):
        raise Refused("invalid_cidr")
    if not slash:
        raise Outside("cidr.form", "invalid_cidr")
    if not re.fullmatch("[0-9]+", prefix):
        if address.version == 4 and IPV4.fullmatch(prefix):
            raise Outside("cidr.form", "invalid_cidr")
        raise Refused("invalid_cidr")
    digits = prefix.lstrip("0") or "0"
    if len(digits) > 3 or int(digits) > address.max_prefixlen:
        raise Refused("invalid_cidr")
    if digits != prefix or zone:
        raise Outside("cidr.form", "invalid_cidr")
    length = int(digits)
    if int(address) & ((1 << (address.max_prefixlen - length)) - 1):
        raise Refused("invalid_cidr")
    if address.version == 6 and address in MAPPED and length >= 96:
        raise Outside("cidr.form", "invalid_cidr")
    network = IPv4Network if address.version == 4 else IPv6Network
    return str(network((int(address), length)))


def url(rule: dict[str, Any], value: Any) -> str:
    text = string(value)
    scheme = re.match("(https?)://", text, re.IGNORECASE | re.ASCII)
    if not scheme:
        raise Refused("invalid_url")
    if FOREIGN_TO_URLS.search(text.encode()):
        raise Outside("url.character", "invalid_url")
    authority, rest = re.fullmatch(r"([^/?#]*)(.*)", text[scheme.end() :], re.DOTALL).groups()  # type: ignore[union-attr]
    if "@" in authority:
        raise Refused("invalid_url")
    name, port = host(authority)
    default = {"http": 80, "https": 443}[lower(scheme[1])]
    path, query, fragment = re.fullmatch(r"([^?#]*)(\?[^#]*)?(#.*)?", rest).groups(default="")  # type: ignore[union-attr]
    if re.search(r"[\[\]]", rest) or "#" in fragment[1:]:
        raise Outside("url.character", "invalid_url")
    if re.search("%(?![0-9a-fA-F]{2})", rest):
        raise Outside("url.triplet", "invalid_url")
    if rule.get("fragment") == "drop":
        fragment = ""
    return "".join(
        (
            lower(scheme[1]),
            "://",
            name,
            "" if port in (None, default) else f":{port}",
            without_dots(decoded(path)),
            decoded(query),
            decoded(fragment),
        )
    )


def host(authority: str) -> tuple[str, int | None]:
    """Host and port as they are written."""
    if authority.startswith("["):
        name, bracket, behind = authority[1:].partition("]")
        if not bracket or (behind and not behind.startswith(":")):
            raise Refused("invalid_url")
        port = behind[1:]
    else:
        name, _, port = authority.partition(":")
    if not name:
        raise Refused("invalid_url")
    if authority.startswith("["):
        address = read(name)
        if not isinstance(address, IPv6Address):
            raise Outside("url.host", "invalid_url")
        written_host = f"[{written(address)}]"
    else:
        written_host = lower(name.removesuffix("."))
        if not IPV4.fullmatch(written_host) and not is_name(written_host):
            raise Outside("url.host", "invalid_url")
    if not re.fullmatch("[0-9]{0,5}", port) or int(port or 0) > 65535:
        raise Refused("invalid_url")
    return written_host, int(port) if port else None


def is_name(name: str) -> bool:
    labels = name.split(".")
    return len(name) <= 253 and all(map(LABEL.fullmatch, labels)) and not NUMERIC.fullmatch(labels[-1])


def decoded(text: str) -> str:
    """Triplets of unreserved characters decoded, all others in upper case."""

    def triplet(found: re.Match[str]) -> str:
        char = chr(int(found[1], 16))
        return char if re.fullmatch(r"[A-Za-z0-9._~-]", char) else found[0].upper()

    return TRIPLET.sub(triplet, text)


def without_dots(path: str) -> str:
    segments = (path or "/").split("/")[1:]
    out: list[str] = []
    for segment in segments:
        if segment == "..":
            out[-1:] = []
        elif segment != ".":
            out.append(segment)
    if segments[-1] in (".", ".."):
        out.append("")
    return "/" + "/".join(out)
