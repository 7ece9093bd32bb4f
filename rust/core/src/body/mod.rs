//! The body: how large it may be, and what reads it.

mod growth;
pub(crate) mod judge;

use crate::head::content_type::is_json;
use crate::outcome::{Part, Reason, Stop};
use crate::policy::Route;
use crate::rollout::Checks;
use crate::{Request, Scratch, form, json};

/// Bounds the body and, if the route has a policy for its media type, rewrites it into `scratch.body`.
///
/// # Errors
///
/// [`Stop::Invalid`] with `too_large`, and what the body's own reader says; see docs/policy/bodies.md.
pub fn normalize(route: &Route, request: &Request<'_>, scratch: &mut Scratch) -> Result<Part, Stop> {
    if route.max_body.is_some_and(|most| request.body.len() > most) {
        Checks::new(&route.rollouts, &mut scratch.remarks).fired(Reason::whole("too_large").into())?;
    }
    let is_empty = request.body.is_empty();
    let is_missing = is_empty && route.json.as_ref().is_some_and(|json| json.required);
    let is_read = route.form.is_some() || (route.json.is_some() && !is_empty) || is_missing;
    if !is_read {
        return Ok(Part::Same);
    }
    let Some(media_type) = media_type(request.header(b"content-type").unwrap_or_default()) else {
        let why = if route.json.is_some() { "json.content_type" } else { "form.content_type" };
        return Err(Stop::outside(why));
    };
    if let Some(policy) = &route.json
        && !is_empty
        && is_json(media_type)
    {
        return json::normalize(policy, &route.rollouts, request.body, scratch);
    }
    match &route.form {
        Some(policy) if media_type.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") => {
            form::normalize(policy, &route.rollouts, request.body, scratch)
        }
        Some(_) if !is_empty && media_type.eq_ignore_ascii_case(b"multipart/form-data") => {
            Err(Stop::outside("form.multipart"))
        }
        _ if is_missing => Err(Reason::whole("missing_body").into()),
        _ => Ok(Part::Same),
    }
}

/// The media type of a content type, without parameters and the blanks around it. `None`: it is no ASCII text, where
/// Python's `strip()` and `lower()` go beyond ASCII blanks and letters.
fn media_type(content_type: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
    let media_type = &content_type[..end];
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    if !media_type.iter().all(|byte| is_blank(byte) || byte.is_ascii_graphic()) {
        return None;
    }
    let start = media_type.iter().position(|byte| !is_blank(byte)).unwrap_or(end);
    let end = media_type.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    Some(&media_type[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_compared_without_blanks_case_and_parameters() {
        for json in ["application/json", " Application/JSON\t; charset=utf-8", "text/json;", "application/vnd.api+json"]
        {
            assert!(media_type(json.as_bytes()).is_some_and(is_json), "{json:?}");
        }
        for other in ["", ";", "  ", "application/jsonp", "application/x-www-form-urlencoded", "json", "+jso"] {
            assert!(media_type(other.as_bytes()).is_some_and(|media_type| !is_json(media_type)), "{other:?}");
        }
        for outside in ["application/json\u{a0}", "application/json\u{b}", "applicat\u{130}on/json"] {
            assert_eq!(media_type(outside.as_bytes()), None, "{outside:?}");
        }
        assert!(media_type("application/json; charset=\u{e9}".as_bytes()).is_some_and(is_json));
    }
}
