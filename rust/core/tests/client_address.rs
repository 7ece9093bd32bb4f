//! Laws of the client's address: who is counted behind which proxies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crossfade_core::Request;
use crossfade_core::client::{Network, address};
use crossfade_core::policy::ClientPolicy;
use proptest::prelude::*;

fn policy(trusted: &[(&str, u8)], ipv6_prefix: u8) -> ClientPolicy {
    let network = |&(address, prefix): &(&str, u8)| Network { address: address.parse().expect("an address"), prefix };
    let trusted_proxies = trusted.iter().map(network).collect();
    ClientPolicy { trusted_proxies, ipv6_prefix, ipv4_prefix: 32, nat64: false }
}

fn client(policy: &ClientPolicy, peer: Option<&str>, forwarded: &[&[u8]]) -> String {
    let mut headers: Vec<(&[u8], &[u8])> = vec![(b"host", b"10.1.1.1")];
    headers.extend(forwarded.iter().map(|line| (&b"X-Forwarded-For"[..], *line)));
    let request =
        Request { method: b"GET", raw_path: b"/", query: b"", headers: &headers, peer, body: b"", given: &[] };
    let mut out = String::new();
    address(policy, &request, &mut out);
    out
}

#[test]
fn the_peer_is_the_client_unless_it_is_a_trusted_proxy() {
    let policy = policy(&[("10.0.0.0", 8), ("::1", 128)], 64);
    for (peer, forwarded, expected) in [
        (None, &[][..], "unknown"),
        (Some(""), &[], "unknown"),
        (Some("testclient"), &[&b"1.2.3.4"[..]], "unknown"),
        (Some("192.0.2.7"), &[b"1.2.3.4"], "192.0.2.7"),
        (Some("10.0.0.1"), &[], "10.0.0.1"),
        (Some("10.0.0.1"), &[b"1.2.3.4"], "1.2.3.4"),
        (Some("10.0.0.1"), &[b"6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        (Some("10.0.0.1"), &[b"6.6.6.6, 1.2.3.4 ,10.9.9.9"], "1.2.3.4"),
        (Some("10.0.0.1"), &[b"6.6.6.6", b"1.2.3.4", b"10.9.9.9"], "1.2.3.4"),
        (Some("10.0.0.1"), &[b"10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        (Some("10.0.0.1"), &[b"1.2.3.4, nonsense, 10.2.2.2"], "10.2.2.2"),
        (Some("10.0.0.1"), &[b"1.2.3.4, "], "10.0.0.1"),
        (Some("10.0.0.1"), &[b"1.2.3.4:80"], "10.0.0.1"),
        (Some("::1"), &[b"2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        (Some("2001:0DB8::1"), &[], "2001:db8::/64"),
        (Some("::ffff:192.0.2.7"), &[], "192.0.2.7"),
        (Some("::ffff:10.0.0.1"), &[b"::FFFF:1.2.3.4"], "1.2.3.4"),
        (Some("fe80::1%eth0"), &[], "fe80::/64"),
        (Some("fe80::1%"), &[], "unknown"),
        (Some("1:0:0:2:3:4:5:6"), &[], "1:0:0:2::/64"),
        (Some("010.0.0.1"), &[b"1.2.3.4"], "unknown"),
        (Some("1.2.3"), &[], "unknown"),
    ] {
        assert_eq!(client(&policy, peer, forwarded), expected, "{peer:?} {forwarded:?}");
    }
}

#[test]
fn the_prefix_says_how_much_of_an_address_is_one_client() {
    for (prefix, expected) in
        [(1, "8000::/1"), (48, "abcd:1:2::/48"), (56, "abcd:1:2:300::/56"), (128, "abcd:1:2:345::6/128")]
    {
        let peer = Some("abcd:1:2:345::6");
        assert_eq!(client(&policy(&[], prefix), peer, &[]), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn every_request_has_a_client(peer in any::<Option<String>>(), lines in any::<Vec<Vec<u8>>>()) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        for peer in [peer.as_deref(), Some("10.0.0.1")] {
            prop_assert!(!client(&policy(&[("10.0.0.0", 8)], 64), peer, &lines).is_empty());
        }
    }

    #[test]
    fn a_network_holds_what_it_is_made_around(v4 in any::<u32>(), v6 in any::<u128>(), a in 0..=32u8, b in 0..=128u8) {
        let (v4, v6) = (IpAddr::V4(Ipv4Addr::from_bits(v4)), IpAddr::V6(Ipv6Addr::from_bits(v6)));
        prop_assert!(Network::around(v4, a).contains(v4) && !Network::around(v4, a).contains(v6));
        prop_assert!(Network::around(v6, b).contains(v6) && !Network::around(v6, b).contains(v4));
        prop_assert!(Network::around(v4, 0).contains(IpAddr::V4(Ipv4Addr::BROADCAST)));
    }

    #[test]
    fn nobody_outside_the_proxies_can_choose_the_key(forged in "[0-9a-f:., ]{0,40}") {
        let line = format!("{forged}, 192.0.2.1");
        prop_assert_eq!(client(&policy(&[("10.0.0.0", 8)], 64), Some("10.0.0.1"), &[line.as_bytes()]), "192.0.2.1");
        prop_assert_eq!(client(&policy(&[], 64), Some("192.0.2.1"), &[forged.as_bytes()]), "192.0.2.1");
    }
}
