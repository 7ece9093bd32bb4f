//! Lines that two readers can take for two lengths of the body: request smuggling.

use super::lines::Line;
use super::names::Traits;
use crate::Request;
use crate::policy::HeadersPolicy;

/// Whether `Content-Length` and `Transfer-Encoding` say anything but one plain length, or `chunked`.
pub(super) fn is_in_conflict(policy: &HeadersPolicy, request: &Request<'_>, lines: &[Line]) -> bool {
    let (mut length, mut encoded) = (None, false);
    for line in lines {
        let traits = line.traits(policy);
        let value = line.value(request);
        if traits.has(Traits::CONTENT_LENGTH) {
            if !is_length(value) || length.is_some_and(|length| length != value) {
                return true;
            }
            length = Some(value);
        } else if traits.has(Traits::TRANSFER_ENCODING) {
            if encoded || value != b"chunked" {
                return true;
            }
            encoded = true;
        }
    }
    encoded && length.is_some()
}

/// One or more digits.
pub(super) fn is_length(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}
