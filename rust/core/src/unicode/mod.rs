//! The frozen sets and foldings: those of Unicode 14.0, the version of the oldest supported CPython (3.11).

mod assigned;
mod fold;
mod fold_table;
mod invisible;

pub use fold::{Folded, fold};
pub use invisible::{is_bidi_control, is_control, is_default_ignorable};

use assigned::RANGES;

/// Everything below this code point is assigned.
const FIRST_GAP: u32 = RANGES[0].1 + 1;

/// Whether every code point of `text` is assigned in Unicode 14.0.
///
/// Inside this set normalisation is the same in every later version of Unicode; outside it, it depends on whose tables
/// are asked.
pub fn all_assigned(text: &str) -> bool {
    // Neighbours in a text are neighbours in the code, so the range that held the last one is asked first.
    let mut range = (0, FIRST_GAP - 1);
    text.chars().map(u32::from).filter(|&code| code >= FIRST_GAP).all(|code| {
        if code < range.0 || code > range.1 {
            let Some(&found) = RANGES.get(RANGES.partition_point(|&(_, last)| last < code)) else { return false };
            range = found;
        }
        range.0 <= code
    })
}

/// Whether `text` is certainly assigned and in NFC, judged by ranges of common letters instead of tables.
pub fn is_settled(text: &str) -> bool {
    // No lead byte from that of U+0300 on: without an early end both passes are vectorised, and most texts need no more.
    text.is_ascii() || text.bytes().fold(0, u8::max) < 0xCC || text.chars().all(is_settled_char)
}

/// Assigned in 14.0, of combining class 0 and NFC_Quick_Check=Yes: it stays, and so does what stands beside it.
fn is_settled_char(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{2FF}' // Latin
            | '\u{391}'..='\u{3A1}' // Greek
            | '\u{3A3}'..='\u{3CE}'
            | '\u{400}'..='\u{482}' // Cyrillic
            | '\u{48A}'..='\u{52F}'
            | '\u{5D0}'..='\u{5EA}' // Hebrew
            | '\u{621}'..='\u{64A}' // Arabic
            | '\u{2010}'..='\u{2027}' // dashes, quotation marks, bullets
            | '\u{20A0}'..='\u{20C0}' // currencies
            | '\u{2190}'..='\u{21FF}' // arrows
            | '\u{3000}'..='\u{3029}' // CJK punctuation
            | '\u{3041}'..='\u{3096}' // kana
            | '\u{30A1}'..='\u{30FF}'
            | '\u{4E00}'..='\u{9FFF}' // Han
            | '\u{AC00}'..='\u{D7A3}' // Hangul syllables
            | '\u{FF01}'..='\u{FF60}' // full width
            | '\u{1F300}'..='\u{1F64F}' // emoji
    )
}

/// The 25 code points with the property White_Space, the same since Unicode 6.3.
pub fn is_white_space(c: char) -> bool {
    matches!(
        c,
        '\t'..='\r'
            | ' '
            | '\u{85}'
            | '\u{A0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200A}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202F}'
            | '\u{205F}'
            | '\u{3000}'
    )
}

/// The four that Python's `str.strip` removes although they are not White_Space: the information separators.
pub fn is_separator(c: char) -> bool {
    matches!(c, '\u{1C}'..='\u{1F}')
}

/// Whether neither end is anything but printing ASCII, so that no trimming has work to do.
fn has_plain_ends(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(b'!'..=b'~'), Some(b'!'..=b'~')))
}

/// `text` without White_Space at its ends.
pub fn trim(text: &str) -> &str {
    if has_plain_ends(text) {
        return text;
    }
    text.trim_matches(is_white_space)
}

/// `text` as Python's `str.strip()` leaves it: White_Space and the information separators removed.
pub fn strip(text: &str) -> &str {
    if has_plain_ends(text) {
        return text;
    }
    text.trim_matches(|c| is_white_space(c) || is_separator(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The search answers as a walk over the table does, at every edge of every range.
    #[test]
    fn the_search_finds_every_edge() {
        let walk = |code: u32| RANGES.iter().any(|&(first, last)| (first..=last).contains(&code));
        for (first, last) in RANGES {
            for code in [first.saturating_sub(1), first, last, last + 1] {
                if let Some(c) = char::from_u32(code) {
                    assert_eq!(all_assigned(c.encode_utf8(&mut [0; 4])), walk(code), "U+{code:04X}");
                }
            }
        }
    }

    /// The remembered range never speaks for a code point outside it.
    #[test]
    fn one_unassigned_code_point_is_enough() {
        for text in ["\u{378}", "漢字\u{378}", "\u{378}漢字", "é漢\u{E000}\u{10FFFF}", "\u{1FAF7}é"] {
            assert!(!all_assigned(text), "{text:?}");
        }
        assert!(all_assigned("plain, é, 漢字, \u{E000}, 🦀, \u{10FFFD}"));
    }

    /// What is settled needs neither table.
    #[test]
    fn settled_code_points_are_assigned_and_composed() {
        use unicode_normalization::{IsNormalized, char::canonical_combining_class, is_nfc_quick};
        for c in ('\0'..=char::MAX).filter(|c| is_settled_char(*c)) {
            assert!(all_assigned(c.encode_utf8(&mut [0; 4])), "U+{:04X}", u32::from(c));
            assert_eq!(is_nfc_quick(std::iter::once(c)), IsNormalized::Yes, "U+{:04X}", u32::from(c));
            assert_eq!(canonical_combining_class(c), 0, "U+{:04X}", u32::from(c));
        }
        assert!("\u{2FF}".bytes().all(|b| b < 0xCC) && !"\u{300}".bytes().all(|b| b < 0xCC));
    }

    /// Our set is the property: the standard library's newer tables have the same 25.
    #[test]
    fn white_space_is_the_property() {
        for c in '\0'..=char::MAX {
            assert_eq!(is_white_space(c), c.is_whitespace(), "U+{:04X}", u32::from(c));
        }
    }
}
