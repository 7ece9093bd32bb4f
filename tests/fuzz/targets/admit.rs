//! Whole requests through every operation: total and idempotent. An input is a path, a query, header lines, an empty line
//! and a body.
#![no_main]

use crossfade_fuzz::{Choices, Parts, policy, settled};
use libfuzzer_sys::fuzz_target;

const OPERATIONS: [&str; 36] = [
    "text = [\"trim\"]",
    "text = [\"nfc\"]",
    "text = [\"nfkc\", \"trim\"]",
    "text = [\"nfkc\", \"fold\", \"nfkc\", \"collapse\", \"trim\"]",
    "text = [\"strip_invisible\", \"nfc\"]",
    "text = [\"strip_bidi\", \"trim\", \"ascii_lower\"], controls = \"strip\"",
    "text = [\"nfc\", \"ascii_upper\", \"nfc\"], unassigned = \"keep\", max_chars = 4",
    "text = [\"fold\"], max_bytes = 12, controls = \"reject\"",
    "integer = {}",
    "integer = { min = -5, max = 7 }",
    "boolean = {}",
    "boolean = { words = \"letters\" }",
    "decimal = { scale = 2, rounding = \"half_even\" }",
    "decimal = { scale = 0, rounding = \"half_up\", output = \"string\" }",
    "decimal = { scale = 3, rounding = \"reject\", min = \"-1\", max = \"10.5\" }",
    "date = {}",
    "timestamp = { digits = 3 }",
    "timestamp = { digits = 0, naive = \"utc\" }",
    "timestamp = { digits = 3, epoch = \"ms\" }",
    "uuid = {}",
    "uuid = { braces = true, urn = true }",
    "email = {}",
    "email = { local = \"lower\", strip_tag = [\"a.bc\"], strip_dots = [\"a.bc\"] }",
    "enum = { active = [\"on\"], muted = [\"off\", \"ü\"] }",
    "phone = {}",
    "phone = { double_zero = true }",
    "country = { alpha3 = true }",
    "currency = {}",
    "language = { underscore = true }",
    "ip = {}",
    "ip = { mapped = \"unmap\" }",
    "cidr = {}",
    "url = {}",
    "url = { fragment = \"drop\" }",
    "default = \"x\"",
    "required = true",
];

const BESIDE: [&str; 9] = [
    "",
    ", wrong_type = \"keep\", invalid = \"keep\"",
    ", null = \"keep\", empty = \"keep\"",
    ", null = \"drop\", empty = \"drop\"",
    ", empty = \"null\", null = \"keep\"",
    ", rollout = \"observe\"",
    ", rename = \"z\"",
    ", required = true",
    ", invalid = \"keep\", null = \"drop\", rename = \"y\"",
];

fuzz_target!(|input: &[u8]| {
    let Some((mut choices, text)) = Choices::of(input) else { return };
    let mut rule = |path: &str| format!("'{path}' = {{ {}{} }}\n", choices.pick(&OPERATIONS), choices.pick(&BESIDE));
    let rules = [rule("a"), rule("b"), rule("c[*]"), rule("d.a")].concat();
    let unknown = choices.line("unknown", &["\"drop\"", "\"reject\""]);
    let outside = choices.line("outside", &["\"reject\""]);
    let body = match choices.pick(&["json", "form"]) {
        "json" => {
            let output = choices.pick(&["python", "compact", "sorted", "jcs", "python_utf8"]);
            // Other bounds measure a body as it came: one that comes out longer may meet them the second time.
            let bounds = choices.line("max_depth", &["2", "5"]);
            format!("[route.json]\noutput = \"{output}\"\n{unknown}{bounds}[route.json.fields]\n{rules}")
        }
        _ => {
            let duplicates = choices.line("duplicates", &["\"first\"", "\"last\"", "\"reject\""]);
            let rules: String = rules.lines().filter(|rule| !rule.contains("[*]")).map(|rule| format!("{rule}\n")).collect();
            format!("[route.form]\n{unknown}{duplicates}[route.form.fields]\n{rules}")
        }
    };
    let target = "[route.target]\nquery = { sort = true }\n[route.host]\n[route.headers]\n";
    let Some(policy) = policy(&format!("{outside}{target}{body}")) else { return };
    settled(&policy, &parts(text));
});

fn parts(text: &[u8]) -> Parts {
    let (head, body) = match text.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&text[..at], &text[at + 2..]),
        None => (text, &b""[..]),
    };
    let mut lines = head.split(|&b| b == b'\n');
    let mut next = || lines.next().unwrap_or_default().to_vec();
    let (path, query) = (next(), next());
    let headers = lines.map(|line| {
        let colon = line.iter().position(|&b| b == b':').unwrap_or(line.len());
        (line[..colon].to_vec(), line.get(colon + 1..).unwrap_or_default().to_vec())
    });
    Parts { path, query, headers: headers.collect(), body: body.to_vec() }
}
