//! Writing a form: as Python's `urlencode` does.

use super::Work;
use crate::target::query::write::encode;

/// Writes all pairs that stay.
pub(super) fn write(work: &Work, out: &mut Vec<u8>) {
    for pair in work.pairs.iter().filter(|pair| !pair.is_gone) {
        if !out.is_empty() {
            out.push(b'&');
        }
        encode(&work.text[pair.name.clone()], true, out);
        out.push(b'=');
        encode(&work.text[pair.value.clone()], true, out);
    }
}
