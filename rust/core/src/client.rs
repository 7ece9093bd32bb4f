//! Who is asking: the client's address behind trusted proxies.
//!
//! Addresses are read as Python's `ipaddress` reads them, which is what `std::net` does apart from IPv6 zones.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Request;
use crate::policy::ClientPolicy;

/// An address block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// First address of the block.
    pub address: IpAddr,
    /// Leading bits that count.
    pub prefix: u8,
}

impl Network {
    /// Whether an address lies in the block.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => v4_network(address, self.prefix) == first,
            (IpAddr::V6(first), IpAddr::V6(address)) => v6_network(address, self.prefix) == first,
            _ => false,
        }
    }

    /// The block of `prefix` bits that an address lies in.
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        let address = match address {
            IpAddr::V4(address) => IpAddr::V4(v4_network(address, prefix)),
            IpAddr::V6(address) => IpAddr::V6(v6_network(address, prefix)),
        };
        Self { address, prefix }
    }
}

/// The well-known prefix of NAT64, whose last 32 bits are an IPv4 address (RFC 6052).
pub(crate) const NAT64: Network =
    Network { address: IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0)), prefix: 96 };

fn v4_network(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & !host)
}

fn v6_network(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    let host = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & !host)
}

/// Text of a client whose address is not known.
pub const UNKNOWN: &str = "unknown";

/// Writes the client's address as limits count it to `out`: `10.1.2.3`, `10.1.2.0/24`, `2001:db8::/64`
/// or [`UNKNOWN`].
///
/// The peer is the client unless it is a trusted proxy. Then `X-Forwarded-For`, all its lines joined, is walked from our
/// side outwards: the first address that is not trusted is the client, and what cannot be read ends the walk at the
/// last address that could.
pub fn address(policy: &ClientPolicy, request: &Request<'_>, out: &mut String) {
    let peer = request.peer.and_then(|peer| Hop::read(policy, peer.as_bytes()));
    let client = match peer {
        Some(peer) if is_trusted(policy, peer.address) => first_untrusted(policy, peer, request),
        Some(peer) => peer,
        None => {
            out.push_str(UNKNOWN);
            return;
        }
    };
    // Writing to a String cannot fail.
    let _ = match (client.address, client.plain) {
        (IpAddr::V4(address), _) if policy.ipv4_prefix < 32 => {
            write!(out, "{}/{}", v4_network(address, policy.ipv4_prefix), policy.ipv4_prefix)
        }
        (IpAddr::V4(_), Some(text)) => out.write_str(text),
        (IpAddr::V4(address), None) => write!(out, "{address}"),
        (IpAddr::V6(address), _) => {
            write!(out, "{}/{}", v6_network(address, policy.ipv6_prefix), policy.ipv6_prefix)
        }
    };
}

fn first_untrusted<'a>(policy: &ClientPolicy, peer: Hop<'a>, request: &Request<'a>) -> Hop<'a> {
    let lines = request.headers.iter().rev().filter(|(name, _)| name.eq_ignore_ascii_case(b"x-forwarded-for"));
    let mut client = peer;
    for hop in lines.flat_map(|(_, line)| line.rsplit(|&b| b == b',')) {
        let Some(hop) = Hop::read(policy, strip(hop)) else { break };
        client = hop;
        if !is_trusted(policy, client.address) {
            break;
        }
    }
    client
}

fn is_trusted(policy: &ClientPolicy, address: IpAddr) -> bool {
    policy.trusted_proxies.iter().any(|network| network.contains(address))
}

/// Removes what Python's `str.strip` removes of a header's bytes read as Latin-1.
fn strip(hop: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b'\t'..=b'\r' | 0x1C..=b' ' | 0x85 | 0xA0);
    let Some(start) = hop.iter().position(|b| !blank(b)) else { return &[] };
    let end = hop.iter().rposition(|b| !blank(b)).map_or(start, |last| last + 1);
    &hop[start..end]
}

/// One address on the way.
struct Hop<'a> {
    address: IpAddr,
    /// Its text, if it was written as an IPv4 address: that has one spelling only.
    plain: Option<&'a str>,
}

impl<'a> Hop<'a> {
    /// Reads an address; one that stands for an IPv4 address is that address, and a zone is left out.
    fn read(policy: &ClientPolicy, text: &'a [u8]) -> Option<Self> {
        if let Ok(plain) = std::str::from_utf8(text)
            && let Ok(address) = plain.parse()
        {
            return Some(Self { address: IpAddr::V4(address), plain: Some(plain) });
        }
        let text = match memchr::memchr(b'%', text) {
            None => text,
            Some(at) => {
                let zone = &text[at + 1..];
                if zone.is_empty() || memchr::memchr2(b'%', b'/', zone).is_some() {
                    return None;
                }
                &text[..at]
            }
        };
        let address: Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
        let translated = policy.nat64 && NAT64.contains(IpAddr::V6(address));
        let low = || Ipv4Addr::from_bits(address.to_bits() as u32);
        let ipv4 = address.to_ipv4_mapped().or_else(|| translated.then(low));
        let address = ipv4.map_or(IpAddr::V6(address), IpAddr::V4);
        Some(Self { address, plain: None })
    }
}
