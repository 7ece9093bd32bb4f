//! `[client]`: who is asking.

use std::net::IpAddr;

use super::file::{Element, Item, Section};
use crate::client::{NAT64, Network};

/// How the client's address is found.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientPolicy {
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Bits of an IPv6 address that count as one client, 1 to 128.
    pub ipv6_prefix: u8,
    /// The same of an IPv4 address, 1 to 32.
    pub ipv4_prefix: u8,
    /// An address of NAT64's well-known prefix counts as the IPv4 address in it.
    pub nat64: bool,
}

/// Bits of an IPv6 address that count as one client: the smallest block that a customer gets (RFC 6177).
const IPV6_PREFIX: u8 = 64;

/// All bits of an IPv4 address: a customer gets one, if that.
const IPV4_PREFIX: u8 = 32;

/// Most trusted networks: every address of a request is compared with each.
const MAX_TRUSTED: usize = 1_000;

/// Reads the table, or what holds without it.
pub(super) fn read(root: &Section<'_>) -> ClientPolicy {
    let mut policy =
        ClientPolicy { trusted_proxies: Vec::new(), ipv6_prefix: IPV6_PREFIX, ipv4_prefix: IPV4_PREFIX, nat64: false };
    let Some(section) = root.get("client").and_then(|item| item.section("[client]".to_owned())) else {
        return policy;
    };
    let trusted = section.get("trusted_proxies");
    if let Some(nat64) = section.get("nat64").and_then(|item| item.choice(&[("keep", false), ("ipv4", true)])) {
        policy.nat64 = nat64;
    }
    if let Some(item) = trusted {
        let mut texts = item.texts().unwrap_or_default();
        if texts.len() > MAX_TRUSTED {
            let what = format_args!("has {} networks", texts.len());
            item.complain(what, format!("at most {MAX_TRUSTED} are compared"));
            texts.clear();
        }
        for (network, at) in texts.into_iter().filter_map(|text| network(&item, text)) {
            if policy.nat64 && network.prefix >= NAT64.prefix && NAT64.contains(network.address) {
                let message = format!("{}: \"{}/{}\" can never match", item.place, network.address, network.prefix);
                let advice = "with nat64 = \"ipv4\" it counts as the IPv4 address: name the IPv4 network";
                item.file.complain(at, message, advice.to_owned());
            }
            policy.trusted_proxies.push(network);
        }
    }
    let prefix = |key, most: u8| {
        let prefix = section.get(key).and_then(|item| item.whole(1, most.into()));
        prefix.and_then(|prefix| u8::try_from(prefix).ok())
    };
    policy.ipv6_prefix = prefix("ipv6_prefix", 128).unwrap_or(IPV6_PREFIX);
    policy.ipv4_prefix = prefix("ipv4_prefix", 32).unwrap_or(IPV4_PREFIX);
    section.finish();
    policy
}

/// `10.0.0.0/8`, or an address for itself alone.
fn network(item: &Item<'_>, element: Element<'_>) -> Option<(Network, usize)> {
    let complain = |what: &str, advice: String| {
        let text = element.text.escape_debug();
        item.file.complain(element.at, format!("{}: \"{text}\" {what}", item.place), advice);
    };
    let (address, prefix) = element.text.split_once('/').map_or((element.text, None), |(a, p)| (a, Some(p)));
    let Ok(address) = address.parse::<IpAddr>() else {
        complain("is no network", "write an address and the bits that count: \"10.0.0.0/8\", \"2001:db8::/32\"".into());
        return None;
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let plain = |p: &&str| !p.is_empty() && p.len() <= 3 && p.bytes().all(|b| b.is_ascii_digit());
    let prefix = match prefix {
        None => Some(bits),
        Some(text) => Some(text).filter(plain).and_then(|p| p.parse().ok()).filter(|&p: &u8| p <= bits),
    };
    let Some(prefix) = prefix else {
        complain("is no network", format!("the bits that count are a number from 0 to {bits}"));
        return None;
    };
    let network = Network::around(address, prefix);
    if network.address != address {
        complain("has host bits set", format!("did you mean \"{}/{prefix}\"?", network.address));
        return None;
    }
    if matches!(address, IpAddr::V6(v6) if prefix >= 96 && v6.to_ipv4_mapped().is_some()) {
        complain("can never match", "a v4-mapped address counts as the IPv4 address: name the IPv4 network".into());
        return None;
    }
    Some((network, element.at))
}
