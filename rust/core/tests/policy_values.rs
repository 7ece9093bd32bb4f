//! Arguments of value operations that cannot hold together are errors of the policy.

use crossfade_core::Policy;

const START: &str = "version = 1\n[[route]]\nname = \"r\"\nmatch = \"POST /r\"\n[route.json]\noutput = \"python\"\n\
                     [route.json.fields.v]\n";

/// The messages for one rule, written from line 8 on, without places and advice.
fn refused(rule: &str) -> Vec<String> {
    let Err(errors) = Policy::parse("f", &format!("{START}{rule}\n")) else { return Vec::new() };
    errors.errors.iter().map(|error| error.message.replace("route \"r\", field \"v\", ", "")).collect()
}

#[test]
fn arguments_that_contradict_each_other_are_refused() {
    for (rule, said) in [
        ("integer = { min = 3, max = 2 }", "integer: key \"min\" contradicts \"max\" on line 8, which is below it"),
        (
            "integer = { min = 3, numbers = 'any' }",
            "integer: key \"numbers\" is \"any\", which contradicts \"min\" on line 8",
        ),
        ("integer = { min = '3' }", "integer: key \"min\" is no whole number of 64 bits"),
        ("integer = { max = 9223372036854775808 }", "integer: key \"max\" is no whole number of 64 bits"),
        ("boolean = { words = 'all' }", "boolean: key \"words\" is \"all\", which is no choice"),
        (
            "decimal = { scale = 2, rounding = 'reject', min = '1', max = '0.99' }",
            "decimal: key \"min\" contradicts \"max\" on line 8, which is below it",
        ),
        ("decimal = { scale = 1, rounding = 'reject', min = '0.01' }", "decimal: key \"min\" is \"0.01\""),
        ("decimal = { scale = 1, rounding = 'reject', max = '01' }", "decimal: key \"max\" is \"01\""),
        ("decimal = { scale = 1, rounding = 'reject', max = '1.' }", "decimal: key \"max\" is \"1.\""),
        ("decimal = { scale = 1, rounding = 'reject', max = '1e3' }", "decimal: key \"max\" is \"1e3\""),
        (
            "decimal = { scale = 18, rounding = 'reject', max = '12345678901' }",
            "decimal: key \"max\" is \"12345678901\"",
        ),
        ("date = { form = 1 }", "date: unknown key \"form\""),
        ("timestamp = { digits = 3, epoch = 'us' }", "timestamp: key \"epoch\" is \"us\", which is no choice"),
        ("uuid = { braces = 1 }", "uuid: key \"braces\" is an integer"),
        ("email = { strip_tag = ['Gmail.com'] }", "email: \"Gmail.com\" in \"strip_tag\" cannot stand there"),
        ("email = { strip_dots = ['b.com', 'b.com'] }", "email: \"b.com\" in \"strip_dots\" repeats"),
        ("email = { strip_dots = ['xn--a.com'] }", "email: \"xn--a.com\" in \"strip_dots\" cannot stand there"),
        ("country = { also = ['DE'] }", "country: \"DE\" in \"also\" cannot stand there"),
        ("country = { also = ['xk'] }", "country: \"xk\" in \"also\" cannot stand there"),
        ("currency = { also = ['EUR'] }", "currency: \"EUR\" in \"also\" cannot stand there"),
        ("ip = { version = 5 }", "ip: key \"version\" is 5"),
        ("ip = { version = 4, mapped = 'keep' }", "ip: key \"mapped\" contradicts \"version\" on line 8"),
        ("ip = { version = 6, mapped = 'unmap' }", "ip: key \"mapped\" contradicts \"version\" on line 8"),
        ("cidr = { version = 7 }", "cidr: key \"version\" is 7"),
        ("url = { fragment = 'strip' }", "url: key \"fragment\" is \"strip\", which is no choice"),
        (
            "phone = { region = 'US', double_zero = true }",
            "phone: key \"double_zero\" contradicts \"region\" on line 8",
        ),
        ("phone = { region = 'us' }", "phone: key \"region\" is \"us\""),
    ] {
        let errors = refused(rule);
        assert!(errors.iter().any(|error| error.starts_with(said)), "{rule}: {errors:#?}");
    }
}

