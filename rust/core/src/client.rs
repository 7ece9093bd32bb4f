//! Who is asking: the client's address behind trusted proxies.

use std::net::IpAddr;

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

/// Text of a client whose address is not known.
pub const UNKNOWN: &str = "unknown";

/// Writes the client's address as limits count it to `out`.
pub fn address(policy: &ClientPolicy, request: &Request<'_>, out: &mut String) {
    let _ = (policy, request);
    out.push_str(UNKNOWN);
}
