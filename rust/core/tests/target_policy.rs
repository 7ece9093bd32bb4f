//! What `[route.target]` refuses, what it lets stand, and what is in its digest.

use crossfade_core::Policy;
use crossfade_core::policy::{RuleId, trackers};
use crossfade_core::target::rule;

const START: &str = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"GET /r\"\n";

fn parse(target: &str) -> Result<Policy, String> {
    Policy::parse("f", &format!("{START}{target}")).map_err(|errors| errors.to_string())
}

/// The errors, without the advice's margin. The first line of `lines` is line 6 of the file.
#[track_caller]
fn refused(table: &str, lines: &str, expected: &[&str]) {
    let said = parse(&format!("[{table}]\n{lines}\n")).err().unwrap_or_default();
    let said: Vec<&str> = said.lines().map(str::trim_start).collect();
    assert_eq!(said, expected, "{lines}");
}

#[test]
fn a_path_policy_that_cannot_be_is_refused() {
    let path = |lines: &str, expected: &[&str]| refused("route.target", lines, expected);
    path(
        "encoded_reserved = ['%2F', '%2f', '%2F', '%5C', '%41', '/']",
        &[
            "f:6:28  route \"r\", target: encoded_reserved \"%2f\" has a lower-case digit",
            "write it as %2F",
            "f:6:35  route \"r\", target: encoded_reserved \"%2F\" is named twice",
            "name it once",
            "f:6:42  route \"r\", target: encoded_reserved \"%5C\" is not reserved",
            "encoded_special says what it is",
            "f:6:49  route \"r\", target: encoded_reserved \"%41\" is not reserved",
            "use the triplets of / ! $ & ' ( ) * + , ; = : @",
            "f:6:56  route \"r\", target: encoded_reserved \"/\" is no triplet",
            "write what is kept as %2F",
        ],
    );
    path(
        "encoded_reserved = []",
        &["f:6:1  route \"r\", target: key \"encoded_reserved\" keeps nothing", "write \"outside\""],
    );
    path(
        "backslash = 'keep'\nparams = 'drop'\ntrailing_slash = true\ncase = 'lower'\nmax_bytes = 0",
        &[
            "f:6:1  route \"r\", target: key \"backslash\" is \"keep\", which is no choice",
            "use one of: outside, slash",
            "f:7:1  route \"r\", target: key \"params\" is \"drop\", which is no choice",
            "use one of: keep, strip, reject",
            "f:8:1  route \"r\", target: key \"trailing_slash\" is a boolean",
            "write a text in quotes",
            "f:9:1  route \"r\", target: key \"case\" is \"lower\", which is no choice",
            "use one of: keep, ascii_lower",
            "f:10:1  route \"r\", target: key \"max_bytes\" is 0",
            "write a whole number from 1 to 1073741824",
        ],
    );
    path("encoded_reserved = ['%2F', '%3A']\nmax_bytes = '2KiB'\nparams = 'strip'\ndots = 'keep'", &[]);
}

