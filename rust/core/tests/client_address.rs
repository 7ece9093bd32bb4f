//! Laws of the client's address: who is counted behind which proxies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crossfade_core::client::{Network, address};
use crossfade_core::policy::ClientPolicy;
use crossfade_core::{Policy, Request};
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

/// The table of the chapter is what happens.
#[test]
fn the_examples_of_the_chapter_hold() {
    let chapter = include_str!("../../../docs/policy/headers.md");
    let rows = chapter.lines().skip_while(|line| !line.starts_with("| keys | peer |")).skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 13, "{rows:?}");
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, keys, peer, forwarded, expected, _] = cells[..] else { panic!("{row}") };
        let text = format!(
            "version = 1\n[client]\ntrusted_proxies = ['10.0.0.0/8', '::1']\n{keys}\n[[route]]\nname = 'r'\nmatch = '* /r'\n"
        );
        let policy = Policy::parse("f", &text).unwrap_or_else(|errors| panic!("{errors}")).client;
        let forwarded = Some(forwarded.as_bytes()).filter(|line| !line.is_empty());
        assert_eq!(client(&policy, Some(peer), forwarded.as_slice()), expected, "{row}");
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

#[test]
fn further_keys_say_what_else_is_one_client() {
    let plain = policy(&[("10.0.0.0", 8)], 64);
    let nat64 = ClientPolicy { nat64: true, ..plain.clone() };
    let wide = ClientPolicy { ipv4_prefix: 20, ..nat64.clone() };
    for (policy, peer, forwarded, expected) in [
        (&plain, "64:ff9b::1.2.3.4", &[][..], "64:ff9b::/64"),
        (&nat64, "64:ff9b::1.2.3.4", &[], "1.2.3.4"),
        (&nat64, "64:FF9B::102:304%eth0", &[], "1.2.3.4"),
        (&nat64, "64:ff9b:1::1.2.3.4", &[], "64:ff9b:1::/64"),
        (&nat64, "64:ff9b::1:1.2.3.4", &[], "64:ff9b::/64"),
        (&nat64, "64:ff9b::10.0.0.1", &[&b"64:ff9b::5.6.7.8, 64:ff9b::10.0.0.2"[..]], "5.6.7.8"),
        (&plain, "64:ff9b::10.0.0.1", &[&b"64:ff9b::5.6.7.8"[..]], "64:ff9b::/64"),
        (&wide, "1.2.255.4", &[], "1.2.240.0/20"),
        (&wide, "::ffff:1.2.255.4", &[], "1.2.240.0/20"),
        (&wide, "64:ff9b::1.2.255.4", &[], "1.2.240.0/20"),
        (&wide, "2001:db8::1", &[], "2001:db8::/64"),
        (&wide, "", &[], "unknown"),
    ] {
        assert_eq!(client(policy, Some(peer), forwarded), expected, "{peer}");
    }
}

#[test]
fn the_keys_of_the_file_arrive() {
    let parse = |client: &str| {
        let text = format!("version = 1\n[client]\n{client}\n[[route]]\nname = 'r'\nmatch = '* /r'\n");
        Policy::parse("f", &text).map_err(|errors| errors.to_string())
    };
    let digest = |client: &str| parse(client).expect("a policy").routes[0].digest.to_string();
    let keys = parse("nat64 = 'ipv4'\nipv4_prefix = 24\ntrusted_proxies = ['64:ff9a::/31']").expect("a policy").client;
    assert_eq!((keys.nat64, keys.ipv4_prefix, keys.ipv6_prefix), (true, 24, 64));
    assert_eq!(digest("nat64 = 'keep'\nipv4_prefix = 32"), digest(""));
    assert_ne!(digest("nat64 = 'ipv4'"), digest(""));
    assert_ne!(digest("ipv4_prefix = 24"), digest(""));
    let refused = parse("trusted_proxies = ['64:ff9b::1.2.3.0/120']\nnat64 = 'ipv4'").expect_err("never matches");
    assert!(refused.starts_with("f:3:20  [client]: \"64:ff9b::102:300/120\" can never match"), "{refused}");
    assert!(parse("trusted_proxies = ['64:ff9b::1.2.3.0/120']").is_ok());
    assert!(parse("ipv4_prefix = 33").expect_err("too many").contains("from 1 to 32"));
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
