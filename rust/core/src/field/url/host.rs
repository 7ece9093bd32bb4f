//! The host of a URL: an address, or a name of letters, digits and hyphens as a `Host` line may have it.

use std::net::Ipv6Addr;

use super::super::ip;
use crate::head::host::check_name;

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
    let has_plain_bytes = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    if !has_plain_bytes || check_name(name.as_bytes(), &mut |_| false).is_err() {
        return false;
    }
    out.extend(name.chars().map(|c| c.to_ascii_lowercase()));
    true
}
