//! What an exchange weighs in a queue.

use crossfade_exchange::{Exchange, Observation, Outcome};
use serde_bytes::ByteBuf;

/// What a header takes beside its bytes, and what an exchange takes beside the parts whose size a client chooses, about.
const HEADER: usize = 64;
const REST: usize = 1_024;

/// The bytes that an exchange holds, about.
pub(crate) fn weight(exchange: &Exchange) -> usize {
    let request = &exchange.request;
    REST + request.raw_path.len()
        + request.query.len()
        + headers(&request.headers)
        + length(&request.body)
        + forwarded(&exchange.control)
        + forwarded(&exchange.candidate)
}

fn forwarded(observation: &Option<Observation>) -> usize {
    match observation {
        Some(Observation { outcome: Some(Outcome::Accepted(forward)), .. }) => {
            let parts = length(&forward.path) + length(&forward.query) + length(&forward.body);
            parts + forward.headers.as_deref().map_or(0, headers)
        }
        _ => 0,
    }
}

fn length(part: &Option<ByteBuf>) -> usize {
    part.as_ref().map_or(0, |bytes| bytes.len())
}

fn headers(pairs: &[(ByteBuf, ByteBuf)]) -> usize {
    pairs.iter().map(|(name, value)| HEADER + name.len() + value.len()).sum()
}
