//! Limit keys: who is counted, as text.

use crate::Request;
use crate::outcome::{Reason, Stop};

/// How the key of a limit is built: the parts joined by `/`, as `limits` joins identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTemplate {
    /// The parts in order; never empty.
    pub parts: Vec<KeyPart>,
    /// What happens when a part is absent.
    pub on_missing: OnMissing,
}

/// One part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    /// `client`: the client's address.
    Client,
    /// `route`: the name of the route.
    Route,
    /// `literal:TEXT`: the text itself.
    Literal(Box<str>),
    /// `header:NAME`: first value of that header, name in lower case.
    Header(Box<str>),
    /// `given:NAME`: a value that Python computed.
    Given(Box<str>),
}

/// What happens when a part of a key is absent from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnMissing {
    /// The text stands in for it: all requests without it share one key.
    Share(Box<str>),
    /// The limit is not applied.
    Skip,
    /// The request is refused with `missing_key`.
    Reject,
}

impl KeyTemplate {
    /// Appends the key of `request` to `out`. `Ok(false)`: the limit does not apply (and `out` is as it was).
    pub fn write(&self, route: &str, client: &str, request: &Request<'_>, out: &mut Vec<u8>) -> Result<bool, Stop> {
        let start = out.len();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                out.push(b'/');
            }
            let bytes = match part {
                KeyPart::Client => Some(client.as_bytes()),
                KeyPart::Route => Some(route.as_bytes()),
                KeyPart::Literal(text) => Some(text.as_bytes()),
                KeyPart::Header(name) => request.header(name.as_bytes()),
                KeyPart::Given(name) => {
                    request.given.iter().find(|(n, _)| *n == &**name).map(|(_, value)| value.as_bytes())
                }
            };
            match (bytes, &self.on_missing) {
                (Some(bytes), _) => out.extend_from_slice(bytes),
                (None, OnMissing::Share(text)) => out.extend_from_slice(text.as_bytes()),
                (None, OnMissing::Skip) => {
                    out.truncate(start);
                    return Ok(false);
                }
                (None, OnMissing::Reject) => return Err(Reason::whole("missing_key").into()),
            }
        }
        Ok(true)
    }
}
