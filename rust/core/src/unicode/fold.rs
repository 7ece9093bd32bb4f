//! Full case folding of Unicode 14.0: `str.casefold` of CPython 3.11, code point by code point.

use super::fold_table::{RUNS, SEVERAL};

/// What a code point folds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folded {
    /// Itself.
    Same,
    /// Another one.
    One(char),
    /// Two or three.
    Several(&'static str),
}

/// What `c` folds to.
///
/// Unicode promises that what is assigned never folds otherwise; what 14.0 does not assign folds to itself here.
pub fn fold(c: char) -> Folded {
    if c.is_ascii() {
        return if c.is_ascii_uppercase() { Folded::One(c.to_ascii_lowercase()) } else { Folded::Same };
    }
    if matches!(c, '\u{2D00}'..='\u{A63F}' | '\u{AC00}'..='\u{FAFF}') {
        return Folded::Same; // Han, kana, Hangul: long texts without case need no search
    }
    let code = u32::from(c);
    if let Some(&(first, _, step, distance)) = RUNS.get(RUNS.partition_point(|&(_, last, ..)| last < code))
        && first <= code
        && (code - first).is_multiple_of(u32::from(step))
    {
        // Every distance of the table leads to a code point; a test walks over them.
        return code.checked_add_signed(distance).and_then(char::from_u32).map_or(Folded::Same, Folded::One);
    }
    match SEVERAL.binary_search_by_key(&code, |&(code, _)| code) {
        Ok(found) => Folded::Several(SEVERAL[found].1),
        Err(_) => Folded::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row of the table is found, and nothing else folds.
    #[test]
    fn the_table_is_found_from_end_to_end() {
        let runs: usize =
            RUNS.iter().map(|&(first, last, step, _)| ((last - first) / u32::from(step) + 1) as usize).sum();
        let (mut ones, mut several) = (0, 0);
        for c in '\0'..=char::MAX {
            match fold(c) {
                Folded::Same => {}
                Folded::One(folded) => {
                    assert_ne!(folded, c);
                    ones += 1;
                }
                Folded::Several(folded) => {
                    assert!((2..=3).contains(&folded.chars().count()), "U+{:04X}", u32::from(c));
                    several += 1;
                }
            }
        }
        assert_eq!((ones, several), (runs, SEVERAL.len()));
    }

    /// Folding twice is folding once.
    #[test]
    fn what_is_folded_stays() {
        for c in '\0'..=char::MAX {
            match fold(c) {
                Folded::Same => {}
                Folded::One(folded) => assert_eq!(fold(folded), Folded::Same, "U+{:04X}", u32::from(c)),
                Folded::Several(folded) => {
                    assert!(folded.chars().all(|c| fold(c) == Folded::Same), "U+{:04X}", u32::from(c));
                }
            }
        }
    }

    #[test]
    fn some_fold_to_what_one_would_not_guess() {
        for (c, folded) in [
            ('\u{B5}', Folded::One('\u{3BC}')),
            ('ς', Folded::One('σ')),
            ('\u{212A}', Folded::One('k')),
            ('\u{345}', Folded::One('ι')),
            ('\u{AB70}', Folded::One('\u{13A0}')),
            ('\u{13A0}', Folded::Same),
            ('ı', Folded::Same),
            ('İ', Folded::Several("i\u{307}")),
            ('ẞ', Folded::Several("ss")),
            ('\u{1E921}', Folded::One('\u{1E943}')),
        ] {
            assert_eq!(fold(c), folded, "U+{:04X}", u32::from(c));
        }
    }
}
