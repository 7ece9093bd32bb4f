//! The JSON body: read once from input bytes, written once to output bytes, no tree in between.
//!
//! | module | what it owns |
//! |---|---|
//! | [`encoding`] | which bytes are a text at all |
//! | [`walk`] | the grammar, and the tree of field paths beside it |
//! | [`string`], [`number`], [`scan`] | the tokens, and finding their ends |
//! | [`members`] | the names of open objects: twice the same, or one with a rule |
//! | [`rule`] | what a field rule does to a value or to its absence |
//! | [`style`], [`run`] | how a profile writes, and copying only what differs |
//! | [`finding`] | what was wrong, and which of several findings counts |

mod encoding;
mod finding;
mod members;
mod number;
mod rule;
mod run;
mod scan;
mod string;
mod style;
mod walk;

use crate::outcome::{Part, Reason, Stop};
use crate::policy::{JsonPolicy, Profile, Route, RuleId};
use crate::{Request, Scratch};
use finding::{Findings, Halt, Outside};
use run::Runs;
use style::{Compact, Original, Python, PythonUtf8, Style};
use walk::Walk;

/// Containers within containers, the outermost counted: far above what people send, far below what a thread's stack
/// holds, here and in CPython (about 1,000).
const MAX_DEPTH: usize = 64;

/// Bytes that each work buffer keeps from one body to the next. Larger bodies are rare, and their buffers would stay
/// with every thread that ever saw one.
const KEEP: usize = 1 << 20;

/// Work space that is reused between bodies.
#[derive(Debug, Default)]
pub struct Work {
    names: members::Names,
    seen: Vec<bool>,
    texts: rule::Texts,
}

impl Work {
    fn clear(&mut self) {
        self.names.clear(KEEP);
        self.seen.clear();
        for text in [&mut self.texts.decoded, &mut self.texts.value] {
            text.clear();
            text.shrink_to(KEEP);
        }
    }
}

/// Bounds the body and, if the route says so and the content type is JSON, rewrites it into `scratch.body`.
///
/// # Errors
///
/// [`Stop::Invalid`] with `too_large`, `malformed_json`, `unknown_field` or the code of a field rule;
/// [`Stop::Outside`] with `json.…` or the code of an operation for what is outside the grammar.
pub fn normalize(route: &Route, request: &Request<'_>, scratch: &mut Scratch) -> Result<Part, Stop> {
    if route.max_body.is_some_and(|most| request.body.len() > most) {
        return Err(Reason::whole("too_large").into());
    }
    let Some(policy) = &route.json else { return Ok(Part::Same) };
    if request.body.is_empty() {
        return Ok(Part::Same);
    }
    match is_json(request.header(b"content-type").unwrap_or_default()) {
        Ok(true) => {}
        Ok(false) => return Ok(Part::Same),
        Err(outside) => return Err(outside.stop()),
    }
    let before = scratch.exercised.len();
    let rewritten = match policy.output {
        Profile::Original => rewrite::<Original>(policy, request.body, scratch),
        Profile::Compact => rewrite::<Compact>(policy, request.body, scratch),
        Profile::Python => rewrite::<Python>(policy, request.body, scratch),
        Profile::PythonUtf8 => rewrite::<PythonUtf8>(policy, request.body, scratch),
    };
    let part = match rewritten {
        Ok((part, findings)) => findings.verdict().map(|()| part),
        Err(Halt::Malformed) => Err(Reason::whole("malformed_json").into()),
        Err(Halt::Outside(what)) => Err(what.stop()),
    };
    if part.is_err() {
        scratch.exercised.truncate(before); // nothing goes on, so nothing was changed
    }
    part
}

/// Whether a content type says JSON: the media type alone, without its parameters.
fn is_json(content_type: &[u8]) -> Result<bool, Outside> {
    let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let media_type = &content_type[..end];
    // Python's strip() and lower() go beyond ASCII blanks and letters there.
    if !media_type.iter().all(|byte| is_blank(byte) || byte.is_ascii_graphic()) {
        return Err(Outside::ContentType);
    }
    let start = media_type.iter().position(|byte| !is_blank(byte)).unwrap_or(end);
    let end = media_type.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    let media_type = &media_type[start..end];
    let (json, text, suffix) = (b"application/json", b"text/json", b"+json");
    Ok(media_type.eq_ignore_ascii_case(json)
        || media_type.eq_ignore_ascii_case(text)
        || media_type.last_chunk::<5>().is_some_and(|end| end.eq_ignore_ascii_case(suffix)))
}

/// Reads `body` and writes what differs in style `S` into the scratch.
fn rewrite<S: Style>(policy: &JsonPolicy, body: &[u8], scratch: &mut Scratch) -> Result<(Part, Findings), Halt> {
    scratch.json.clear();
    scratch.body.clear();
    scratch.body.shrink_to(KEEP);
    let text = encoding::text(body)?;
    let Work { names, seen, texts } = &mut scratch.json;
    let exercised: &mut Vec<RuleId> = &mut scratch.exercised;
    let runs = Runs::new(body, &mut scratch.body);
    let mut walk = Walk { policy, text, runs, names, seen, texts, exercised, findings: Findings::default() };
    walk.document::<S>(policy.tree.first())?;
    let Walk { mut runs, findings, .. } = walk;
    if runs.is_untouched() {
        return Ok((Part::Same, findings));
    }
    runs.close(body.len());
    let part = if scratch.body == body { Part::Same } else { Part::Rewritten };
    Ok((part, findings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_compared_without_blanks_case_and_parameters() {
        for json in ["application/json", " Application/JSON\t; charset=utf-8", "text/json;", "application/vnd.api+json"]
        {
            assert_eq!(is_json(json.as_bytes()), Ok(true), "{json:?}");
        }
        for other in ["", ";", "  ", "application/jsonp", "application/x-www-form-urlencoded", "json", "+jso"] {
            assert_eq!(is_json(other.as_bytes()), Ok(false), "{other:?}");
        }
        for outside in ["application/json\u{a0}", "application/json\u{b}", "applicat\u{130}on/json"] {
            assert_eq!(is_json(outside.as_bytes()), Err(Outside::ContentType), "{outside:?}");
        }
        assert_eq!(is_json("application/json; charset=\u{e9}".as_bytes()), Ok(true));
    }
}
