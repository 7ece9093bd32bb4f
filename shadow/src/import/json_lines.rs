//! JSON lines, the way in for everything else.
//!
//! `{"t": RFC 3339 text or whole microseconds, "method": text, "target": text or "url": text, "headers": [[name, value]],
//! "client": text or null, "body": text or null, "body_b64": base64}`. Only `t`, `method` and one of `target` and `url`
//! must be there; other names are left alone. Text is taken as UTF-8; for bytes that are none, write `{"b64": base64}`.

use serde::Deserialize;

use super::target::{request, split, url};
use super::{Entry, base64, time};

#[derive(Deserialize)]
struct Line {
    t: Time,
    method: Text,
    target: Option<Text>,
    url: Option<Text>,
    #[serde(default)]
    headers: Option<Vec<(Text, Text)>>,
    client: Option<String>,
    body: Option<Text>,
    body_b64: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "t must be RFC 3339 text or whole microseconds since the epoch")]
enum Time {
    Micros(u64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected text, or {\"b64\": base64}")]
enum Text {
    Plain(String),
    Bytes { b64: String },
}

impl Text {
    fn bytes(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Plain(text) => Ok(text.into_bytes()),
            Self::Bytes { b64 } => unbase64(&b64),
        }
    }
}

pub(super) fn parse(line: &[u8]) -> Result<Entry, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| {
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
        format!("{reason} (column {})", error.column())
    })?;
    let received_at = match line.t {
        Time::Micros(micros) => micros,
        Time::Text(text) => time::instant(&text)?,
    };
    let target = match (line.target, line.url) {
        (Some(target), None) => split(&target.bytes()?),
        (None, Some(address)) => url(&address.bytes()?)?,
        (Some(_), Some(_)) => return Err("both target and url; one is needed".to_owned()),
        (None, None) => return Err("neither target nor url".to_owned()),
    };
    let body = match (line.body, line.body_b64) {
        (Some(_), Some(_)) => return Err("both body and body_b64; one is allowed".to_owned()),
        (Some(text), None) => Some(text.bytes()?),
        (None, Some(text)) => Some(unbase64(&text)?),
        (None, None) => None,
    };
    let mut headers = Vec::new();
    for (name, value) in line.headers.unwrap_or_default() {
        headers.push((name.bytes()?, value.bytes()?));
    }
    Ok(Entry { received_at, request: request(line.method.bytes()?, target, headers, line.client, body) })
}

fn unbase64(text: &str) -> Result<Vec<u8>, String> {
    base64::decode(text).ok_or_else(|| "not base64 as an encoder writes it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden lines.
    #[test]
    fn whole_lines() {
        let text = br#"{"src":"x","t":"2022-05-20T15:17:51.394Z","method":"PATCH","url":"https://api.example/v1/a b?q#f","headers":[["Accept","*/*"],["X-Y","\u00e9"]],"client":"10.0.0.1","body":"{\"id\":1}"}"#;
        let Entry { received_at, request } = parse(text).unwrap();
        assert_eq!(received_at, 1_653_059_871_394_000);
        assert_eq!((&request.raw_path[..], &request.query[..]), (&b"/v1/a%20b"[..], &b"q"[..]));
        let headers: Vec<_> = request.headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
        assert_eq!(headers, [(&b"host"[..], &b"api.example"[..]), (b"accept", b"*/*"), (b"x-y", "é".as_bytes())]);
        assert_eq!(request.body.unwrap().as_slice(), br#"{"id":1}"#);
        assert_eq!((request.body_bytes, request.peer.as_deref()), (8, Some("10.0.0.1")));

        let text = br#"{"t":7,"method":"POST","target":"/a?b","headers":[["content-length","12"],["x",{"b64":"/w=="}]],"client":null,"body":null}"#;
        let Entry { received_at, request } = parse(text).unwrap();
        assert_eq!((received_at, request.body, request.body_bytes, request.peer), (7, None, 12, None));
        assert_eq!(request.headers[1].1.as_slice(), b"\xFF");

        let request = parse(br#"{"t":7,"method":"POST","target":"/","body_b64":"/wA="}"#).unwrap().request;
        assert_eq!(request.body.unwrap().as_slice(), b"\xFF\0");
    }

    /// Law: what cannot be read says why.
    #[test]
    fn bad_lines() {
        for (text, reason) in [
            ("{", "EOF"),
            ("[]", "invalid"),
            (r#"{"method":"GET","target":"/"}"#, "missing field `t`"),
            (r#"{"t":1.5,"method":"GET","target":"/"}"#, "t must be"),
            (r#"{"t":-1,"method":"GET","target":"/"}"#, "t must be"),
            (r#"{"t":"yesterday","method":"GET","target":"/"}"#, "is no time"),
            (r#"{"t":1,"target":"/"}"#, "missing field `method`"),
            (r#"{"t":1,"method":"GET"}"#, "neither target nor url"),
            (r#"{"t":1,"method":"GET","target":"/","url":"/"}"#, "both target and url"),
            (r#"{"t":1,"method":"GET","url":"x"}"#, "neither absolute nor a path"),
            (r#"{"t":1,"method":"GET","target":"/","headers":[["a"]]}"#, "invalid length"),
            (r#"{"t":1,"method":"GET","target":"/","headers":[["a",1]]}"#, "expected text"),
            (r#"{"t":1,"method":"GET","target":"/","body":"a","body_b64":""}"#, "both body and body_b64"),
            (r#"{"t":1,"method":"GET","target":"/","body_b64":"!"}"#, "not base64"),
            (r#"{"t":1,"method":"GET","target":"/","body":"\ud800"}"#, "hex escape"),
        ] {
            let error = parse(text.as_bytes()).err().unwrap_or_else(|| panic!("{text} was read"));
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
