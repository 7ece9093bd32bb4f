//! Addresses and networks, as Python's `ipaddress` reads and writes them.
//!
//! `std::net` reads the same but for zones. The text of a v4-mapped address changed in CPython 3.13, so it is the
//! control's unless a policy says which it wants.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Answer, Scalar};
use crate::client::Network;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What becomes of `::ffff:1.2.3.4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mapped {
    /// It is outside the grammar.
    #[default]
    Outside,
    /// It stays an IPv6 address, written with dots.
    Keep,
    /// It becomes the IPv4 address.
    Unmap,
}

/// An address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ip {
    /// The only version that is accepted.
    pub version: Option<Version>,
    /// What becomes of v4-mapped addresses.
    pub mapped: Mapped,
}

/// A network: an address without host bits, and the bits that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cidr {
    /// The only version that is accepted.
    pub version: Option<Version>,
}

/// What a text says.
#[derive(Clone, Copy)]
enum Read {
    Address(IpAddr),
    /// An IPv6 address and a zone.
    Zoned,
}

impl Version {
    fn of(read: Read) -> Self {
        match read {
            Read::Address(IpAddr::V4(_)) => Self::V4,
            Read::Address(IpAddr::V6(_)) | Read::Zoned => Self::V6,
        }
    }
}

impl Ip {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(self, value: Scalar<'_>, out: &mut String) -> Answer {
        const INVALID: Answer = Answer::Invalid("invalid_ip");
        let Scalar::String(text) = value else { return Answer::WrongType };
        let Some(mut read) = read(text) else { return INVALID };
        if let (Mapped::Unmap, Read::Address(IpAddr::V6(address))) = (self.mapped, read)
            && let Some(address) = address.to_ipv4_mapped()
        {
            read = Read::Address(address.into());
        }
        if self.version.is_some_and(|version| version != Version::of(read)) {
            return INVALID;
        }
        let Read::Address(address) = read else { return Answer::Unsupported("ip.zone") };
        if is_mapped(address) && self.mapped == Mapped::Outside {
            return Answer::Unsupported("ip.mapped");
        }
        write(address, out);
        same_or_string(text, out)
    }
}

impl Cidr {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(self, value: Scalar<'_>, out: &mut String) -> Answer {
        const INVALID: Answer = Answer::Invalid("invalid_cidr");
        const FORM: Answer = Answer::Unsupported("cidr.form");
        let Scalar::String(text) = value else { return Answer::WrongType };
        let (before, bits) = text.split_once('/').map_or((text, None), |(before, bits)| (before, Some(bits)));
        let Some(read) = read(before) else { return INVALID };
        if self.version.is_some_and(|version| version != Version::of(read)) {
            return INVALID;
        }
        let Some(bits) = bits else { return FORM };
        let most = if Version::of(read) == Version::V4 { 32 } else { 128 };
        let prefix = match prefix(bits) {
            Some(prefix) if prefix > most => return INVALID,
            Some(prefix) => prefix,
            None if most == 32 && bits.parse::<Ipv4Addr>().is_ok() => return FORM,
            None => return INVALID,
        };
        let is_plain = bits.len() == 1 || !bits.starts_with('0');
        let (Read::Address(address), true) = (read, is_plain) else { return FORM };
        if Network::around(address, prefix).address != address {
            return INVALID;
        }
        if is_mapped(address) && prefix >= 96 {
            return FORM;
        }
        write(address, out);
        // Writing to a String cannot fail.
        let _ = write!(out, "/{prefix}");
        same_or_string(text, out)
    }
}

fn same_or_string(text: &str, out: &mut String) -> Answer {
    if out == text {
        out.clear();
        return Answer::Same;
    }
    Answer::String
}

fn read(text: &str) -> Option<Read> {
    let Some((before, zone)) = text.split_once('%') else { return text.parse().ok().map(Read::Address) };
    let is_zone = !zone.is_empty() && !zone.contains(['%', '/']);
    (is_zone && before.parse::<Ipv6Addr>().is_ok()).then_some(Read::Zoned)
}

/// Digits as a number, zeros in front or not; 255 for all that are too large for a prefix.
fn prefix(bits: &str) -> Option<u8> {
    let is_number = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| bits.bytes().fold(0u8, |n, b| n.saturating_mul(10).saturating_add(b - b'0')))
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

/// Writes an address as RFC 5952 does; `std` shows a v4-mapped one with dots.
pub(super) fn write(address: IpAddr, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{address}");
}
