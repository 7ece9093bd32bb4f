//! Finding the end of things, many bytes at a time.

use std::array;

use super::style::Style;

/// Bytes that are looked at together. The compiler makes vector instructions of it.
const BLOCK: usize = 16;

/// Position of the first byte from `at` on that cannot simply be copied inside a string: `"`, `\`, a control character
/// and, where the style writes ASCII only, DEL and everything above. The length if there is none.
#[inline(never)]
pub(super) fn string_stop<S: Style>(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let stops = u128::from_le_bytes(array::from_fn(|i| if is_stop::<S>(block[i]) { 0xff } else { 0 }));
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += BLOCK;
    }
    while let Some(&byte) = bytes.get(at) {
        if is_stop::<S>(byte) {
            break;
        }
        at += 1;
    }
    at
}

/// Without `||`, so that many can be computed at once.
#[inline(always)]
fn is_stop<S: Style>(byte: u8) -> bool {
    let is_control = byte < b' ';
    let is_high = S::ASCII & (byte >= 0x7f);
    (byte == b'"') | (byte == b'\\') | is_control | is_high
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
        fn blocks_and_bytes_find_the_same_stop(bytes in prop::collection::vec(any::<u8>(), 0..60), plain in 0usize..20) {
            let bytes = [vec![b'a'; plain], bytes].concat();
            for at in 0..=bytes.len() {
                prop_assert_eq!(string_stop::<Python>(&bytes, at), slowly::<Python>(&bytes, at));
                prop_assert_eq!(string_stop::<Compact>(&bytes, at), slowly::<Compact>(&bytes, at));
            }
        }
    }
}
