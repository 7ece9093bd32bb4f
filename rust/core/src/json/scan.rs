//! Finding the end of things, eight bytes at a time.

use super::style::Style;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Position of the first byte from `at` on that cannot simply be copied inside a string: `"`, `\`, a control character
/// and, where the style writes ASCII only, DEL and everything above. The length if there is none.
#[inline]
pub(super) fn string_stop<S: Style>(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let stops = stops::<S>(u64::from_le_bytes(word));
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if is_stop::<S>(byte) {
            break;
        }
        at += 1;
    }
    at
}

/// The high bit of each byte that is a stop. Bytes after the first stop may be marked wrongly, because carries and
/// borrows run upward; the first one never is.
#[inline]
fn stops<S: Style>(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * 0x20);
    let quote = (word ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    let low = control | quote | backslash;
    let stops = if S::ASCII { low | word | word.wrapping_add(ONES) } else { low & !word };
    stops & HIGH
}

#[inline]
fn is_stop<S: Style>(byte: u8) -> bool {
    matches!(byte, 0..b' ' | b'"' | b'\\') || (S::ASCII && byte >= 0x7f)
}

/// Position of the first byte from `at` on that is not RFC 8259 white space.
#[inline]
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            break;
        }
        at += 1;
    }
    at
}

/// Position of the first byte from `at` on that is not an ASCII digit.
#[inline]
pub(super) fn skip_digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::style::{Compact, Python};
    use super::*;
    use proptest::prelude::*;

    fn slowly<S: Style>(bytes: &[u8], at: usize) -> usize {
        bytes[at..].iter().position(|&b| is_stop::<S>(b)).map_or(bytes.len(), |found| at + found)
    }

    proptest! {
        #[test]
        fn words_and_bytes_find_the_same_stop(bytes in prop::collection::vec(any::<u8>(), 0..60), plain in 0usize..20) {
            let bytes = [vec![b'a'; plain], bytes].concat();
            for at in 0..=bytes.len() {
                prop_assert_eq!(string_stop::<Python>(&bytes, at), slowly::<Python>(&bytes, at));
                prop_assert_eq!(string_stop::<Compact>(&bytes, at), slowly::<Compact>(&bytes, at));
            }
        }
    }
}
