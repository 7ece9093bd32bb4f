//! Headers that need no change, which most have: found without writing a list.

use super::accept_language::Ranges;
use super::lines::{has_control, is_dropped};
use super::names::{Seen, Traits, is_token};
use super::{content_type, framing};
use crate::policy::{HeadersPolicy, Languages, Underscore};

/// Whether every step would leave the lines as they are. May say `false` of lines that turn out to need no change.
/// `seen` is empty; `text` is overwritten.
pub(super) fn is_normal(
    policy: &HeadersPolicy,
    headers: &[(&[u8], &[u8])],
    seen: &mut Seen,
    text: &mut Vec<u8>,
) -> bool {
    if headers.len() > policy.bounds.count {
        return false;
    }
    let keep_underscore = policy.underscore == Underscore::Keep;
    let mut required = policy.required;
    let mut bytes = 0;
    let mut languages = false;
    for &(name, value) in headers {
        bytes += name.len() + value.len();
        if name.len() > policy.bounds.name_bytes || value.len() > policy.bounds.value_bytes {
            return false;
        }
        let plain = |b: &u8| is_token(*b) && !b.is_ascii_uppercase() && (*b != b'_' || keep_underscore);
        if name.is_empty() || !name.iter().all(plain) || !is_normal_value(policy, value) {
            return false;
        }
        let known = policy.known.find_lower(name);
        if is_dropped(policy, name, known) {
            return false;
        }
        let Some(known) = known else { continue };
        let traits = policy.known.traits(known);
        let new = seen.insert(known);
        if !new && traits.has(Traits::SINGLE.and(Traits::LIST)) {
            return false;
        }
        if traits.has(Traits::HOP) && policy.remove_hop_by_hop {
            return false;
        }
        if policy.check_framing
            && (traits.has(Traits::TRANSFER_ENCODING)
                || traits.has(Traits::CONTENT_LENGTH) && !framing::is_length(value))
        {
            return false;
        }
        if traits.has(Traits::CONTENT_TYPE) && policy.normalize_content_type {
            text.clear();
            let found = content_type::write(value, text);
            if found != Some(content_type::Found::default()) || text != value {
                return false;
            }
        }
        if traits.has(Traits::ACCEPT_LANGUAGE) && policy.languages != Languages::Keep {
            languages = true;
            if !is_normal_language(policy, value, text) {
                return false;
            }
        }
        required -= usize::from(new && traits.has(Traits::REQUIRED));
    }
    let added = matches!(policy.languages, Languages::Negotiate(_)) && !languages;
    bytes <= policy.bounds.bytes && required == 0 && !added
}

fn is_normal_value(policy: &HeadersPolicy, value: &[u8]) -> bool {
    let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    !blank(value.first()) && !blank(value.last()) && !has_control(value) && (policy.keep_obs_text || value.is_ascii())
}

fn is_normal_language(policy: &HeadersPolicy, value: &[u8], text: &mut Vec<u8>) -> bool {
    let Some(ranges) = Ranges::read(std::iter::once(value), value.len()) else { return false };
    match &policy.languages {
        Languages::Negotiate(negotiation) => ranges.negotiate(negotiation).as_bytes() == value,
        Languages::Keep | Languages::Normalize => {
            text.clear();
            ranges.write(text);
            text == value
        }
    }
}
