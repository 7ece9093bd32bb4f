//! The host in one spelling: lower case, no default port, one text for one address.
//!
//! ASCII only. What some reader of hosts takes for an address although it looks like a name, or the other way round, is
//! outside the grammar; see docs/policy/headers.md, "The host".

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::policy::HostPolicy;

/// The longest name and the longest label (RFC 1035 §2.3.4, in text).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Appends the normal form of a host, which has no blanks at its ends; gives its length without the port.
///
/// `goes_on` is asked of each code after which the rest can still be read, and may be asked of one several times: after
/// `host.underscore` as with one that is kept, after `host.port` as without a port, after `host.length` all the same.
///
/// # Errors
///
/// The code of what is outside the grammar; then what was appended says nothing.
pub fn write(
    policy: &HostPolicy,
    value: &[u8],
    goes_on: &mut impl FnMut(&'static str) -> bool,
    out: &mut Vec<u8>,
) -> Result<usize, &'static str> {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    if !value.iter().all(allowed) {
        return Err("host.character");
    }
    if !policy.keep_underscore && memchr::memchr(b'_', value).is_some() && !goes_on("host.underscore") {
        return Err("host.underscore");
    }
    let start = out.len();
    if let Some(bracketed) = value.strip_prefix(b"[") {
        let end = memchr::memchr(b']', bracketed).ok_or("host.form")?;
        let (address, rest) = (&bracketed[..end], &bracketed[end + 1..]);
        let port = match rest {
            [] => None,
            [b':', port @ ..] => Some(port),
            _ => return Err("host.form"),
        };
        // Its bytes are ASCII, and without a per cent sign there is no zone.
        let address = std::str::from_utf8(address).ok().and_then(|text| text.parse().ok()).ok_or("host.address")?;
        let port = kept(policy, port, goes_on)?;
        push_address(address, out);
        let length = out.len() - start;
        push_port(port, out);
        return Ok(length);
    }
    let end = memchr::memchr(b':', value).unwrap_or(value.len());
    let port = kept(policy, value.get(end + 1..), goes_on)?;
    let name = &value[..end];
    let name = name.strip_suffix(b".").unwrap_or(name);
    check_name(name, goes_on)?;
    out.extend_from_slice(name);
    out[start..].make_ascii_lowercase();
    push_port(port, out);
    Ok(name.len())
}

/// The port that is written.
fn kept<'a>(
    policy: &HostPolicy,
    port: Option<&'a [u8]>,
    goes_on: &mut impl FnMut(&'static str) -> bool,
) -> Result<Option<&'a [u8]>, &'static str> {
    let Some(port) = port.filter(|port| !port.is_empty()) else { return Ok(None) };
    let plain = port.len() <= 5 && port[0] != b'0' && port.iter().all(u8::is_ascii_digit);
    let number = port.iter().take(5).fold(0, |sum, digit| sum * 10 + u32::from(digit & 0x0f));
    let Some(number) = u16::try_from(number).ok().filter(|_| plain) else {
        return if goes_on("host.port") { Ok(None) } else { Err("host.port") };
    };
    Ok(Some(port).filter(|_| !policy.default_ports.contains(&number)))
}

fn push_port(port: Option<&[u8]>, out: &mut Vec<u8>) {
    if let Some(port) = port {
        out.push(b':');
        out.extend_from_slice(port);
    }
}

/// Appends an address in brackets. `std` writes the form of RFC 5952, a v4-mapped one with its IPv4 address.
fn push_address(address: Ipv6Addr, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "[{address}]");
}

/// Checks a name without a dot at its end; `goes_on` as in [`write`].
///
/// # Errors
///
/// `host.form`, `host.length` or `host.address`.
pub(crate) fn check_name(name: &[u8], goes_on: &mut impl FnMut(&'static str) -> bool) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("host.form");
    }
    if name.len() > MAX_NAME && !goes_on("host.length") {
        return Err("host.length");
    }
    let mut last: &[u8] = name;
    for label in name.split(|&b| b == b'.') {
        let ends = label.first() == Some(&b'-') || label.last() == Some(&b'-');
        if label.is_empty() || ends || memchr::memchr2(b'[', b']', label).is_some() {
            return Err("host.form");
        }
        if label.len() > MAX_LABEL && !goes_on("host.length") {
            return Err("host.length");
        }
        last = label;
    }
    let hexadecimal =
        |label: &[u8]| matches!(label, [b'0', b'x' | b'X', digits @ ..] if digits.iter().all(u8::is_ascii_hexdigit));
    let number = last.iter().all(u8::is_ascii_digit) || hexadecimal(last);
    if number && std::str::from_utf8(name).ok().and_then(|text| text.parse::<Ipv4Addr>().ok()).is_none() {
        return Err("host.address");
    }
    Ok(())
}

/// Hosts that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedHosts {
    /// Normal forms, sorted.
    pub exact: Vec<Box<str>>,
    /// What follows the `*.`, sorted.
    pub below: Vec<Box<str>>,
}

impl AllowedHosts {
    /// Whether a normal form without a port is one of them.
    pub fn contains(&self, host: &[u8]) -> bool {
        let has = |list: &[Box<str>], host: &[u8]| list.binary_search_by(|known| known.as_bytes().cmp(host)).is_ok();
        has(&self.exact, host)
            || memchr::memchr_iter(b'.', host).any(|dot| dot > 0 && has(&self.below, &host[dot + 1..]))
    }
}
