//! Access log lines: `client ident user [time] "request" status bytes "referer" "agent"`.
//!
//! Referer and agent may be missing (common log format), and anything may follow. A request line that no server would
//! understand still is a request that came in: its first word is the method, the rest the target. Quotes, backslashes
//! and control characters are escaped as Apache (`\"`, `\\`, `\n`, `\x16`) and nginx (`\x22`) do.

use super::target::{request, split};
use super::{Entry, time};

/// Length of `10/Oct/2000:13:55:36 -0700`.
const TIME_BYTES: usize = 26;

pub(super) fn parse(line: &[u8]) -> Result<Entry, String> {
    let (client, rest) = word(line);
    let peer = match std::str::from_utf8(client) {
        Ok("-") => None,
        Ok(client) => Some(client.to_owned()),
        Err(_) => return Err("the client is not UTF-8".to_owned()),
    };
    // A user name may contain anything, also a bracket: the time is the first that reads as one.
    let found = rest.windows(TIME_BYTES + 3).enumerate().find_map(|(at, bytes)| {
        let text = bytes.strip_prefix(b" [")?.strip_suffix(b"]")?;
        Some((at + bytes.len(), time::common_log(text)?))
    });
    let Some((end, received_at)) = found else {
        return Err("no time such as [10/Oct/2000:13:55:36 -0700]".to_owned());
    };
    let (line, rest) = match rest[end..].strip_prefix(b" ").map(quoted) {
        Some(Some(found)) => found,
        _ => return Err("no request line in quotes after the time".to_owned()),
    };
    let (status, rest) = word(rest.strip_prefix(b" ").unwrap_or_default());
    if status.len() != 3 || !status.iter().all(u8::is_ascii_digit) {
        return Err("no status after the request line".to_owned());
    }
    let (bytes, rest) = word(rest.strip_prefix(b" ").unwrap_or_default());
    if bytes != b"-" && (bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit)) {
        return Err("no size after the status".to_owned());
    }
    let mut headers = Vec::new();
    let mut rest = rest;
    for name in [&b"referer"[..], b"user-agent"] {
        let Some(text) = rest.strip_prefix(b" \"") else { break };
        let Some((value, after)) = quoted(&rest[rest.len() - text.len() - 1..]) else {
            return Err("a quote is not closed".to_owned());
        };
        if value != b"-" {
            headers.push((name.to_vec(), value));
        }
        rest = after;
    }
    let (method, target) = request_line(&line);
    Ok(Entry { received_at, request: request(method.to_vec(), split(target), headers, peer, None) })
}

/// Up to the next space, and from it on.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|&byte| byte == b' ').unwrap_or(text.len()))
}

/// Method and target; the protocol may be missing, and a target may contain spaces.
fn request_line(line: &[u8]) -> (&[u8], &[u8]) {
    let (method, rest) = word(line);
    let target = rest.trim_ascii_start();
    match target.iter().rposition(|&byte| byte == b' ') {
        Some(space) if target[space + 1..].starts_with(b"HTTP/") => (method, &target[..space]),
        _ if target.starts_with(b"HTTP/") => (method, b""),
        _ => (method, target),
    }
}

