//! Traffic recorded by others, as exchanges: access logs, HAR files, JSON lines.
//!
//! Each record becomes one exchange of stage `imported` without observations: worker 0, sequence in input order, no
//! route. What a record does not say is left out, never made up. Header names are in lower case, as ASGI servers hand
//! them over. A record that cannot be read is reported with its place, and the import goes on.

mod base64;
mod combined;
mod har;
mod json_lines;
mod target;
mod time;

use std::io::{self, BufRead};

use crossfade_exchange::{Exchange, Request, record};

pub use time::{instant, rfc3339};

/// The request of one JSON line.
///
/// # Errors
///
/// What is wrong with it.
pub fn line(text: &[u8]) -> Result<crossfade_exchange::Request, String> {
    json_lines::parse(text).map(|entry| entry.request)
}

/// The longest record: a body of 10 MiB whose every byte is written as `\u00XX`.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// How recorded traffic is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Access log lines in Apache's combined or common format.
    Combined,
    /// HTTP Archive 1.2.
    Har,
    /// One JSON object per line: `t`, `method`, `target` or `url`, `headers`, `client`, `body` or `body_b64`.
    JsonLines,
}

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// Where: `access.log:17`.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// One record, read.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    received_at: u64,
    request: Request,
}

/// What takes exchanges and bad records in input order.
pub trait Sink: FnMut(Result<Exchange, Bad>) -> io::Result<()> {}

impl<F: FnMut(Result<Exchange, Bad>) -> io::Result<()>> Sink for F {}

/// One import of one or several files.
#[derive(Debug)]
pub struct Importer {
    format: Format,
    epoch: u64,
    start: Option<u64>,
    /// What is added to every time; known from the first record on.
    shift: Option<i128>,
    sequence: u64,
}

impl Importer {
    /// `epoch` tells this import apart from others. With `start`, all times move so that the first record is there.
    pub fn new(format: Format, epoch: u64, start: Option<u64>) -> Self {
        Self { format, epoch, start, shift: None, sequence: 0 }
    }

    /// Reads one input to its end. An error is one of reading it or one of the sink.
    pub fn read(&mut self, name: &str, mut input: impl BufRead, sink: &mut impl Sink) -> io::Result<()> {
        let mark: &[u8] = b"\xEF\xBB\xBF";
        if input.fill_buf().map_err(|error| named(name, &error))?.starts_with(mark) {
            input.consume(mark.len());
        }
        match self.format {
            Format::Combined => self.lines(name, input, combined::parse, sink),
            Format::JsonLines => self.lines(name, input, json_lines::parse, sink),
            Format::Har => har::read(input, &mut |place, entry| {
                let place = if place.is_empty() { name.to_owned() } else { format!("{name}: {place}") };
                sink(self.exchange(place, entry))
            }),
        }
    }

    fn lines(
        &mut self,
        name: &str,
        mut input: impl BufRead,
        parse: fn(&[u8]) -> Result<Entry, String>,
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            let whole = match read_line(&mut input, &mut line).map_err(|error| named(name, &error))? {
                Some(whole) => whole,
                None => break,
            };
            let text = line.trim_ascii();
            if text.is_empty() && whole {
                continue;
            }
            let entry = if whole { parse(text) } else { Err(format!("longer than {MAX_RECORD_BYTES} bytes")) };
            sink(self.exchange(format!("{name}:{number}"), entry))?;
        }
        Ok(())
    }

    fn exchange(&mut self, place: String, entry: Result<Entry, String>) -> Result<Exchange, Bad> {
        let moved = entry.and_then(|entry| Ok((self.moved(entry.received_at)?, entry.request)));
        let (received_at, request) = moved.map_err(|reason| Bad { place, reason })?;
        let sequence = self.sequence;
        self.sequence += 1;
        Ok(Exchange {
            version: record::VERSION,
            received_at,
            epoch: self.epoch,
            sequence,
            stage: "imported".to_owned(),
            request,
            ..Exchange::default()
        })
    }

    fn moved(&mut self, received_at: u64) -> Result<u64, String> {
        let Some(start) = self.start else { return Ok(received_at) };
        let shift = *self.shift.get_or_insert(i128::from(start) - i128::from(received_at));
        let moved = i128::from(received_at) + shift;
        u64::try_from(moved).map_err(|_| "moved to before 1970 by --start".to_owned())
    }
}

/// Reads one line without its end; `None` at the end of the input, `false` if it is too long and was skipped.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut any, mut whole) = (false, true);
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any.then_some(whole));
        }
        any = true;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        whole = whole && line.len() + piece.len() <= MAX_RECORD_BYTES;
        if whole {
            line.extend_from_slice(piece);
        }
        let used = piece.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(Some(whole));
        }
    }
}

fn named(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

#[cfg(test)]
fn import(format: Format, start: Option<u64>, text: &[u8]) -> Vec<Result<Exchange, String>> {
    let mut all = Vec::new();
    Importer::new(format, 7, start)
        .read("in", text, &mut |one: Result<Exchange, Bad>| {
            all.push(one.map_err(|bad| format!("{}: {}", bad.place, bad.reason)));
            Ok(())
        })
        .unwrap();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Law: every record is an exchange or a bad record, in input order; a bad one takes no sequence number.
    #[test]
    fn records_in_order() {
        let text = b"\xEF\xBB\xBF{\"t\":5,\"method\":\"GET\",\"target\":\"/a\"}\r\n\n  \nno\n{\"t\":6,\"method\":\"GET\",\"target\":\"/b\"}";
        let all = import(Format::JsonLines, None, text);
        assert_eq!(all.len(), 3);
        let first = all[0].as_ref().unwrap();
        assert_eq!((first.received_at, first.sequence, first.epoch, first.worker), (5, 0, 7, 0));
        assert_eq!((first.stage.as_str(), first.route.as_str(), first.version), ("imported", "", record::VERSION));
        assert!(all[1].as_ref().unwrap_err().starts_with("in:4: "), "{:?}", all[1]);
        assert_eq!(all[2].as_ref().unwrap().sequence, 1);
    }

    /// Law: with a start, distances stay; what would lie before 1970 is bad.
    #[test]
    fn times_move_together() {
        let text = b"{\"t\":50,\"method\":\"GET\",\"target\":\"/\"}\n{\"t\":40,\"method\":\"GET\",\"target\":\"/\"}\n{\"t\":39,\"method\":\"GET\",\"target\":\"/\"}";
        let all = import(Format::JsonLines, Some(10), text);
        assert_eq!(all[0].as_ref().unwrap().received_at, 10);
        assert_eq!(all[1].as_ref().unwrap().received_at, 0);
        assert!(all[2].as_ref().unwrap_err().contains("before 1970"));
    }

    /// Law: a line beyond the bound is reported, not buffered, and the next one is read.
    #[test]
    fn lines_are_bounded() {
        let mut text = vec![b'x'; MAX_RECORD_BYTES + 1];
        text.extend_from_slice(b"\n{\"t\":1,\"method\":\"GET\",\"target\":\"/\"}");
        let all = import(Format::JsonLines, None, &text);
        assert!(all[0].as_ref().unwrap_err().contains("longer than"));
        assert!(all[1].is_ok());
    }
}
