"""Who is asking: the client's address as limits count it."""

from __future__ import annotations

import ipaddress
from typing import Any

from reference.request import Request

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client(policy: dict[str, Any], request: Request) -> str:
    """`10.1.2.3`, `2001:db8::/64` or `unknown`; `policy` is the table `[client]`."""
    trusted = [ipaddress.ip_network(text) for text in policy.get("trusted_proxies", [])]
    nat64 = policy.get("nat64", "keep") == "ipv4"
    address = read(request.peer or "", nat64)
    if address is None:
        return "unknown"
    lines = [value for name, value in request.headers if name.lower() == b"x-forwarded-for"]
    hops = b",".join(lines).decode("latin-1").split(",") if lines else []
    while any(address in network for network in trusted) and hops:
        hop = read(hops.pop().strip(), nat64)
        if hop is None:
            break
        address = hop
    if isinstance(address, ipaddress.IPv4Address):
        prefix = policy.get("ipv4_prefix", 32)
        network = ipaddress.IPv4Network((int(address), prefix), strict=False)
        return str(address) if prefix == 32 else f"{network.network_address}/{prefix}"
    prefix = policy.get("ipv6_prefix", 64)
    first = ipaddress.IPv6Network((int(address), prefix), strict=False).network_address
    return f"{compressed(first)}/{prefix}"


def read(text: str, nat64: bool) -> Address | None:
    """An address without its zone; a v4-mapped one is the IPv4 address, and so is one of NAT64 where that is asked."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    address = ipaddress.IPv6Address(int(address))
    if nat64 and address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def compressed(address: ipaddress.IPv6Address) -> str:
    """RFC 5952: the first longest run of two or more zero groups as `::`; a v4-mapped address with its dots."""
    if address.ipv4_mapped:
        return f"::ffff:{address.ipv4_mapped}"
    groups = [f"{int(group, 16):x}" for group in address.exploded.split(":")]
    for length in range(8, 1, -1):
        for start in range(9 - length):
            if groups[start : start + length] == ["0"] * length:
                return ":".join(groups[:start]) + "::" + ":".join(groups[start + length :])
    return ":".join(groups)
