//! One way in and one way out of MessagePack, with a bound on nesting.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Nesting a record may have. rmp-serde's own limit, 1024, lies beyond where a small thread's stack overflows.
const MAX_DEPTH: usize = 32;

/// A record that cannot be read.
#[derive(Debug)]
pub struct DecodeError(String);

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

/// Appends `value` to `out` as a MessagePack map with named fields.
pub fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    // Records hold no map with unknown length and no type that refuses to serialise; writing to a Vec cannot fail.
    if let Err(error) = rmp_serde::encode::write_named(out, value) {
        unreachable!("records always encode: {error}");
    }
}

/// Reads one value from the start of `bytes`; returns it with the number of bytes it took.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    let mut rest = bytes;
    let mut reader = rmp_serde::Deserializer::new(&mut rest);
    reader.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut reader).map_err(|error| DecodeError(error.to_string()))?;
    Ok((value, bytes.len() - rest.len()))
}
