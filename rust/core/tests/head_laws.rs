//! Laws of the host and the headers: total, idempotent, bounded, and the same whether or not the short way was taken.

mod head_support;

use crossfade_core::head::most_header_bytes;
use crossfade_core::{Policy, Scratch};
use head_support::{Lines, Said, file, said, said_into};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// One of some lines of a table, or none of them.
fn key(choices: &'static [&'static str]) -> impl Strategy<Value = String> {
    option::weighted(0.6, select(choices))
        .prop_map(|choice| choice.map_or(String::new(), |choice| format!("{choice}\n")))
}

/// `[route.host]` and `[route.headers]` with any choice for any key; every one of these is a policy.
fn any_policy() -> impl Strategy<Value = String> {
    let rollout = subsequence(
        vec![
            "\"host.form\"",
            "\"host.port\"",
            "\"host.character\"",
            "missing_host",
            "duplicate_host",
            "host_not_allowed",
            "too_many_headers",
            "headers_too_large",
            "header_too_large",
            "header_underscore",
            "\"header.name\"",
            "\"header.value\"",
            "\"header.obs_text\"",
            "framing",
            "connection_names_protected",
            "duplicate_header",
            "\"header.content_type\"",
            "duplicate_media_parameter",
            "json_charset",
            "\"header.accept_language\"",
            "missing_header",
        ],
        0..=21,
    );
    let rollout = rollout.prop_map(|codes| {
        let said: Vec<String> = codes.iter().map(|code| format!("{code} = \"observe\"")).collect();
        format!("rollout = {{ {} }}\n", said.join(", "))
    });
    let host = (
        key(&["underscore = \"keep\""]),
        key(&["default_ports = []", "default_ports = [80]"]),
        key(&["on_missing = \"keep\""]),
        key(&["allow = [\"a\", \"*.b\", \"[::1]\"]"]),
    )
        .prop_map(|(a, b, c, d)| format!("[route.host]\n{a}{b}{c}{d}"));
    let single_join = prop_oneof![
        Just("join = false\n".to_owned()),
        Just("list = [\"x-l\", \"x-roles\"]\n".to_owned()),
        Just(String::new()),
    ];
    let single = prop_oneof![Just("duplicates = \"keep\"\n".to_owned()), Just("single = [\"x-a\"]\n".to_owned())];
    let headers = (
        (
            key(&["underscore = \"keep\"", "underscore = \"reject\""]),
            key(&["obs_text = \"outside\""]),
            key(&["framing = \"keep\""]),
            key(&["hop_by_hop = \"keep\""]),
        ),
        single_join,
        single,
        key(&["content_type = \"normalize\""]),
        key(&[
            "accept_language = \"normalize\"",
            "accept_language = { negotiate = [\"de\", \"en-GB\", \"zh-Hant\"], default = \"en\" }",
            "accept_language = { negotiate = [\"de\"], default = \"de\" }",
        ]),
        key(&["drop = [\"x-debug\", \"y-*\", \"user*\"]"]),
        key(&["required = [\"accept\"]", "required = [\"x-b\", \"accept-language\"]"]),
        (
            key(&["max_count = 3", "max_count = 8"]),
            key(&["max_bytes = 60"]),
            key(&["max_name_bytes = 10"]),
            key(&["max_value_bytes = 12"]),
        ),
    )
        .prop_map(|((a, b, c, d), e, f, g, h, i, j, (k, l, m, n))| {
            format!("[route.headers]\n{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}{l}{m}{n}")
        });
    (rollout, option::of(host), option::weighted(0.9, headers))
        .prop_map(|(rollout, host, headers)| rollout + &host.unwrap_or_default() + &headers.unwrap_or_default())
}

/// A name, with capitals and underscores now and then.
fn any_name() -> impl Strategy<Value = String> {
    let known = select(vec![
        "accept",
        "accept-language",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "set-cookie",
        "te",
        "transfer-encoding",
        "user-agent",
        "x-a",
        "x-b",
        "x-debug",
        "x-forwarded-for",
        "x-l",
        "x-roles",
        "y-",
        "authorization",
        "keep-alive",
    ]);
    (known, 0..8u8).prop_map(|(name, how)| match how {
        0 => name.to_ascii_uppercase(),
        1 => name.replace('-', "_"),
        _ => name.to_owned(),
    })
}