/// What a quoted text says, and what follows it.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut out = Vec::new();
    loop {
        match rest {
            [] => return None,
            [b'"', after @ ..] => return Some((out, after)),
            [b'\\', escape, after @ ..] => {
                let plain = match escape {
                    b'"' | b'\\' => Some(*escape),
                    b'n' => Some(b'\n'),
                    b'r' => Some(b'\r'),
                    b't' => Some(b'\t'),
                    b'b' => Some(8),
                    b'v' => Some(11),
                    b'f' => Some(12),
                    _ => None,
                };
                rest = after;
                match (plain, escape, after) {
                    (Some(byte), ..) => out.push(byte),
                    (None, b'x', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                        out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                        rest = after;
                    }
                    _ => out.extend_from_slice(&[b'\\', *escape]),
                }
            }
            [byte, after @ ..] => {
                out.push(*byte);
                rest = after;
            }
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::super::{Format, import};
    use super::*;

    const TIME: u64 = 971_211_336_000_000;

    fn line(request: &str) -> Entry {
        parse(format!("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] \"{request}\" 200 5 \"-\" \"-\"").as_bytes()).unwrap()
    }

    fn target(request: &str) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let entry = line(request);
        (entry.request.method, entry.request.raw_path, entry.request.query)
    }

    fn owned(method: &[u8], path: &[u8], query: &[u8]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        (method.to_vec(), path.to_vec(), query.to_vec())
    }

    /// Golden line.
    #[test]
    fn a_whole_line() {
        let text = br#"2001:db8::7 - frank [the] cat [10/Oct/2000:13:55:36 -0700] "HEAD /a//b?x=1 HTTP/1.1" 200 - "https://example.org/" "Say \"hi\" \x41gent" 0.004"#;
        let all = import(Format::Combined, None, text);
        let exchange = all[0].as_ref().unwrap();
        let request = &exchange.request;
        assert_eq!((exchange.received_at, request.peer.as_deref()), (TIME, Some("2001:db8::7")));
        assert_eq!(
            (&request.method[..], &request.raw_path[..], &request.query[..]),
            (&b"HEAD"[..], &b"/a//b"[..], &b"x=1"[..])
        );
        let headers: Vec<_> = request.headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
        assert_eq!(headers, [(&b"referer"[..], &b"https://example.org/"[..]), (b"user-agent", b"Say \"hi\" Agent")]);
        assert_eq!((request.body.as_ref(), request.body_bytes), (None, 0));
    }

    /// Law: every request line gives a request, and no byte of its target is lost or changed.
    #[test]
    fn odd_request_lines() {
        assert_eq!(target("-"), owned(b"-", b"", b""));
        assert_eq!(target(""), owned(b"", b"", b""));
        assert_eq!(target("GET /"), owned(b"GET", b"/", b""));
        assert_eq!(target("GET / a b HTTP/1.0"), owned(b"GET", b"/ a b", b""));
        assert_eq!(target("GET  /x HTTP/1.0"), owned(b"GET", b"/x", b""));
        assert_eq!(target("OPTIONS * HTTP/1.1"), owned(b"OPTIONS", b"*", b""));
        assert_eq!(target(r"\x16\x03\x01"), owned(b"\x16\x03\x01", b"", b""));
        assert_eq!(target(r#"GET /\"q\"?a=\\&b=\x22\xff\q HTTP/1.1"#), owned(b"GET", b"/\"q\"", b"a=\\&b=\"\xFF\\q"));
        assert_eq!(target(r"GET /http:\\/\\/h/ HTTP/1.1"), owned(b"GET", br"/http:\/\/h/", b""));
        let proxied = line("GET http://example.org/a HTTP/1.1").request;
        assert_eq!((&proxied.raw_path[..], proxied.headers[0].1.as_slice()), (&b"/a"[..], &b"example.org"[..]));
    }

    /// Law: the common log format, without referer and agent, is read as well.
    #[test]
    fn common_log_format() {
        let entry = parse(br#"h.example - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 304 0"#).unwrap();
        assert_eq!((entry.request.peer.as_deref(), entry.request.headers.len()), (Some("h.example"), 0));
    }

    /// Law: what cannot be read says why.
    #[test]
    fn bad_lines() {
        let bad = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert!(bad("what is this").contains("no time"));
        assert!(bad("h - - [10/Oct/2000:13:55:36] \"GET / HTTP/1.0\" 200 1").contains("no time"));
        assert!(bad("h - - [10/Oct/2000:13:55:36 -0700] GET / 200 1").contains("no request line"));
        assert!(bad("h - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\\\" 200 1").contains("no request line"));
        assert!(bad("h - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\"-\"-\" \"agent\"").contains("no status"));
        assert!(bad("h - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\" 200").contains("no size"));
        assert!(bad("h - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\" 200 1 \"-\" \"cut").contains("not closed"));
        assert!(parse(b"\xFF - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1").is_err());
    }
}
