//! Request targets and URLs, in the parts that a request has.

use crossfade_exchange::Request;
use serde_bytes::ByteBuf;

/// Path, query and, where the target names one, host.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub raw_path: Vec<u8>,
    pub query: Vec<u8>,
    pub host: Option<Vec<u8>>,
}

/// The target of a request line: origin form, absolute form, or whatever somebody sent.
pub(super) fn split(target: &[u8]) -> Target {
    let (host, rest) = match authority(target) {
        Some((host, rest)) => (Some(host.to_vec()), rest),
        None => (None, target),
    };
    let mut parts = rest.splitn(2, |&byte| byte == b'?');
    let path = parts.next().unwrap_or_default();
    let path = if path.is_empty() && host.is_some() { b"/" } else { path };
    Target { raw_path: path.to_vec(), query: parts.next().unwrap_or_default().to_vec(), host }
}

/// A URL as a tool records it: no fragment, and bytes that no request line can hold percent-encoded.
pub(super) fn url(url: &[u8]) -> Result<Target, String> {
    if authority(url).is_none() && !url.starts_with(b"/") {
        return Err("the URL is neither absolute nor a path".to_owned());
    }
    let url = url.split(|&byte| byte == b'#').next().unwrap_or_default();
    let mut clean = Vec::with_capacity(url.len());
    for &byte in url {
        match byte {
            0x21..=0x7E => clean.push(byte),
            _ => clean.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    Ok(split(&clean))
}

/// Host and the rest of `scheme://user@host/rest`.
fn authority(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = target.iter().position(|&byte| byte == b':')?;
    let (scheme, rest) = (&target[..colon], target[colon..].strip_prefix(b"://")?);
    let named = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if !named {
        return None;
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let host = rest[..end].rsplit(|&byte| byte == b'@').next().unwrap_or_default();
    Some((host, &rest[end..]))
}

/// Puts a request together. The host of the target stands first unless a header names one, and a body that was not kept
/// has the length that its header says.
pub(super) fn request(
    method: Vec<u8>,
    target: Target,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    peer: Option<String>,
    body: Option<Vec<u8>>,
) -> Request {
    let mut all: Vec<(ByteBuf, ByteBuf)> = Vec::with_capacity(headers.len() + 1);
    for (mut name, value) in headers {
        name.make_ascii_lowercase();
        all.push((ByteBuf::from(name), ByteBuf::from(value)));
    }
    if let Some(host) = target.host
        && !all.iter().any(|(name, _)| name.as_slice() == b"host")
    {
        all.insert(0, (ByteBuf::from("host"), ByteBuf::from(host)));
    }
    let body_bytes = match &body {
        Some(body) => body.len() as u64,
        None => all
            .iter()
            .find(|(name, _)| name.as_slice() == b"content-length")
            .and_then(|(_, value)| std::str::from_utf8(value).ok()?.trim().parse().ok())
            .unwrap_or(0),
    };
    Request {
        method,
        raw_path: target.raw_path,
        query: target.query,
        headers: all,
        peer,
        body: body.map(ByteBuf::from),
        body_bytes,
        given: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(target: &Target) -> (&str, &str, Option<&str>) {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        (text(&target.raw_path), text(&target.query), target.host.as_deref().map(text))
    }

    /// Law: a target keeps its bytes; only an absolute one gives a host.
    #[test]
    fn targets() {
        assert_eq!(parts(&split(b"/a//b?x=1?y#z")), ("/a//b", "x=1?y#z", None));
        assert_eq!(parts(&split(b"http://u:p@h:80/a?b")), ("/a", "b", Some("h:80")));
        assert_eq!(parts(&split(b"http://h?b")), ("/", "b", Some("h")));
        assert_eq!(parts(&split(b"/http://h/")), ("/http://h/", "", None));
        assert_eq!(parts(&split(b"*")), ("*", "", None));
        assert_eq!(parts(&split(b"h:443")), ("h:443", "", None));
        assert_eq!(parts(&split(b"")), ("", "", None));
    }

    /// Law: a URL loses its fragment and gets encoded where a request line could not hold it.
    #[test]
    fn urls() {
        assert_eq!(parts(&url("https://h/ä b?q=ü#f".as_bytes()).unwrap()), ("/%C3%A4%20b", "q=%C3%BC", Some("h")));
        assert_eq!(parts(&url(b"/a%20b").unwrap()), ("/a%20b", "", None));
        assert!(url(b"a/b").is_err());
        assert!(url(b"").is_err());
    }
}
