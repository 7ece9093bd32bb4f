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
    /// `header:NAME`: first value of that header, name in lower case. Its bytes are read as Latin-1, as ASGI frameworks
    /// read them, and the key holds them as UTF-8. An empty value is an absent one.
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
    /// Whether requests of different routes can meet in one key.
    pub fn crosses_routes(&self) -> bool {
        !self.parts.contains(&KeyPart::Route)
    }

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
                KeyPart::Header(name) => request.header(name.as_bytes()).filter(|value| !value.is_empty()),
                KeyPart::Given(name) => request.given(name).map(str::as_bytes),
            };
            match (bytes, &self.on_missing) {
                (Some(bytes), _) if matches!(part, KeyPart::Header(_)) => push_latin_1(bytes, out),
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

/// Appends Latin-1 as UTF-8.
fn push_latin_1(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.is_ascii() {
        out.extend_from_slice(bytes);
    } else {
        let mut buffer = [0; 4];
        for &byte in bytes {
            out.extend_from_slice(char::from(byte).encode_utf8(&mut buffer).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(on_missing: OnMissing, headers: &[(&[u8], &[u8])]) -> Result<Option<Vec<u8>>, Stop> {
        let parts = vec![
            KeyPart::Literal("api".into()),
            KeyPart::Client,
            KeyPart::Route,
            KeyPart::Given("tenant".into()),
            KeyPart::Header("x-key".into()),
        ];
        let request = Request {
            method: b"GET",
            raw_path: b"/",
            query: b"",
            headers,
            peer: None,
            body: b"",
            given: &[("other", "o"), ("tenant", "t")],
        };
        let mut out = b"before".to_vec();
        let applies = KeyTemplate { parts, on_missing }.write("r", "10.0.0.1", &request, &mut out)?;
        assert!(applies || out == b"before");
        Ok(applies.then(|| out.split_off(b"before".len())))
    }

    #[test]
    fn the_parts_are_joined_as_limits_joins_identifiers() {
        let key = |value: &[u8]| key(OnMissing::Reject, &[(b"X-Key", value), (b"x-key", b"second")]);
        assert_eq!(key(b"k/1"), Ok(Some(b"api/10.0.0.1/r/t/k/1".to_vec())));
        assert_eq!(key(b"\xe9"), Ok(Some("api/10.0.0.1/r/t/é".into())));
    }

    #[test]
    fn an_absent_or_empty_header_is_answered_by_the_policy() {
        for headers in [&[][..], &[(&b"x-key"[..], &b""[..])]] {
            let share = OnMissing::Share("anonymous".into());
            assert_eq!(key(share, headers), Ok(Some(b"api/10.0.0.1/r/t/anonymous".to_vec())));
            assert_eq!(key(OnMissing::Skip, headers), Ok(None));
            assert_eq!(key(OnMissing::Reject, headers), Err(Reason::whole("missing_key").into()));
        }
    }
}