/// Values that the steps look into.
fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "a",
        "b",
        ",",
        ", ",
        " ",
        "\t",
        ";",
        "=",
        "q=",
        "0.5",
        ";q=0.50",
        "1",
        "5",
        "close",
        "x-b",
        "X-Forwarded-Proto",
        "de",
        "EN-gb",
        "zh-hant-tw",
        "*",
        "-",
        "chunked",
        "application/json",
        "text/Plain",
        "; charset=",
        "UTF-8",
        "\"",
        "\\",
        "[::1]",
        "[::FFFF:1.2.3.4]",
        ":80",
        ":8080",
        ".",
        "A.b",
        "_",
        "1.2.3.4",
        "0x7f",
        "\u{e9}",
        "\r\n",
        "boundary=\"x y\"",
    ]);
    prop_oneof![
        4 => vec(piece, 0..6).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..12),
    ]
}

/// Values that a header with that name would have.
fn likely(name: &str) -> Option<&'static [&'static str]> {
    Some(match name.to_ascii_lowercase().as_str() {
        "accept-language" => &["de", "en-US,en;q=0.5", "DE;q=0.1, fr", "zh-hant-tw, *;q=0"],
        "connection" => &["close", "keep-alive, X-B", "te", "x-l,,x-roles "],
        "content-length" => &["5", "6", "05"],
        "content-type" => &["application/json", "Application/Json;Charset=UTF-8", "a/b; x=\"y z\"; X=1"],
        "host" => &["a", "A:80", "x.b.", "[::0:1]:443", "[::FFFF:1.2.3.4]"],
        "transfer-encoding" => &["chunked"],
        _ => return None,
    })
}

fn any_lines() -> impl Strategy<Value = Lines> {
    let line = (any_name(), any_value(), 0..12usize).prop_map(|(name, value, choice)| {
        let value = match likely(&name) {
            Some(likely) if choice > 2 => likely[choice % likely.len()].into(),
            _ => value,
        };
        (name.into_bytes(), value)
    });
    vec(line, 0..9)
}

fn sizes(lines: &Lines) -> usize {
    lines.iter().map(|(name, value)| name.len() + value.len()).sum()
}

fn rewritten(policy: &Policy, lines: &Lines) -> Option<Lines> {
    match said(policy, lines) {
        Said::Same => Some(lines.clone()),
        Said::Rewritten(lines) => Some(lines),
        Said::Invalid(_) | Said::Unsupported(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_was_normalised_is_normal(keys in any_policy(), lines in any_lines()) {
        let policy = file(&keys);
        if let Some(once) = rewritten(&policy, &lines) {
            prop_assert_eq!(said(&policy, &once), Said::Same, "{} {:?}", keys, once);
            prop_assert!(sizes(&once) <= most_header_bytes(&policy.routes[0], lines.len(), sizes(&lines)));
        }
    }

    /// A line that is dropped takes the request off the short way, and nothing else may change.
    #[test]
    fn the_short_way_says_what_the_long_one_says(keys in any_policy(), lines in any_lines()) {
        let keys = keys.replace("max_count = 3\n", "").replace("max_count = 8\n", "").replace("max_bytes = 60\n", "");
        let table = "[route.headers]\n";
        let keys = match keys.contains("\ndrop = ") {
            true => keys,
            false if keys.contains(table) => keys.replace(table, &format!("{table}drop = [\"y-*\"]\n")),
            false => format!("{keys}{table}drop = [\"y-*\"]\n"),
        };
        let policy = file(&keys);
        let mut more = lines.clone();
        more.push((b"y-".to_vec(), b"\0".to_vec()));
        let expected = match said(&policy, &lines) {
            Said::Same => Said::Rewritten(lines),
            other => other,
        };
        match (said(&policy, &more), expected) {
            // The list goes on as it came, with what would have been dropped.
            (Said::Same, Said::Rewritten(_)) => prop_assert!(keys.contains("\"header.name\" = \"observe\"")),
            (Said::Rewritten(more), Said::Rewritten(lines)) => {
                let more: Lines = more.into_iter().filter(|(name, _)| name != b"y-").collect();
                prop_assert_eq!(more, lines.into_iter().filter(|(name, _)| name != b"y-").collect::<Lines>());
            }
            (more, expected) => prop_assert_eq!(more, expected),
        }
    }

    #[test]
    fn each_code_is_remarked_once(keys in any_policy(), lines in any_lines()) {
        let mut scratch = Scratch::new();
        said_into(&file(&keys), &lines, &mut scratch);
        let mut codes: Vec<_> = scratch.remarks.iter().map(|remark| remark.code).collect();
        codes.sort_unstable();
        let count = codes.len();
        codes.dedup();
        prop_assert_eq!(codes.len(), count);
    }

    #[test]
    fn every_request_gets_an_answer(keys in any_policy(), lines in any::<Lines>()) {
        said(&file(&keys), &lines);
    }
}
