//! `Accept-Language`: read by weight, written in one spelling or as the one tag that it asks for.

use super::names::cmp_lower;
use crate::policy::Negotiation;

/// The longest text and the most ranges that are read: browsers send fewer than 10, and sorting stays on the stack.
const MAX_BYTES: usize = 512;
const MAX_RANGES: usize = 16;

/// Weights are whole thousandths.
const FULL: u16 = 1000;

/// The ranges of a request, by falling weight; those of one weight in their order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranges<'a> {
    list: [(&'a [u8], u16); MAX_RANGES],
    count: usize,
}

impl<'a> Ranges<'a> {
    /// Reads values that stand for one text of `length` bytes, joined by commas; `None`: outside the grammar.
    pub(super) fn read(values: impl Iterator<Item = &'a [u8]>, length: usize) -> Option<Self> {
        if length > MAX_BYTES {
            return None;
        }
        let mut ranges = Self { list: [(&[], 0); MAX_RANGES], count: 0 };
        for element in values.flat_map(|value| value.split(|&b| b == b',')) {
            let element = super::names::trim(element);
            if element.is_empty() {
                continue;
            }
            *ranges.list.get_mut(ranges.count)? = read_element(element)?;
            ranges.count += 1;
        }
        // The standard library's stable sort has no need of memory for so few.
        ranges.list[..ranges.count].sort_by_key(|&(_, weight)| std::cmp::Reverse(weight));
        Some(ranges)
    }

    fn iter(&self) -> impl Iterator<Item = (&'a [u8], u16)> {
        self.list[..self.count].iter().copied()
    }

    /// Appends all ranges.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for (index, (range, weight)) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            push_tag(range, out);
            if weight < FULL {
                let digits = [weight / 100, weight / 10 % 10, weight % 10].map(|digit| b'0' + digit as u8);
                let kept = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
                out.extend_from_slice(if kept > 0 { b";q=0." } else { b";q=0" });
                out.extend_from_slice(&digits[..kept]);
            }
        }
    }

    /// The tag that these ranges ask for.
    pub(super) fn negotiate<'p>(&self, policy: &'p Negotiation) -> &'p str {
        let decided = self.iter().filter(|&(range, weight)| weight > 0 && range != b"*");
        decided.filter_map(|(range, _)| lookup(&policy.tags, range)).next().unwrap_or(&policy.default)
    }
}

/// The one of `tags`, sorted without case, that a range stands for (RFC 4647 §3.4).
pub fn lookup<'p>(tags: &'p [Box<str>], mut range: &[u8]) -> Option<&'p str> {
    loop {
        if let Ok(found) = tags.binary_search_by(|tag| cmp_lower(tag.as_bytes(), range)) {
            return Some(&tags[found]);
        }
        range = &range[..memchr::memrchr(b'-', range)?];
        if let [.., b'-', _] = range {
            range = &range[..range.len() - 2];
        }
    }
}

/// A range and its weight.
fn read_element(element: &[u8]) -> Option<(&[u8], u16)> {
    let Some(end) = memchr::memchr(b';', element) else {
        return is_range(element).then_some((element, FULL));
    };
    let range = super::names::trim(&element[..end]);
    let weight = match super::names::trim(&element[end + 1..]) {
        [b'q' | b'Q', b'=', weight @ ..] => weight,
        _ => return None,
    };
    let (whole, fraction) = match weight {
        [whole] | [whole, b'.'] => (whole, &[][..]),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let most = match whole {
        b'0' => b'9',
        b'1' => b'0',
        _ => return None,
    };
    if !fraction.iter().all(|digit| (b'0'..=most).contains(digit)) || !is_range(range) {
        return None;
    }
    let places = [100, 10, 1].iter().zip(fraction);
    let thousandths = places.map(|(place, digit)| place * u16::from(digit - b'0')).sum::<u16>();
    Some((range, if *whole == b'1' { FULL } else { thousandths }))
}

fn is_range(range: &[u8]) -> bool {
    range == b"*" || is_tag(range)
}

/// Whether this is a tag as RFC 4647 §2.1 has them: up to 8 letters, then subtags of up to 8 letters or digits.
pub fn is_tag(tag: &[u8]) -> bool {
    let mut subtags = tag.split(|&b| b == b'-');
    subtags.next().is_some_and(|first| first.iter().all(u8::is_ascii_alphabetic))
        && tag.split(|&b| b == b'-').all(|subtag| (1..=8).contains(&subtag.len()))
        && subtags.all(|subtag| subtag.iter().all(u8::is_ascii_alphanumeric))
}

/// Appends a tag with the case of its subtags that RFC 5646 §2.1.1 recommends.
pub fn push_tag(tag: &[u8], out: &mut Vec<u8>) {
    let mut after_singleton = false;
    for (index, subtag) in tag.split(|&b| b == b'-').enumerate() {
        if index > 0 {
            out.push(b'-');
        }
        let start = out.len();
        out.extend_from_slice(subtag);
        let written = &mut out[start..];
        written.make_ascii_lowercase();
        let letters = written.iter().all(u8::is_ascii_alphabetic);
        match written {
            [_] => after_singleton = true,
            _ if index == 0 || after_singleton || !letters => {}
            [_, _] => written.make_ascii_uppercase(),
            [first, _, _, _] => first.make_ascii_uppercase(),
            _ => {}
        }
    }
}
