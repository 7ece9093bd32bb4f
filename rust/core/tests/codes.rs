//! The specification names every code.

use std::fs;
use std::path::Path;

use crossfade_core::codes::{FIELD_REFUSALS, OUTSIDE, REFUSALS};

#[test]
fn every_code_stands_in_the_specification() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut pages = fs::read_to_string(docs.join("policy.md")).expect("the front page");
    for page in fs::read_dir(docs.join("policy")).expect("the chapters") {
        pages += &fs::read_to_string(page.expect("a chapter").path()).expect("a chapter is text");
    }
    let refusals = OUTSIDE.iter().map(|(_, refusal)| refusal).chain(REFUSALS).chain(FIELD_REFUSALS);
    let codes = OUTSIDE.iter().map(|(code, _)| code).chain(refusals);
    let missing: Vec<&&str> = codes.filter(|code| !pages.contains(&format!("`{code}`"))).collect();
    assert_eq!(missing, [] as [&&str; 0]);
}
