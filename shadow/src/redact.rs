//! What may be shown of a client's value: its type, a class of its length and a keyed hash.
//!
//! Equal values have equal hashes inside one report, so that a pattern can be seen; the key is made anew for each
//! report and thrown away, so that nobody can try likely values.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use sha2::{Digest, Sha256};

use crate::compare::Value;

/// Bytes of a value that are shown where showing is allowed.
const SHOWN_BYTES: usize = 200;

/// Shows values, or what may be shown of them.
pub struct Redactor {
    key: [u8; 32],
    show_values: bool,
}

impl Redactor {
    /// A redactor with a key of its own. With `show_values` nothing is hidden.
    pub fn new(show_values: bool) -> Self {
        let mut key = [0; 32];
        for (index, chunk) in key.chunks_mut(8).enumerate() {
            // Keys of RandomState come from the operating system.
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_usize(index);
            chunk.copy_from_slice(&hasher.finish().to_ne_bytes());
        }
        Self { key, show_values }
    }

    /// The text for `value`. Words of ours are always shown.
    pub fn value(&self, value: &Value) -> String {
        match value {
            Value::Absent => "absent".to_owned(),
            Value::Word(word) => shown(word.as_bytes()),
            Value::Bytes(bytes) => self.bytes("bytes", bytes),
            Value::Json(raw) => self.bytes(json_type(raw), raw),
        }
    }

    /// The text for bytes of the client.
    pub fn bytes(&self, kind: &str, bytes: &[u8]) -> String {
        if self.show_values {
            return shown(bytes);
        }
        let digest = Sha256::new().chain_update(self.key).chain_update(bytes).finalize();
        let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{kind} {} #{hash}", length_class(bytes.len()))
    }
}

/// The type of a JSON text.
fn json_type(raw: &[u8]) -> &'static str {
    match raw.first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// Lengths by powers of two: enough to see a truncation, not enough to recognise a value.
fn length_class(length: usize) -> String {
    match length {
        0 => "empty".to_owned(),
        1 => "1 byte".to_owned(),
        2 => "2 bytes".to_owned(),
        _ => {
            let top = length.next_power_of_two();
            format!("{}–{top} bytes", top / 2 + 1)
        }
    }
}

/// Bytes as text, with everything that could act on a terminal or a page made visible.
pub fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN_BYTES)];
    let mut out = String::new();
    for chunk in cut.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control()
                || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
            {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if cut.len() < bytes.len() {
        out.push('…');
    }
    out
}
