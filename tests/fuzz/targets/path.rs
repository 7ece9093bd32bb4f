//! Paths: total, idempotent, and never longer than said.
#![no_main]

use crossfade_fuzz::{Choices, Parts, policy, settled};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((mut choices, path)) = Choices::of(input) else { return };
    let sections = [
        choices.line("rollout", &["{ \"path.above_root\" = \"observe\", \"path.triplet\" = \"warn\" }"]),
        "[route.target]\n".to_owned(),
        choices.line("max_bytes", &["8", "64"]),
        choices.line("backslash", &["\"slash\""]),
        choices.line("encoded_reserved", &["\"keep\"", "[\"%2F\", \"%3A\"]"]),
        choices.line("encoded_special", &["\"outside\""]),
        choices.line("params", &["\"strip\"", "\"reject\""]),
        choices.line("merge_slashes", &["false"]),
        choices.line("dots", &["\"strict\"", "\"keep\""]),
        choices.line("trailing_slash", &["\"strip\"", "\"add\""]),
        choices.line("case", &["\"ascii_lower\""]),
    ];
    let Some(policy) = policy(&sections.concat()) else { return };
    let parts = Parts { path: path.to_vec(), ..Parts::default() };
    let (_, on) = settled(&policy, &parts);
    assert!(on.path.len() <= 3 * path.len() + 1);
});
