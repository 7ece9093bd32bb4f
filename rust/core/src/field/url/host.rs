//! The host of a URL: an address or a name of letters, digits and hyphens.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::ip;

/// Longest name and label (RFC 1035).
const NAME: usize = 253;
const LABEL: usize = 63;

/// Appends the host in its one spelling; false if it is none that we read, with something of it in `out`.
pub(super) fn push(host: &str, is_bracketed: bool, out: &mut String) -> bool {
    if is_bracketed {
        let Ok(address) = host.parse::<Ipv6Addr>() else { return false };
        out.push('[');
        ip::write(address.into(), out);
        out.push(']');
        return true;
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if !is_name(name) {
        return false;
    }
    out.extend(name.chars().map(|c| c.to_ascii_lowercase()));
    true
}

fn is_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= NAME && name.split('.').all(is_label) && (!is_number(last) || name.parse::<Ipv4Addr>().is_ok())
}

fn is_label(label: &str) -> bool {
    (1..=LABEL).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// What some readers take for a part of an IPv4 address: `127.1`, `0x7f`.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit())) || label.bytes().all(|b| b.is_ascii_digit())
}
