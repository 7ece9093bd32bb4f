"""Who is asking: the address that per-client limits count."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from gateway.headers import Headers, values

Address = IPv4Address | IPv6Address

# Only a proxy on this host may say who its client is.
TRUSTED: tuple[IPv4Network | IPv6Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

# An IPv6 customer holds at least a /64; counting single addresses would give every one of them 2^64 quotas.
IPV6_PREFIX = 64


def client_key(peer: str | None, headers: Headers) -> str:
    """The client as the limits count it: an IPv4 address, an IPv6 network, or "unknown"."""
    try:
        address = parse(peer or "")
    except ValueError:
        return "unknown"
    if is_trusted(address):
        address = first_untrusted(address, headers)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


def first_untrusted(peer: Address, headers: Headers) -> Address:
    """Walk X-Forwarded-For from our side outwards, as far as we may believe it."""
    address = peer
    for hop in reversed(",".join(values(headers, b"x-forwarded-for")).split(",")):
        try:
            address = parse(hop.strip())
        except ValueError:
            break  # whatever stands left of it was written by somebody we cannot place
        if not is_trusted(address):
            break
    return address


def is_trusted(address: Address) -> bool:
    return any(address in network for network in TRUSTED)


def parse(text: str) -> Address:
    """An address; a v4-mapped one (from a dual-stack socket) is the IPv4 address it stands for."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
