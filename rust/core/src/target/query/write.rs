//! Writing.

use super::{Origin, Work};
use crate::policy::{Bare, QueryPolicy};
use crate::target::spelling::encoded;

/// Writes the pairs to `out`; says whether one of them was spelled differently in the query, `raw`.
pub(super) fn write(policy: &QueryPolicy, raw: &[u8], work: &Work, out: &mut Vec<u8>) -> bool {
    let Work { decoded, pairs, .. } = work;
    let mut respelled = false;
    for (index, pair) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        let start = out.len();
        encode(pair.name(decoded), policy.space_as_plus, out);
        if pair.origin != Origin::Bare || policy.bare == Bare::Empty {
            out.push(b'=');
            encode(pair.value(decoded), policy.space_as_plus, out);
        }
        respelled |= pair.origin != Origin::Made && out[start..] != raw[pair.raw as usize..pair.raw_end as usize];
    }
    respelled
}

/// Appends `text` with everything but A-Z a-z 0-9 - . _ ~ as triplets.
pub(crate) fn encode(text: &[u8], space_as_plus: bool, out: &mut Vec<u8>) {
    let mut left = text;
    while let Some(at) = left.iter().position(|b| !LITERAL[usize::from(*b)]) {
        out.extend_from_slice(&left[..at]);
        match left[at] {
            b' ' if space_as_plus => out.push(b'+'),
            byte => out.extend_from_slice(&encoded(byte)),
        }
        left = &left[at + 1..];
    }
    out.extend_from_slice(left);
}

const LITERAL: [bool; 256] = {
    let mut literal = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        literal[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    literal
};
