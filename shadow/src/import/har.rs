//! HTTP Archive files: `log.entries[].request`, one entry in memory at a time.
//!
//! HTTP/2's pseudo headers are no headers; `:authority` is the host. A body is what `postData.text` says; the parameters
//! of a form alone do not tell its bytes, so such a body counts as not kept.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::target::{request, url};
use super::{Entry, MAX_RECORD_BYTES, base64, time};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    started_date_time: String,
    request: Asked,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
    post_data: Option<Body>,
    #[serde(default)]
    body_size: i64,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Body {
    text: Option<String>,
    encoding: Option<String>,
}

type Take<'a> = dyn FnMut(&str, Result<Entry, String>) -> io::Result<()> + 'a;

/// Reads a whole file; hands over every entry with its place in the file.
pub(super) fn read(input: impl Read, take: &mut Take<'_>) -> io::Result<()> {
    let left = Rc::new(Cell::new(MAX_RECORD_BYTES));
    let bounded = Bounded { input, left: Rc::clone(&left) };
    let mut walk = Walk { take, left, number: 0, found: false, broken: None };
    let mut json = serde_json::Deserializer::from_reader(io::BufReader::new(bounded));
    let read = Level { walk: &mut walk, name: "log" }.deserialize(&mut json).and_then(|()| json.end());
    if let Some(error) = walk.broken {
        return Err(error);
    }
    match read {
        Ok(()) if walk.found => Ok(()),
        Ok(()) => (walk.take)("", Err("no log.entries: this is no HAR file".to_owned())),
        Err(error) if error.is_io() => Err(error.into()),
        // Where the text is broken nothing tells where the next entry begins.
        Err(error) => (walk.take)("", Err(format!("{error}; the rest of the file cannot be read"))),
    }
}

fn entry(text: &str) -> Result<Entry, String> {
    let recorded: Recorded = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Asked { method, url: address, headers, post_data, body_size } = recorded.request;
    let received_at = time::instant(&recorded.started_date_time)?;
    let mut target = url(address.as_bytes())?;
    let mut kept = Vec::new();
    for Header { name, value } in headers {
        match name.strip_prefix(':') {
            Some("authority") => target.host = Some(value.into_bytes()),
            Some(_) => {}
            None => kept.push((name.into_bytes(), value.into_bytes())),
        }
    }
    let body = match post_data {
        Some(Body { text: Some(text), encoding: Some(encoding) }) if encoding == "base64" => {
            Some(base64::decode(&text).ok_or("postData.text is not base64")?)
        }
        Some(Body { text: Some(text), .. }) => Some(text.into_bytes()),
        _ => None,
    };
    let unkept = body.is_none();
    let mut request = request(method.into_bytes(), target, kept, None, body);
    if unkept && request.body_bytes == 0 {
        // -1: not known.
        request.body_bytes = u64::try_from(body_size).unwrap_or(0);
    }
    Ok(Entry { received_at, request })
}

struct Walk<'a, 'b> {
    take: &'a mut Take<'b>,
    left: Rc<Cell<usize>>,
    number: u64,
    found: bool,
    /// An error of the sink, on its way out through the parser.
    broken: Option<io::Error>,
}

/// Descends into the member `name` of an object and leaves the others out.
struct Level<'w, 'a, 'b> {
    walk: &'w mut Walk<'a, 'b>,
    name: &'static str,
}

impl<'de> DeserializeSeed<'de> for Level<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Level<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {:?}", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key != self.name {
                map.next_value::<IgnoredAny>()?;
            } else if self.name == "log" {
                map.next_value_seed(Level { walk: self.walk, name: "entries" })?;
            } else {
                map.next_value_seed(Entries(self.walk))?;
            }
        }
        Ok(())
    }
}

