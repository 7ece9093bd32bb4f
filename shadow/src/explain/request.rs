//! The request to explain: an HTTP message as clients send it, or a line of an import.

use crossfade_exchange::Request;

use crate::import;

/// Reads a request: JSON in the form of `crossfade capture import --format jsonl` (`t` may be any instant), or an HTTP/1
/// message – request line, header lines, an empty line, the body. Lines may end with LF alone, as in a file.
///
/// # Errors
///
/// What is wrong and on which line.
pub fn read(text: &[u8]) -> Result<Request, String> {
    if text.first() == Some(&b'{') {
        return import::line(text.trim_ascii_end());
    }
    let mut left = text;
    let mut number = 0;
    let mut next = || {
        let end = left.iter().position(|&b| b == b'\n')?;
        let (line, rest) = (&left[..end], &left[end + 1..]);
        left = rest;
        number += 1;
        Some((number, line.strip_suffix(b"\r").unwrap_or(line)))
    };
    let (_, first) = next().ok_or("line 1: no request line; write for example: GET /orders?page=2 HTTP/1.1")?;
    let mut words = first.split(|&b| b == b' ');
    let (method, target) = match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(target), None, None) if !target.is_empty() => (method, target),
        (Some(method), Some(target), Some(version), None) if version.starts_with(b"HTTP/") => (method, target),
        _ => return Err("line 1: not METHOD TARGET HTTP/1.1".to_owned()),
    };
    let (raw_path, query) = match target.iter().position(|&b| b == b'?') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &b""[..]),
    };
    let mut headers = Vec::new();
    loop {
        let (number, line) = next().ok_or("the headers have no end: an empty line ends them")?;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|&b| b == b':').ok_or(format!("line {number}: a header is NAME: VALUE"))?;
        let value = line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]);
        headers.push((line[..colon].to_vec().into(), value.to_vec().into()));
    }
    Ok(Request {
        method: method.to_vec(),
        raw_path: raw_path.to_vec(),
        query: query.to_vec(),
        headers,
        body: Some(left.to_vec().into()),
        body_bytes: left.len() as u64,
        ..Request::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_sent() {
        let request = read(b"POST /a%2f?b=1 HTTP/1.1\r\nHost: a\r\nX-Y:  1\r\n\r\n{\"a\": 1}\n").unwrap();
        assert_eq!((&request.raw_path[..], &request.query[..]), (&b"/a%2f"[..], &b"b=1"[..]));
        assert_eq!(request.headers[1], (b"X-Y".to_vec().into(), b" 1".to_vec().into()));
        assert_eq!(request.body.unwrap().as_slice(), b"{\"a\": 1}\n");
        let bare = read(b"GET /\n\n").unwrap();
        assert_eq!((bare.method.as_slice(), bare.headers.len()), (&b"GET"[..], 0));
    }

    #[test]
    fn a_line_of_an_import_is_read() {
        let request =
            read(b"{\"t\": 0, \"method\": \"GET\", \"target\": \"/a?b\", \"client\": \"10.0.0.1\"}\n").unwrap();
        assert_eq!((&request.raw_path[..], &request.query[..]), (&b"/a"[..], &b"b"[..]));
        assert_eq!(request.peer.as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, what) in [
            (&b""[..], "line 1"),
            (b"GET\n\n", "line 1"),
            (b"GET / HTTP/1.1 x\n\n", "line 1"),
            (b"GET /\nhost a\n\n", "line 2"),
            (b"GET /\nhost: a\n", "no end"),
            (b"{\"t\": 0}", "method"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