#[test]
fn arguments_that_hold_together_are_read() {
    for rule in [
        "integer = { min = -9223372036854775808, max = 9223372036854775807 }",
        "integer = { min = 3, max = 3, numbers = 'whole', from_string = false }",
        "decimal = { scale = 18, rounding = 'reject', min = '-1234567890.000000000000000001', max = '0' }",
        "decimal = { scale = 0, rounding = 'half_up', max = '9999999999999999999999999999' }",
        "ip = { version = 4, mapped = 'unmap' }",
        "ip = { version = 6, mapped = 'keep' }",
        "phone = { double_zero = true }",
    ] {
        assert_eq!(refused(rule), Vec::<String>::new(), "{rule}");
    }
}

/// A default that its own rule would rewrite is an error for the new operations too; a date rewrites nothing.
#[test]
fn defaults_and_outputs_are_held_against_the_rule() {
    assert_eq!(refused("country = {}\ndefault = 'DE'"), Vec::<String>::new());
    assert!(refused("country = {}\ndefault = 'de'")[0].contains("would write as DE"));
    assert!(refused("date = {}\ndefault = '2023-02-29'")[0].contains("cannot read"));
    let original = |rule: &str| {
        let text = format!("{START}{rule}\n").replace("output = \"python\"", "output = \"original\"");
        Policy::parse("f", &text).is_ok()
    };
    assert!(original("date = {}") && !original("cidr = {}"));
}

#[cfg(not(feature = "phone"))]
#[test]
fn a_region_needs_a_build_that_has_it() {
    let policy = format!("{START}phone = {{ region = \"US\" }}\n");
    let said = Policy::parse("f", &policy).expect_err("no regions").to_string();
    assert!(said.contains("is \"US\" and this build has no phone regions"), "{said}");
    assert!(said.contains("build with --features phone, or pip install 'crossfade[phone]'"), "{said}");
}

/// Every argument is part of the route's digest.
#[test]
fn every_argument_changes_the_digest() {
    let digest = |rule: &str| Policy::parse("f", &format!("{START}{rule}\n")).expect(rule).routes[0].digest.clone();
    let rules = [
        "integer = {}",
        "integer = { from_string = false }",
        "integer = { numbers = 'whole' }",
        "integer = { min = 1 }",
        "integer = { max = 1 }",
        "boolean = {}",
        "boolean = { words = 'letters' }",
        "boolean = { words = 'strict' }",
        "decimal = { scale = 2, rounding = 'reject' }",
        "decimal = { scale = 2, rounding = 'reject', min = '1' }",
        "decimal = { scale = 2, rounding = 'reject', max = '1' }",
        "date = {}",
        "timestamp = { digits = 3 }",
        "timestamp = { digits = 3, epoch = 's' }",
        "timestamp = { digits = 3, epoch = 'ms' }",
        "uuid = {}",
        "uuid = { braces = true }",
        "uuid = { urn = true }",
        "email = {}",
        "email = { local = 'lower' }",
        "email = { strip_dots = ['b.com'] }",
        "email = { strip_tag = ['b.com'] }",
        "phone = {}",
        "phone = { double_zero = true }",
        "country = {}",
        "country = { alpha3 = true }",
        "country = { also = ['XK'] }",
        "currency = {}",
        "currency = { also = ['HRK'] }",
        "language = {}",
        "language = { underscore = true }",
        "ip = {}",
        "ip = { version = 6 }",
        "ip = { mapped = 'keep' }",
        "cidr = {}",
        "cidr = { version = 4 }",
        "url = {}",
        "url = { fragment = 'drop' }",
    ];
    let mut digests: Vec<_> = rules.iter().map(|rule| digest(rule)).collect();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), rules.len());
    assert_eq!(digest("ip = {}"), digest("ip = { mapped = 'outside' }"));
    assert_eq!(digest("integer = { min = 1 }"), digest("integer = { min = 1, numbers = 'whole' }"));
}