struct Entries<'w, 'a, 'b>(&'w mut Walk<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Entries<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let walk = self.0;
        walk.found = true;
        walk.left.set(MAX_RECORD_BYTES);
        // As raw text first: an entry of the wrong shape is one bad entry, not the end of the file.
        while let Some(text) = entries.next_element::<Box<RawValue>>()? {
            walk.number += 1;
            walk.left.set(MAX_RECORD_BYTES);
            if let Err(error) = (walk.take)(&format!("entry {}", walk.number), entry(text.get())) {
                walk.broken = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// Bounds what lies between two entries.
struct Bounded<R> {
    input: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        let left = self.left.get().checked_sub(length).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, format!("an entry is longer than {MAX_RECORD_BYTES} bytes"))
        })?;
        self.left.set(left);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, import};

    const ENTRY: &str = r#"{"startedDateTime":"2024-05-01T12:00:00.123+02:00","time":3,"response":{"content":{"text":"\ud83d"}},"request":{
        "method":"POST","url":"https://api.example/v1/a?b=c#d","httpVersion":"h2","bodySize":7,
        "headers":[{"name":":authority","value":"api.example:444"},{"name":":method","value":"POST"},{"name":"Accept","value":"*/*"}],
        "postData":{"mimeType":"text/plain","text":"héllo"}}}"#;

    fn har(entries: &[&str]) -> Vec<u8> {
        format!(r#"{{"log":{{"version":"1.2","pages":[],"entries":[{}],"comment":""}},"x":1}}"#, entries.join(","))
            .into_bytes()
    }

    /// Golden entry. A response that is no valid text does not matter.
    #[test]
    fn a_whole_entry() {
        let all = import(Format::Har, None, &har(&[ENTRY]));
        let exchange = all[0].as_ref().unwrap();
        let request = &exchange.request;
        assert_eq!(exchange.received_at, 1_714_557_600_123_000);
        assert_eq!((&request.raw_path[..], &request.query[..]), (&b"/v1/a"[..], &b"b=c"[..]));
        let headers: Vec<_> = request.headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
        assert_eq!(headers, [(&b"host"[..], &b"api.example:444"[..]), (b"accept", b"*/*")]);
        assert_eq!((request.body.as_ref().unwrap().as_slice(), request.body_bytes), ("héllo".as_bytes(), 6));
    }

    /// Law: an entry of the wrong shape is reported by its number, the others are read.
    #[test]
    fn bad_entries() {
        let body = ENTRY.replace("\"text\":\"héllo\"", "\"params\":[]");
        let bytes = ENTRY.replace("\"text\":\"héllo\"", "\"encoding\":\"base64\",\"text\":\"/w==\"");
        let all = import(Format::Har, None, &har(&["3", ENTRY, r#"{"request":{}}"#, &body, &bytes]));
        assert_eq!(all.len(), 5);
        assert!(all[0].as_ref().unwrap_err().starts_with("in: entry 1: "));
        assert!(all[2].as_ref().unwrap_err().starts_with("in: entry 3: missing field"));
        let unkept = &all[3].as_ref().unwrap().request;
        assert_eq!((unkept.body.as_ref(), unkept.body_bytes), (None, 7));
        assert_eq!(all[4].as_ref().unwrap().request.body.as_ref().unwrap().as_slice(), b"\xFF");
    }

    /// Law: where the text is broken, what came before is read and the rest is reported once.
    #[test]
    fn broken_text() {
        let whole = har(&[ENTRY, ENTRY]);
        let all = import(Format::Har, None, &whole[..whole.len() - 40]);
        assert_eq!(all.len(), 2);
        assert!(all[0].is_ok());
        assert!(all[1].as_ref().unwrap_err().contains("the rest of the file"));
        for text in ["{}", r#"{"log":{}}"#, "[]", "", r#"{"log":{"entries":3}}"#] {
            let all = import(Format::Har, None, text.as_bytes());
            assert!(matches!(&all[..], [Err(_)]), "{text}: {all:?}");
        }
    }
}
