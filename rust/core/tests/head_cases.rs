//! The cases of docs/policy/headers.md are what happens.

mod head_support;

use crossfade_core::Policy;
use head_support::{Said, file, said};

/// One side of a case: text, or JSON text whose characters are bytes.
fn bytes(side: &str) -> Vec<u8> {
    if !side.starts_with('"') {
        return side.as_bytes().to_vec();
    }
    let text: String = serde_json::from_str(side).expect("JSON text");
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect()
}

fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    let mut left = text;
    while let Some((&byte, rest)) = left.split_first() {
        if left.starts_with(b" | ") {
            pieces.push(Vec::new());
            left = &left[3..];
        } else {
            pieces.last_mut().expect("one").push(byte);
            left = rest;
        }
    }
    pieces
}

/// `name: value`, where one space after the colon is no part of the value.
fn line(text: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let colon = text.iter().position(|&b| b == b':').expect("a colon");
    let value = &text[colon + 1..];
    (text[..colon].to_vec(), value.strip_prefix(b" ").unwrap_or(value).to_vec())
}

fn check(part: &str, keys: &str, case: &str) {
    let (of_route, keys): (Vec<&str>, Vec<&str>) = keys.lines().partition(|key| key.starts_with("route: "));
    let of_route = of_route.join("\n").replace("route: ", "");
    let keys = keys.join("\n");
    let policy = file(&format!("{of_route}\n[route.{part}]\n{keys}"));
    let (before, after) = case.split_once(" → ").expect("an arrow");
    let before = bytes(before.trim_end_matches(' '));
    let lines = |text: &[u8]| -> Vec<(Vec<u8>, Vec<u8>)> {
        let host = |value| (b"host".to_vec(), value);
        split(text).into_iter().map(|text| if part == "host" { host(text) } else { line(&text) }).collect()
    };
    let came = if before == b"absent" { Vec::new() } else { lines(&before) };
    let expected = match after.split_once(' ') {
        _ if after == "same" => Said::Same,
        Some(("invalid", code)) => Said::Invalid(code.to_owned()),
        Some(("unsupported", code)) => Said::Unsupported(code.to_owned()),
        _ => Said::Rewritten(lines(&bytes(after))),
    };
    assert_eq!(said(&policy, &came), expected, "{part} {keys}\n{case}");
}

const CHAPTER: &str = include_str!("../../../docs/policy/headers.md");

#[test]
fn the_policies_of_the_chapter_are_policies() {
    let blocks = CHAPTER.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    let read = blocks.map(|block| Policy::parse("headers.md", block).map_err(|errors| panic!("{errors}")));
    assert_eq!(read.count(), 3);
}

#[test]
fn the_cases_of_the_chapter_hold() {
    let mut blocks = 0;
    for block in CHAPTER.split("\n```cases ").skip(1) {
        let block = &block[..block.find("\n```").expect("an end")];
        let (part, block) = block.split_once('\n').expect("lines");
        let (keys, cases) = block.split_once("---\n").expect("a line");
        cases.lines().for_each(|case| check(part, keys, case));
        blocks += 1;
    }
    assert!(blocks >= 9, "{blocks}");
}
