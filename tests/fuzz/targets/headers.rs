//! Host and headers: total and idempotent. An input is lines `name: value`.
#![no_main]

use crossfade_fuzz::{Choices, Parts, policy, settled};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((mut choices, text)) = Choices::of(input) else { return };
    let sections = [
        choices.line("rollout", &["{ duplicate_header = \"observe\", \"header.value\" = \"warn\", framing = \"warn\" }"]),
        choices.pick(&["[route.host]\n", ""]).to_owned(),
        choices.pick(&["", "default_ports = [80]\nallow = [\"a\", \"*.b\"]\n"]).to_owned(),
        "[route.headers]\n".to_owned(),
        choices.line("underscore", &["\"keep\"", "\"reject\""]),
        choices.line("obs_text", &["\"outside\""]),
        choices.line("framing", &["\"keep\""]),
        choices.line("hop_by_hop", &["\"keep\""]),
        choices.line("duplicates", &["\"keep\""]),
        choices.line("join", &["true", "false"]),
        choices.line("list", &["[\"x-l\"]"]),
        choices.line("content_type", &["\"normalize\""]),
        choices.line("accept_language", &["\"normalize\"", "{ negotiate = [\"de\", \"en-GB\"], default = \"de\" }"]),
        choices.line("drop", &["[\"x-d*\"]"]),
        choices.line("max_count", &["3"]),
        choices.line("max_value_bytes", &["16"]),
        choices.line("max_bytes", &["64"]),
    ];
    let Some(policy) = policy(&sections.concat()) else { return };
    let lines = text.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    let headers = lines.map(|line| {
        let colon = line.iter().position(|&b| b == b':').unwrap_or(line.len());
        (line[..colon].to_vec(), line.get(colon + 1..).unwrap_or_default().to_vec())
    });
    settled(&policy, &Parts { path: b"/".to_vec(), headers: headers.collect(), ..Parts::default() });
});
