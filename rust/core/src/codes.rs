//! Every code that a decision can carry, named once: what policies, counters and docs speak of.
//!
//! Two kinds. What is *outside* is not read at all: its code names the part and what of it, joined by a dot. A *refusal*
//! is what the policy forbids.

/// What is outside the grammars, and the refusal that stands for it where a route says `outside = "reject"`.
///
/// In the order of the chapters in docs/policy. The part before the dot is the part of the request, or the operation of
/// a field.
pub const OUTSIDE: &[(&str, &str)] = &[
    // path
    ("path.form", "invalid_path"),
    ("path.character", "invalid_path"),
    ("path.triplet", "invalid_path"),
    ("path.encoded_reserved", "invalid_path"),
    ("path.encoded_special", "invalid_path"),
    ("path.dot_parameter", "invalid_path"),
    ("path.above_root", "invalid_path"),
    // query
    ("query.character", "invalid_query"),
    ("query.utf8", "invalid_query"),
    ("query.length", "invalid_query"),
    // host
    ("host.character", "invalid_host"),
    ("host.underscore", "invalid_host"),
    ("host.form", "invalid_host"),
    ("host.address", "invalid_host"),
    ("host.port", "invalid_host"),
    ("host.length", "invalid_host"),
    // headers
    ("header.name", "invalid_header"),
    ("header.value", "invalid_header"),
    ("header.obs_text", "invalid_header"),
    ("header.content_type", "invalid_header"),
    ("header.accept_language", "invalid_header"),
    // JSON bodies
    ("json.content_type", "content_type"),
    ("json.encoding", "malformed_json"),
    ("json.depth", "too_deep"),
    ("json.duplicate_key", "duplicate_key"),
    ("json.lone_surrogate", "lone_surrogate"),
    ("json.number_length", "number_length"),
    // forms
    ("form.content_type", "content_type"),
    ("form.multipart", "content_type"),
    ("form.character", "invalid_form"),
    ("form.utf8", "invalid_form"),
    // text
    ("text.separator", "invalid_text"),
    ("text.unassigned", "invalid_text"),
    ("text.case", "invalid_text"),
    // values
    ("date.form", "invalid_date"),
    ("timestamp.form", "invalid_timestamp"),
    ("timestamp.epoch", "invalid_timestamp"),
    ("uuid.form", "invalid_uuid"),
    ("email.form", "invalid_email"),
    ("integer.form", "invalid_integer"),
    ("integer.length", "invalid_integer"),
    ("decimal.form", "invalid_decimal"),
    ("decimal.range", "invalid_decimal"),
    ("enum.form", "invalid_enum"),
    ("phone.form", "invalid_phone"),
    ("phone.metadata", "invalid_phone"),
    ("ip.zone", "invalid_ip"),
    ("ip.mapped", "invalid_ip"),
    ("cidr.form", "invalid_cidr"),
    ("url.character", "invalid_url"),
    ("url.host", "invalid_url"),
    ("url.triplet", "invalid_url"),
];

/// Refusals of a request as a whole: those that a route can roll out one by one.
pub const REFUSALS: &[&str] = &[
    "missing_key",
    // path
    "path_too_long",
    "path_parameter",
    // query
    "too_many_parameters",
    "unknown_parameter",
    "bad_triplet",
    "nul_parameter",
    "parameter_too_long",
    "duplicate_parameter",
    "missing_parameter",
    // host
    "missing_host",
    "duplicate_host",
    "host_not_allowed",
    // headers
    "too_many_headers",
    "headers_too_large",
    "header_too_large",
    "header_underscore",
    "framing",
    "connection_names_protected",
    "duplicate_header",
    "duplicate_media_parameter",
    "json_charset",
    "missing_header",
    // bodies
    "too_large",
    "missing_body",
    "malformed_json",
    "too_deep",
    "too_many_keys",
    "too_many_items",
    "string_too_long",
    "unknown_field",
    "jcs_number",
    // forms
    "too_many_fields",
    "name_too_long",
    "value_too_long",
    "duplicate_field",
];

/// Refusals by a field's rule, which is rolled out as a whole.
pub const FIELD_REFUSALS: &[&str] = &[
    "missing",
    "rename_conflict",
    "null_value",
    "wrong_type",
    "too_long",
    "too_short",
    "control_character",
    "unassigned_character",
    "out_of_range",
    "invalid_date",
    "invalid_timestamp",
    "invalid_uuid",
    "invalid_email",
    "invalid_integer",
    "invalid_boolean",
    "invalid_decimal",
    "invalid_enum",
    "invalid_phone",
    "invalid_country",
    "invalid_currency",
    "invalid_language",
    "invalid_ip",
    "invalid_cidr",
    "invalid_url",
];

/// The refusal that stands for what is outside.
///
/// A code that is not in [`OUTSIDE`] is refused as itself.
pub fn refused_as(why: &'static str) -> &'static str {
    OUTSIDE.iter().find(|(code, _)| *code == why).map_or(why, |&(_, refusal)| refusal)
}

/// Codes of checks of a request as a whole, which `[route.rollout]` names: refusals, and what is outside but no value
/// of a field.
pub fn rolled_out() -> impl Iterator<Item = &'static str> {
    const PARTS: [&str; 6] = ["path", "query", "host", "header", "json", "form"];
    let parts = OUTSIDE.iter().map(|&(code, _)| code);
    parts
        .filter(|code| code.split_once('.').is_some_and(|(part, _)| PARTS.contains(&part)))
        .chain(REFUSALS.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_named_once_and_says_what_it_is() {
        let mut codes: Vec<&str> = OUTSIDE.iter().map(|(code, _)| *code).collect();
        assert!(codes.iter().all(|code| code.contains('.')));
        let refusals = REFUSALS.iter().chain(FIELD_REFUSALS);
        assert!(refusals.clone().all(|code| !code.contains('.')));
        codes.extend(refusals);
        codes.sort_unstable();
        let count = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
