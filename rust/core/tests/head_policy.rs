//! Laws of `[route.host]` and `[route.headers]`: what they say arrives, what contradicts itself is refused with its place.

use crossfade_core::Policy;
use crossfade_core::policy::{Languages, Underscore};

const ROUTE: &str = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"* /r\"\n";

fn parse(text: &str) -> Policy {
    Policy::parse("f", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The errors of a route with these lines, which begin on line 5, without the advice's margin.
#[track_caller]
fn refused(lines: &str, expected: &[&str]) {
    let said = match Policy::parse("f", &format!("{ROUTE}{lines}")) {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    };
    let lines: Vec<&str> = said.lines().map(str::trim_start).collect();
    assert_eq!(lines, expected, "\n{said}");
}

#[test]
fn the_tables_arrive_and_override_the_defaults_key_by_key() {
    let policy = parse(
        r#"
version = 1
[defaults.host]
underscore = "keep"
default_ports = [8080]
allow = ["b.example", "a_b.example", "*.c.example", "[::1]", "192.0.2.1"]
[defaults.headers]
underscore = "keep"
framing = "keep"
drop = ["X-Debug", "y-*"]
required = ["user-agent", "accept"]
accept_language = { negotiate = ["en-GB", "de"], default = "fr" }
[[route]]
name = "a"
match = "* /a"
host = { default_ports = [], on_missing = "keep" }
headers = { underscore = "reject", content_type = "normalize", max_bytes = "1KiB", max_count = 7, join = false }
[[route]]
name = "b"
match = "* /b"
host = false
headers = false
[[route]]
name = "c"
match = "* /c"
"#,
    );
    let [a, b, c] = &policy.routes[..] else { panic!("three routes") };
    let host = a.host.as_ref().expect("a host");
    assert!(host.keep_underscore && !host.required && host.default_ports.is_empty());
    let allow = host.allow.as_ref().expect("hosts");
    assert_eq!(allow.exact, ["192.0.2.1", "[::1]", "a_b.example", "b.example"].map(Box::from));
    assert_eq!(allow.below, [Box::from("c.example")]);
    let headers = a.headers.as_ref().expect("headers");
    assert_eq!((headers.underscore, headers.check_framing, headers.join), (Underscore::Reject, false, false));
    assert!(headers.normalize_content_type && headers.remove_hop_by_hop && headers.refuse_duplicates);
    assert_eq!((headers.bounds.bytes, headers.bounds.count, headers.bounds.name_bytes), (1024, 7, usize::MAX));
    assert_eq!((headers.required, &headers.drop_starts[..]), (2, &[Box::from("y-")][..]));
    let Languages::Negotiate(negotiation) = &headers.languages else { panic!("{:?}", headers.languages) };
    assert_eq!((&negotiation.tags[..], &*negotiation.default), (&["de", "en-GB"].map(Box::from)[..], "fr"));
    assert!(b.host.is_none() && b.headers.is_none());
    assert_eq!(c.host.as_ref().expect("a host").default_ports, [8080]);
    let rule = usize::from(headers.rule.0);
    let places: Vec<&str> = a.rules.iter().map(|rule| &*rule.place).collect();
    assert_eq!((places[usize::from(host.rule.0)], places[rule], a.rules.len()), ("host", "headers", 9));
}

#[test]
fn hosts_that_nobody_can_ask_for_are_refused() {
    refused(
        "[route.host]\nallow = ['Example.com', 'a:80', 'a b', '*.192.0.2.1', 'x.d', '*.d', 'c', 'c', '*.', '[::0]']",
        &[
            "f:6:10  route \"r\", host: allow \"Example.com\" is not in its normal form",
            "write \"example.com\"",
            "f:6:25  route \"r\", host: allow \"a:80\" can match nothing (it has a port)",
            "write a host without a port, or *. and the end of its name",
            "f:6:33  route \"r\", host: allow \"a b\" can match nothing (host.character)",
            "write a host without a port, or *. and the end of its name",
            "f:6:40  route \"r\", host: allow \"*.192.0.2.1\" can match nothing",
            "an address has no names below it",
            "f:6:55  route \"r\", host: allow \"x.d\" is already covered by \"*.d\"",
            "name it once",
            "f:6:74  route \"r\", host: allow \"c\" stands twice",
            "name it once",
            "f:6:79  route \"r\", host: allow \"*.\" can match nothing (host.form)",
            "write a host without a port, or *. and the end of its name",
            "f:6:85  route \"r\", host: allow \"[::0]\" is not in its normal form",
            "write \"[::]\"",
        ],
    );
    refused(
        "[route.host]\nallow = ['a_b']\ndefault_ports = [80, 0]\nport = 1",
        &[
            "f:2:1  route \"r\": host: allow \"a_b\" can match nothing: a host with a _ is outside",
            "add underscore = \"keep\", or remove it",
            "f:7:22  route \"r\", host: key \"default_ports\" holds something that is no port, or one twice",
            "a port is a whole number from 1 to 65535",
            "f:8:1  route \"r\", host: unknown key \"port\"",
            "keys here: underscore, default_ports, on_missing, allow",
        ],
    );
    refused(
        "[route.host]\nallow = []",
        &[
            "f:6:1  route \"r\", host: key \"allow\" is empty, so that no host may be asked for",
            "name a host, or remove the key",
        ],
    );
}

#[test]
fn headers_that_contradict_each_other_are_refused() {
    refused(
        "[route.headers]\ndrop = ['x-*', 'Content-*', 'x-y', 'a_b']\nrequired = ['x-a', 'te', 'c_d']\nsingle = ['date', 'via', 'x-b']\nlist = ['accept', 'age', 'set-cookie', 'z', 'z']",
        &[
            "f:6:9  route \"r\", headers: drop \"x-*\" contradicts required \"x-a\" on line 7",
            "remove one of them",
            "f:6:9  route \"r\", headers: drop \"x-*\" contradicts single \"x-b\" on line 8",
            "remove one of them",
            "f:6:16  route \"r\", headers: drop \"content-*\" leaves out content-length",
            "it says where the request goes or ends: name others",
            "f:6:29  route \"r\", headers: drop \"x-y\" and \"x-*\" cover each other",
            "name the wider one alone",
            "f:6:36  route \"r\", headers: drop \"a_b\" says nothing: names with a _ are dropped anyway",
            "remove it, or add underscore = \"keep\"",
            "f:7:20  route \"r\", headers: required \"te\" is removed with the connection it speaks of",
            "remove it, or add hop_by_hop = \"keep\"",
            "f:7:26  route \"r\", headers: required \"c_d\" can never be there: a name with a _ does not go on",
            "remove it, or add underscore = \"keep\"",
            "f:8:11  route \"r\", headers: single \"date\" may stand once anyway",
            "remove it",
            "f:8:19  route \"r\", headers: single \"via\" is a list by its definition",
            "remove it",
            "f:9:9  route \"r\", headers: list \"accept\" is a list anyway",
            "remove it",
            "f:9:19  route \"r\", headers: list \"age\" may stand once by its definition",
            "remove it",
            "f:9:26  route \"r\", headers: list \"set-cookie\" cannot be joined: its values hold commas",
            "remove it",
            "f:9:45  route \"r\", headers: list \"z\" stands twice",
            "name it once",
        ],
    );
    refused(
        "[route.headers]\ndrop = ['accept-*', '*', 'a b']\naccept_language = 'normalize'\nduplicates = 'keep'\njoin = false\nsingle = ['x-a']\nlist = ['x-b']\nmax_count = 0",
        &[
            "f:6:9  route \"r\", headers: drop \"accept-*\" leaves out what is normalised",
            "remove one of them",
            "f:6:21  route \"r\", headers: drop \"*\" leaves out every header",
            "put the start of a name before the star",
            "f:6:26  route \"r\", headers: drop \"a b\" is no name of a header",
            "use letters, digits and !#$%&'+-.^_`|~, for example \"x-debug\"",
            "f:10:11  route \"r\", headers: single \"x-a\" says nothing where duplicates are kept",
            "remove it, or say duplicates = \"reject\"",
            "f:11:9  route \"r\", headers: list \"x-b\" says nothing without join",
            "remove it, or say join = true",
            "f:12:1  route \"r\", headers: key \"max_count\" is 0",
            "write a whole number from 1 to 100000",
        ],
    );
    refused(
        "[route.headers]\nsingle = ['x']\nlist = ['x']\nrequired = ['y*']",
        &[
            "f:6:11  route \"r\", headers: single \"x\" contradicts list on line 7",
            "remove one of them",
            "f:8:13  route \"r\", headers: required \"y*\" has a star where none can stand",
            "write whole names here",
        ],
    );
}

#[test]
fn tags_that_cannot_be_negotiated_are_refused() {
    let tags = |tags: &str| format!("[route.headers]\naccept_language = {tags}");
    refused(
        &tags("{ negotiate = ['de', 'en'], default = 'de-AT' }"),
        &[
            "f:6:47  route \"r\", headers, accept_language: key \"default\" is \"de-AT\", which a second pass would cut to \"de\"",
            "add \"de-AT\" to negotiate, or use default = \"de\"",
        ],
    );
    refused(
        &tags("{ negotiate = ['DE'], default = 'e' }"),
        &["f:6:34  route \"r\", headers, accept_language: tag \"DE\" is not in its usual case", "write \"de\""],
    );
    refused(
        &tags("{ negotiate = ['de', 'de'] }"),
        &[
            "f:6:1  route \"r\", headers, accept_language: key \"default\" is missing",
            "say what a request gets that asks for none of them: default = \"en\"",
            "f:6:40  route \"r\", headers, accept_language: tag \"de\" stands twice",
            "name it once",
        ],
    );
    refused(
        &tags("{ negotiate = ['de_DE'], default = 'en' }"),
        &[
            "f:6:34  route \"r\", headers, accept_language: tag \"de_DE\" is no language tag",
            "write it like \"en\", \"pt-BR\" or \"zh-Hant\"",
        ],
    );
    refused(
        &tags("1"),
        &[
            "f:6:1  route \"r\", headers: key \"accept_language\" is no choice",
            "use \"keep\", \"normalize\" or { negotiate = [\"de\", \"en-GB\"], default = \"en\" }",
        ],
    );
}

#[test]
fn every_key_is_in_the_digest() {
    let digest = |lines: &str| parse(&format!("{ROUTE}{lines}")).routes[0].digest.to_string();
    let all = [
        "",
        "[route.host]",
        "[route.host]\nunderscore = 'keep'",
        "[route.host]\ndefault_ports = [80]",
        "[route.host]\non_missing = 'keep'",
        "[route.host]\nallow = ['a']",
        "[route.host]\nallow = ['*.a']",
        "[route.headers]",
        "[route.headers]\nunderscore = 'keep'",
        "[route.headers]\nobs_text = 'outside'",
        "[route.headers]\nframing = 'keep'",
        "[route.headers]\nhop_by_hop = 'keep'",
        "[route.headers]\nduplicates = 'keep'",
        "[route.headers]\njoin = false",
        "[route.headers]\nsingle = ['x']",
        "[route.headers]\nlist = ['x']",
        "[route.headers]\ndrop = ['x']",
        "[route.headers]\ndrop = ['x*']",
        "[route.headers]\nrequired = ['x']",
        "[route.headers]\ncontent_type = 'normalize'",
        "[route.headers]\naccept_language = 'normalize'",
        "[route.headers]\naccept_language = { negotiate = ['de'], default = 'de' }",
        "[route.headers]\naccept_language = { negotiate = ['de'], default = 'en' }",
        "[route.headers]\nmax_count = 1",
        "[route.headers]\nmax_bytes = 1",
        "[route.headers]\nmax_name_bytes = 1",
        "[route.headers]\nmax_value_bytes = 1",
    ];
    let mut digests = all.map(digest);
    digests.sort_unstable();
    assert!(digests.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(digest("[route.headers]\nunderscore = 'drop'\njoin = true"), digest("[route.headers]"));
}
