//! The decoding that queries and forms share: WHATWG URL, `application/x-www-form-urlencoded` parsing.

use crate::target::spelling::triplet;

/// Appends `raw` to `out`: `+` is a space, a triplet a byte, and what is none stays as it is. Says whether all triplets
/// were some.
pub(crate) fn decode(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let mut good = true;
    let mut left = raw;
    while let Some(at) = memchr::memchr2(b'%', b'+', left) {
        out.extend_from_slice(&left[..at]);
        let special = left[at];
        left = &left[at + 1..];
        match (special, triplet(left)) {
            (b'+', _) => out.push(b' '),
            (_, Some(byte)) => {
                out.push(byte);
                left = &left[2..];
            }
            (_, None) => {
                out.push(b'%');
                good = false;
            }
        }
    }
    out.extend_from_slice(left);
    good
}
