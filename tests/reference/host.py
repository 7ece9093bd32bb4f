"""The host: docs/policy/headers.md, "The host"."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from reference.answer import Checks, Outside, Refused
from reference.client import compressed


def normalize(policy: dict[str, Any], lines: list[bytes], checks: Checks) -> list[bytes] | None:
    """The values of the `Host` lines in normal form, or None where they go on as they came."""
    values = [line.strip(b" \t") for line in lines]
    if not values or not all(values):
        if policy.get("on_missing", "reject") == "reject":
            checks.fired(Refused("missing_host"))
        return None
    if len(values) > 1:
        checks.fired(Refused("duplicate_host"))
    written, readable = [], True
    for value in values:
        reading = Reading(checks)
        try:
            host, port = normal(policy, value.decode("latin-1"), reading)
        except Outside as unreadable:
            checks.fired(unreadable)
            readable = False
            continue
        readable = readable and not reading.as_it_came
        if "allow" in policy and not any(allows(pattern, host) for pattern in policy["allow"]):
            checks.fired(Refused("host_not_allowed"))
        written.append((host + port).encode("latin-1"))
    return written if readable else None


@dataclass
class Reading:
    """The reading of one line, which goes on after some codes where they are not enforced."""

    checks: Checks
    as_it_came: bool = False

    def fired(self, what: str) -> None:
        """Raises `Outside` where the code is enforced; else the line is read on, but stays as it came."""
        self.checks.fired(outside(what))
        self.as_it_came = True


def normal(policy: dict[str, Any], value: str, reading: Reading) -> tuple[str, str]:
    """The host and, with its colon, the port that is left. Raises `Outside`."""
    if re.search(r"[^A-Za-z0-9._:\[\]-]", value):
        raise outside("character")
    if "_" in value and policy.get("underscore", "outside") == "outside":
        reading.checks.fired(outside("underscore"))
    if value.startswith("["):
        inside, bracket, rest = value[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise outside("form")
        host = f"[{ipv6(inside)}]"
    else:
        name, colon, rest = value.partition(":")
        rest, host = colon + rest, ""
    port = rest[1:]
    if port and not (re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) <= 65535):
        reading.fired("port")
        port = ""
    if not host:
        host = named(name, reading)
    left = f":{port}" if port and int(port) not in policy.get("default_ports", [80, 443]) else ""
    return host, left


def ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise outside("address") from None
    return compressed(address)


def named(name: str, reading: Reading) -> str:
    name = name.lower()
    name = name.removesuffix(".")
    if not name:
        raise outside("form")
    if len(name) > 253:
        reading.fired("length")
    labels = name.split(".")
    for label in labels:
        if not label or label.startswith("-") or label.endswith("-") or "[" in label or "]" in label:
            raise outside("form")
        if len(label) > 63:
            reading.fired("length")
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            raise outside("address") from None
    return name


def allows(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def outside(what: str) -> Outside:
    return Outside(f"host.{what}", "invalid_host")