#[test]
fn a_query_policy_that_cannot_be_is_refused() {
    let query = |lines: &str, expected: &[&str]| refused("route.target.query", lines, expected);
    query(
        "unknown = 'reject'",
        &[
            "f:6:1  route \"r\", target, query: key \"unknown\" says nothing without allow",
            "name the parameters that are known: allow = [\"q\"]",
        ],
    );
    query(
        "drop = ['x*']\nallow = ['q', 'xy', 'x']\nunknown = 'reject'",
        &[
            "f:7:15  route \"r\", target, query: allow \"xy\" is dropped by \"x*\" on line 6",
            "remove one of them",
            "f:7:21  route \"r\", target, query: allow \"x\" is dropped by \"x*\" on line 6",
            "remove one of them",
        ],
    );
    query(
        "drop = ['x', '@trackers', 'q_x', 'q_']\nallow = ['q_*']",
        &[
            "f:6:9  route \"r\", target, query: drop \"x\" says nothing beside allow on line 7, which leaves it out",
            "remove it, or refuse other names: unknown = \"reject\"",
            "f:6:14  route \"r\", target, query: drop \"@trackers\" says nothing beside allow on line 7, which leaves it out",
            "remove it, or refuse other names: unknown = \"reject\"",
        ],
    );
    query(
        "required = ['q', 'a', 'q', 'gclid']\ndefault = { q = '1', utm_x = '2', c = 3 }\ndrop = ['@trackers']\nallow = ['q', 'utm_*']\nunknown = 'reject'",
        &[
            "f:6:18  route \"r\", target, query: required \"a\" is not allowed",
            "add it to allow",
            "f:6:23  route \"r\", target, query: required \"q\" is named twice",
            "name it once",
            "f:6:28  route \"r\", target, query: required \"gclid\" is dropped",
            "remove it here or from drop",
            "f:7:13  route \"r\", target, query, default: key \"q\" contradicts required on line 6, which names it",
            "remove one of them",
            "f:7:22  route \"r\", target, query: default \"utm_x\" is dropped",
            "remove it here or from drop",
            "f:7:35  route \"r\", target, query, default: key \"c\" is an integer",
            "write a text in quotes",
            "f:9:15  route \"r\", target, query: allow \"utm_*\" is dropped by \"utm_*\" on line 8",
            "remove one of them",
        ],
    );
    query(
        "required = ['lang']\ndefault = { page = '100', \"a\\u0000\" = '', b = \"\\u0000\" }\nmax_name_bytes = 3\nmax_value_bytes = 2\nmax_params = 3\nnul = 'reject'",
        &[
            "f:6:13  route \"r\", target, query: required \"lang\" has 4 bytes, and max_name_bytes is 3",
            "no such name is accepted",
            "f:7:1  route \"r\", target, query: key \"default\" makes 4 names that are required or have a default",
            "max_params lets only 3 through",
            "f:7:13  route \"r\", target, query: default \"page\" has 4 bytes, and max_name_bytes is 3",
            "no such name is accepted",
            "f:7:13  route \"r\", target, query, default: key \"page\" has 3 bytes, and max_value_bytes is 2",
            "a default has to be a value that is accepted",
            "f:7:27  route \"r\", target, query: default \"a\\0\" holds a NUL, which nul = \"reject\" refuses",
            "no such name is accepted",
            "f:7:43  route \"r\", target, query, default: key \"b\" holds a NUL, which nul = \"reject\" refuses",
            "a default has to be a value that is accepted",
        ],
    );
}

#[test]
fn lists_are_checked_and_bounded() {
    let query = |lines: &str, expected: &[&str]| refused("route.target.query", lines, expected);
    query(
        "drop = ['a*', 'ab', '@tracker', '@trackers', '@trackers', 'gclid']\nallow = ['@trackers']\nunknown = 'reject'",
        &[
            "f:6:15  route \"r\", target, query: drop \"ab\" is already covered by \"a*\"",
            "name it once",
            "f:6:21  route \"r\", target, query: drop \"@tracker\" is no name of a parameter",
            "did you mean \"@trackers\"?",
            "f:6:46  route \"r\", target, query: drop \"@trackers\" is named twice",
            "name it once",
            "f:7:10  route \"r\", target, query: allow \"@trackers\" is no name of a parameter",
            "only drop knows this list",
        ],
    );
    query("drop = ['a', 'a*', '@type', 'trackers']\nallow = []\nunknown = 'reject'", &[]);
    let many = |most: usize| (0..most).map(|n| format!("'n{n}'")).collect::<Vec<_>>().join(", ");
    query(&format!("drop = [{}]\nrequired = ['a', 'b']", many(100)), &[]);
    query(
        &format!("allow = [{}]", many(101)),
        &["f:6:1  route \"r\", target, query: key \"allow\" has 101 names", "at most 100 are compared"],
    );
    query(
        &format!("required = [{}]", many(101)),
        &[
            "f:6:1  route \"r\", target, query: key \"required\" makes 101 names that are required or have a default",
            "at most 100 are looked for",
        ],
    );
    query(
        "max_params = 1000001",
        &["f:6:1  route \"r\", target, query: key \"max_params\" is 1000001", "write a whole number from 1 to 1000000"],
    );
}

/// The chapter names what the list holds, and its version.
#[test]
fn the_list_of_trackers_is_the_one_of_the_chapter() {
    let chapter = include_str!("../../../docs/policy/target.md");
    let (_, section) = chapter.split_once("### The list `@trackers`").expect("the section");
    let (section, _) = section.split_once("\n### ").expect("an end");
    assert!(section.contains(&format!("Version {};", trackers::VERSION)));
    let table = section.split_once("|---|---|").expect("a table").1;
    let named: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, trackers::NAMES);
    let policy = parse("[route.target]\nquery = { drop = ['@trackers', 'ref'] }").expect("a policy");
    let drop = &policy.routes[0].target.as_ref().and_then(|target| target.query.as_ref()).expect("a query").drop;
    let dropped = ["gclid", "utm_", "utm_x", "ScCid", "mkt_tok", "ref"].map(|name| drop.hold(name.as_bytes()));
    assert_eq!(dropped, [true; 6]);
    let kept = ["utm", "sccid", "gclid2", "irclickid", "q", "@trackers"].map(|name| drop.hold(name.as_bytes()));
    assert_eq!(kept, [false; 6]);
}

