"""Who is asking: the client's address as limits count it."""

from __future__ import annotations

import ipaddress
from typing import Any

from reference.request import Request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client(policy: dict[str, Any], request: Request) -> str:
    """`10.1.2.3`, `2001:db8::/64` or `unknown`; `policy` is the table `[client]`."""
    trusted = [ipaddress.ip_network(text) for text in policy.get("trusted_proxies", [])]
    address = read(request.peer or "")
    if address is None:
        return "unknown"
    lines = [value for name, value in request.headers if name.lower() == b"x-forwarded-for"]
    hops = b",".join(lines).decode("latin-1").split(",") if lines else []
    while any(address in network for network in trusted) and hops:
        hop = read(hops.pop().strip())
        if hop is None:
            break
        address = hop
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    prefix = policy.get("ipv6_prefix", 64)
    network = ipaddress.IPv6Network((int(address), prefix), strict=False)
    return f"{network.network_address}/{prefix}"


def read(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # Without its zone, and a v4-mapped address is the IPv4 address.
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address
