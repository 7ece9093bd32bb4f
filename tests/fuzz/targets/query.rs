//! Queries: total and idempotent.
#![no_main]

use crossfade_fuzz::{Choices, Parts, policy, settled};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((mut choices, query)) = Choices::of(input) else { return };
    let sections = [
        choices.line("rollout", &["{ duplicate_parameter = \"observe\", \"query.utf8\" = \"warn\", bad_triplet = \"warn\" }"]),
        "[route.target.query]\n".to_owned(),
        choices.line("bad_triplet", &["\"reject\""]),
        choices.line("nul", &["\"reject\""]),
        choices.line("bare", &["\"keep\""]),
        choices.line("drop", &["[\"utm_*\", \"x\"]", "[\"@trackers\"]"]),
        choices.line("allow", &["[\"a\", \"b*\"]"]),
        choices.line("unknown", &["\"drop\"", "\"reject\""]),
        choices.line("duplicates", &["\"first\"", "\"last\"", "\"join\"", "\"reject\""]),
        choices.line("required", &["[\"a\"]"]),
        choices.line("default", &["{ b = \"1\" }", "{ b = \"\", bb = \"é&=\" }"]),
        choices.line("sort", &["\"name\"", "\"pair\""]),
        choices.line("space", &["\"%20\""]),
        choices.line("max_params", &["2"]),
        choices.line("max_name_bytes", &["3"]),
        choices.line("max_value_bytes", &["4"]),
    ];
    let Some(policy) = policy(&sections.concat()) else { return };
    settled(&policy, &Parts { path: b"/".to_vec(), query: query.to_vec(), ..Parts::default() });
});