/// Every key is in the digest where it differs from its default, and no key where it does not.
#[test]
fn the_digest_knows_every_key() {
    let digest =
        |target: &str| parse(&format!("[route.target]\n{target}\n")).expect("a policy").routes[0].digest.clone();
    let unsaid = "max_bytes = 5\nbackslash = 'outside'\nencoded_reserved = 'outside'\nencoded_special = 'keep'\n\
                  params = 'keep'\nmerge_slashes = true\ndots = 'clamp'\ntrailing_slash = 'keep'\ncase = 'keep'\n\
                  [route.target.query]\nbad_triplet = 'percent'\nnul = 'keep'\nbare = 'empty'\nduplicates = 'keep'\n\
                  sort = false\nspace = '+'";
    assert_eq!(digest(unsaid), digest("max_bytes = 5\nquery = {}"));
    let lines = [
        "",
        "max_bytes = 5",
        "max_bytes = 6",
        "backslash = 'slash'",
        "encoded_reserved = 'keep'",
        "encoded_reserved = ['%2F']",
        "encoded_reserved = ['%2F', '%3A']",
        "encoded_special = 'outside'",
        "params = 'strip'",
        "params = 'reject'",
        "trailing_slash = 'strip'",
        "trailing_slash = 'add'",
        "case = 'ascii_lower'",
        "query = {}",
        "query = { drop = ['@trackers'] }",
        "query = { drop = ['utm_*'] }",
        "query = { allow = [] }",
        "query = { allow = ['a'] }",
        "query = { allow = ['a*'] }",
        "query = { allow = ['a'], unknown = 'reject' }",
        "query = { bad_triplet = 'reject' }",
        "query = { nul = 'reject' }",
        "query = { bare = 'keep' }",
        "query = { duplicates = 'first' }",
        "query = { duplicates = 'join' }",
        "query = { required = ['a'] }",
        "query = { default = { a = '' } }",
        "query = { default = { a = '1' } }",
        "query = { default = { a = '1', b = '' } }",
        "query = { default = { b = '', a = '1' } }",
        "query = { max_params = 1 }",
        "query = { max_name_bytes = 1 }",
        "query = { max_value_bytes = 1 }",
    ];
    let mut digests: Vec<_> = lines.map(digest).to_vec();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), lines.len());
    assert_eq!(digest("encoded_reserved = ['%3A', '%2F']"), digest("encoded_reserved = ['%2F', '%3A']"));
}

/// A report asks for traffic only for steps that the policy can take.
#[test]
fn a_route_knows_which_steps_it_can_take() {
    let steps = |target: &str| {
        let policy =
            parse(&format!("{target}\n[route.json]\noutput = 'compact'\nfields = {{ a = {{ uuid = {{}} }} }}\n"));
        let route = &policy.expect("a policy").routes[0];
        let named = route.rules.iter().enumerate().filter(|(index, _)| route.can_take(RuleId(*index as u16)));
        named.map(|(_, rule)| rule.operation.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(steps("target = false"), ["uuid"]);
    assert_eq!(steps("target = {}"), ["decode", "merge_slashes", "dots", "uuid"]);
    assert_eq!(steps("[route.target]\nmerge_slashes = false\ndots = 'keep'"), ["decode", "uuid"]);
    let all = "[route.target]\nbackslash = 'slash'\nparams = 'strip'\ntrailing_slash = 'add'\ncase = 'ascii_lower'\n\
               [route.target.query]\ndrop = ['b']\nsort = true\nallow = ['a', 'b*']\nduplicates = 'last'\n\
               default = { a = '' }";
    let names = rule::NAMES.map(|(_, operation)| operation);
    assert_eq!(steps(all)[..names.len()], names);
    let refusing = "[route.target]\nparams = 'reject'\n\
                    [route.target.query]\nallow = ['a']\nunknown = 'reject'\nduplicates = 'reject'\nrequired = ['a']";
    assert_eq!(steps(refusing), ["decode", "merge_slashes", "dots", "encode", "uuid"]);
}
