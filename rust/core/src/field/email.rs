//! E-mail addresses: ASCII dot-atom local part, LDH domain.
//!
//! Python is `email_validator.validate_email(value, check_deliverability=False).normalized` of email-validator 2.4.0
//! with its default settings. On ASCII it is reproduced as a whole, Punycode excepted; quoted local parts, display names
//! and address literals are all refused by those defaults, for the one reason or the other.

use super::{Answer, Scalar};

const INVALID: Answer = Answer::Invalid("invalid_email");
const FORM: Answer = Answer::Unsupported("email.form");

/// Longest address, domain and label, in bytes (RFC 5321, RFC 1035). The 64 of a local part are not held by the library
/// unless it is told to be strict, and addresses recorded from real clients are longer.
const ADDRESS: usize = 254;
const DOMAIN: usize = 253;
const LABEL: usize = 63;

/// Mailboxes that RFC 2142 makes case-insensitive; the library lower-cases these local parts and no other.
const LOWERED: [&str; 15] = [
    "info",
    "marketing",
    "sales",
    "support",
    "abuse",
    "noc",
    "security",
    "postmaster",
    "hostmaster",
    "usenet",
    "news",
    "webmaster",
    "www",
    "uucp",
    "ftp",
];

/// Special-use domains that the library refuses, themselves and below (its `SPECIAL_USE_DOMAIN_NAMES`).
const RESERVED: [&str; 6] = ["arpa", "invalid", "local", "localhost", "onion", "test"];

/// What becomes of the local part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Email {
    /// Lower-case it; otherwise only RFC 2142's mailboxes are.
    pub lower_local: bool,
    /// Domains in lower case, sorted, whose addresses lose the dots of the local part.
    pub strip_dots: Vec<Box<str>>,
    /// Domains likewise, whose addresses lose what begins with the first `+`.
    pub strip_tag: Vec<Box<str>>,
}

impl Email {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(text) = value else { return Answer::WrongType };
        let Some((local, domain)) = text.split_once('@') else { return INVALID };
        if !text.is_ascii() {
            return FORM;
        }
        if text.len() > ADDRESS || !is_dot_atom(local) || !is_domain(domain) {
            return INVALID;
        }
        if holds_punycode(domain) {
            return FORM;
        }
        let lowered = |local: &str| self.lower_local || LOWERED.iter().any(|name| name.eq_ignore_ascii_case(local));
        let changing = if lowered(local) { text } else { domain };
        let strips = !self.strip_dots.is_empty() || !self.strip_tag.is_empty();
        if !strips && !changing.bytes().any(|b| b.is_ascii_uppercase()) {
            return Answer::Same;
        }
        let tag = local.find('+').unwrap_or(local.len());
        let (dotted, kept) = local.split_at(if lists(&self.strip_dots, domain) { tag } else { 0 });
        out.extend(dotted.chars().filter(|c| *c != '.'));
        out.push_str(kept);
        if lists(&self.strip_tag, domain)
            && let Some(tag) = out.find('+')
            && out.get(..tag).is_some_and(|before| !before.is_empty() && !before.ends_with('.'))
        {
            out.truncate(tag);
        }
        if lowered(out) {
            out.make_ascii_lowercase();
        }
        let at = out.len();
        out.push('@');
        out.push_str(domain);
        if let Some(domain) = out.get_mut(at..) {
            domain.make_ascii_lowercase();
        }
        if out == text {
            out.clear();
            return Answer::Same;
        }
        Answer::String
    }
}

/// RFC 5322 `dot-atom`: atoms with single dots between them.
fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom))
}

fn is_atom(b: u8) -> bool {
    matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/'..=b'9' | b'=' | b'?' | b'A'..=b'Z' | b'^'..=b'~')
}

/// Labels of letters, digits and inner hyphens with single dots between them, two at least, ending in a letter, not
/// reserved.
fn is_domain(text: &str) -> bool {
    text.len() <= DOMAIN
        && text.split('.').all(is_label)
        && text.contains('.')
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        && !text.rsplit('.').next().is_some_and(|top| RESERVED.iter().any(|name| name.eq_ignore_ascii_case(top)))
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    (1..=LABEL).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
        && (bytes.get(2..4) != Some(b"--") || holds_punycode(label))
}

/// Whether a sorted list holds the domain, in any case.
fn lists(domains: &[Box<str>], domain: &str) -> bool {
    let lower = || domain.bytes().map(|b| b.to_ascii_lowercase());
    domains.binary_search_by(|known| known.bytes().cmp(lower())).is_ok()
}

/// Whether `domain` is in lower case and would be accepted, so that a policy can list it.
pub fn is_listable(domain: &str) -> bool {
    is_domain(domain) && !holds_punycode(domain) && !domain.bytes().any(|b| b.is_ascii_uppercase())
}

/// Whether the library would ask IDNA: `xn--` anywhere.
fn holds_punycode(domain: &str) -> bool {
    domain.as_bytes().windows(4).any(|four| four.eq_ignore_ascii_case(b"xn--"))
}
