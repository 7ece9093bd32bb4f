//! The digest of a route's policy: what evidence is about.
//!
//! It is FNV-1a with 64 bits over a text of lines `name:length:value`, in the order of this file, after all defaults were
//! applied. It covers what decides a request of the route – matching, normalisation, keys, limits, the client policy and
//! the scope of the store – and how bodies are compared. It leaves out the gate, known differences, the file's name and
//! layout, and other routes.

use std::fmt::{Debug, Display};

use super::{
    AboveCap, Bounds, ClientPolicy, FieldRule, FormPolicy, HeadersPolicy, HostPolicy, JsonPolicy, Languages,
    LimitsCharge, QueryPolicy, RedisStore, Route, SharedStore, Store, TargetPolicy,
};
use crate::field::Op;
use crate::key::{KeyTemplate, OnMissing};
use crate::limit::{Cost, Flavour, Limit, LimitId};
use crate::rollout::Rollout;

/// Version of the text that is hashed: another one is another digest for every route.
const VERSION: u8 = 1;

/// 16 hex digits for a route. Its limits are looked up in `limits`.
pub(super) fn route(route: &Route, client: &ClientPolicy, store: &Store, limits: &[Limit]) -> Box<str> {
    let mut text = Text(0xcbf2_9ce4_8422_2325);
    text.line("crossfade route", VERSION);
    text.line("name", &route.name);
    for pattern in &route.patterns {
        text.line("match", pattern);
    }
    for network in &client.trusted_proxies {
        text.line("trusted", format_args!("{}/{}", network.address, network.prefix));
    }
    text.line("ipv6_prefix", client.ipv6_prefix);
    if client.ipv4_prefix < 32 {
        text.line("ipv4_prefix", client.ipv4_prefix);
    }
    if client.nat64 {
        text.line("nat64", client.nat64);
    }
    text.line("store", store.scheme());
    match store {
        Store::Memory { .. } => {}
        Store::Shared(SharedStore { on_full, .. }) => text.line("on_full", format_args!("{on_full:?}")),
        Store::Redis(RedisStore { counting, failure, key_prefix, namespace, .. }) => {
            text.line("counting", format_args!("{counting:?}"));
            text.line("failure", format_args!("{failure:?}"));
            text.line("key_prefix", key_prefix);
            text.line("namespace", namespace);
        }
    }
    text.line("limits_stand", format_args!("{:?}", route.limits_stand));
    text.unless("limits_charge", &route.limits_charge, &LimitsCharge::Sequential);
    for &id in &route.limits {
        limit(&mut text, "limit", id, limits);
    }
    if let Some(id) = route.cutover_key {
        limit(&mut text, "cutover_key", id, limits);
    }
    text.line("outside", format_args!("{:?}", route.outside));
    if route.unsupported.above == AboveCap::Reject {
        text.line("reject_above", route.unsupported.cap);
    }
    for (code, rollout) in route.rollouts.watched() {
        text.line("rollout", format_args!("{code} {rollout:?}"));
    }
    text.line("rejects", format_args!("{:?}", route.rejects));
    if let Some(most) = route.max_body {
        text.line("max_bytes", most);
    }
    if let Some(policy) = &route.target {
        target(&mut text, policy);
    }
    if let Some(policy) = &route.host {
        host(&mut text, policy);
    }
    if let Some(policy) = &route.headers {
        headers(&mut text, policy);
    }
    if let Some(policy) = &route.json {
        json(&mut text, policy);
    }
    if let Some(policy) = &route.form {
        form(&mut text, policy);
    }
    format!("{:016x}", text.0).into()
}

fn limit(text: &mut Text, what: &str, id: LimitId, limits: &[Limit]) {
    let Some(limit) = limits.get(usize::from(id.0)) else { return };
    text.line(what, &limit.name);
    text.line("rate", format_args!("{} per {}s", limit.rate.amount, limit.rate.window()));
    text.line("strategy", format_args!("{:?}", limit.strategy));
    text.unless("cost", &limit.cost, &Cost::default());
    text.unless("settles", &limit.settles, &false);
    text.unless("flavour", &limit.flavour, &Flavour::default());
    let KeyTemplate { parts, on_missing } = &limit.key;
    for part in parts {
        text.line("key", format_args!("{part:?}"));
    }
    match on_missing {
        OnMissing::Share(stand_in) => text.line("shared_as", stand_in),
        OnMissing::Skip => text.line("on_missing", "skip"),
        OnMissing::Reject => text.line("on_missing", "reject"),
    }
}

fn target(text: &mut Text, policy: &TargetPolicy) {
    text.line("merge_slashes", policy.merge_slashes);
    text.line("dots", format_args!("{:?}", policy.dots));
    text.line("encoded_reserved", format_args!("{:?}", policy.encoded_reserved));
    let unsaid = TargetPolicy::default();
    text.unless("path.max_bytes", &policy.max_bytes, &unsaid.max_bytes);
    text.unless("path.backslash", &policy.backslash, &unsaid.backslash);
    text.unless("path.encoded_special", &policy.encoded_special, &unsaid.encoded_special);
    text.unless("path.params", &policy.params, &unsaid.params);
    text.unless("path.trailing_slash", &policy.trailing_slash, &unsaid.trailing_slash);
    text.unless("path.case", &policy.case, &unsaid.case);
    if let Some(policy) = &policy.query {
        query(text, policy);
    }
}

fn query(text: &mut Text, query: &QueryPolicy) {
    for pattern in &*query.drop {
        text.line(if pattern.prefix { "drop_prefix" } else { "drop" }, &pattern.text);
    }
    text.line("sort", format_args!("{:?}", query.sort));
    text.line("space_as_plus", query.space_as_plus);
    let unsaid = QueryPolicy::default();
    text.unless("query.bad_triplet", &query.bad_triplet, &unsaid.bad_triplet);
    text.unless("query.nul", &query.nul, &unsaid.nul);
    text.unless("query.bare", &query.bare, &unsaid.bare);
    text.unless("query.duplicates", &query.duplicates, &unsaid.duplicates);
    text.unless("query.max_params", &query.max_params, &unsaid.max_params);
    text.unless("query.max_name_bytes", &query.max_name_bytes, &unsaid.max_name_bytes);
    text.unless("query.max_value_bytes", &query.max_value_bytes, &unsaid.max_value_bytes);
    if let Some(allow) = &query.allow {
        text.line("query.unknown", format_args!("{:?}", allow.unknown));
        for pattern in &*allow.names {
            text.line(if pattern.prefix { "query.allow_prefix" } else { "query.allow" }, &pattern.text);
        }
    }
    for name in query.expected.required() {
        text.line("query.required", name);
    }
    for (name, value) in query.expected.defaults() {
        text.line("query.default", name);
        text.line("query.default_value", value);
    }
}

fn host(text: &mut Text, policy: &HostPolicy) {
    text.line("host", policy.keep_underscore);
    for port in &policy.default_ports {
        text.line("default_port", port);
    }
    text.line("host_required", policy.required);
    if let Some(allow) = &policy.allow {
        allow.exact.iter().for_each(|host| text.line("allow", host));
        allow.below.iter().for_each(|host| text.line("allow_below", host));
    }
}

fn headers(text: &mut Text, policy: &HeadersPolicy) {
    text.line("headers", format_args!("{:?}", policy.underscore));
    text.line("keep_obs_text", policy.keep_obs_text);
    text.line("check_framing", policy.check_framing);
    text.line("remove_hop_by_hop", policy.remove_hop_by_hop);
    text.line("refuse_duplicates", policy.refuse_duplicates);
    text.line("join", policy.join);
    text.line("normalize_content_type", policy.normalize_content_type);
    match &policy.languages {
        Languages::Keep => {}
        Languages::Normalize => text.line("languages", "normalize"),
        Languages::Negotiate(negotiation) => {
            negotiation.tags.iter().for_each(|tag| text.line("tag", tag));
            text.line("languages", &negotiation.default);
        }
    }
    for (name, traits) in policy.known.iter() {
        text.line("known", format_args!("{name} {:x}", traits.bits()));
    }
    policy.drop_starts.iter().for_each(|start| text.line("drop_prefix", start));
    text.line("bounds", format_args!("{:?}", policy.bounds));
}

fn json(text: &mut Text, policy: &JsonPolicy) {
    text.line("output", format_args!("{:?}", policy.output));
    text.line("unknown", format_args!("{:?}", policy.unknown));
    text.line("compare", format_args!("{:?}", policy.compare));
    let (bounds, none) = (policy.bounds, Bounds::default());
    for (name, bound, none) in [
        ("max_depth", bounds.depth, none.depth),
        ("max_keys", bounds.keys, none.keys),
        ("max_items", bounds.items, none.items),
        ("max_string_bytes", bounds.string, none.string),
    ] {
        if bound != none {
            text.line(name, bound);
        }
    }
    if policy.required {
        text.line("body", "required");
    }
    for rule in &policy.fields {
        field(text, rule);
    }
}

fn form(text: &mut Text, policy: &FormPolicy) {
    for (name, bound) in [
        ("form max_params", policy.max_params),
        ("form max_name_bytes", policy.max_name_bytes),
        ("form max_value_bytes", policy.max_value_bytes),
    ] {
        text.line(name, bound);
    }
    text.line("form duplicates", format_args!("{:?}", policy.duplicates));
    text.line("form unknown", format_args!("{:?}", policy.unknown));
    for rule in &policy.fields {
        field(text, rule);
    }
}

/// A rule; what it leaves at its default since it could be said has no line.
fn field(text: &mut Text, rule: &FieldRule) {
    text.line("field", &rule.path);
    operation(text, &rule.op);
    text.line("wrong_type", format_args!("{:?}", rule.wrong_type));
    text.line("invalid", format_args!("{:?}", rule.invalid));
    text.line("required", rule.required);
    if let Some(default) = &rule.default {
        text.line("default", default);
    }
    if let Some(null) = rule.null {
        text.line("null", format_args!("{null:?}"));
    }
    if let Some(empty) = rule.empty {
        text.line("empty", format_args!("{empty:?}"));
    }
    if let Some(rename) = &rule.rename {
        text.line("rename", rename);
    }
    if rule.drop {
        text.line("drop", rule.drop);
    }
    if rule.rollout != Rollout::Enforce {
        text.line("rollout", format_args!("{:?}", rule.rollout));
    }
}

fn operation(text: &mut Text, op: &Op) {
    match op {
        Op::Enum(enumeration) => {
            for (spelling, canonical) in enumeration.names() {
                text.line("spelling", spelling);
                text.line("canonical", canonical);
            }
        }
        Op::Text(rule) => text_rule(text, rule),
        other => text.line("operation", other.signature()),
    }
}

/// What a rule may say since it can say more than steps and `max_chars` has lines of its own.
fn text_rule(text: &mut Text, rule: &crate::field::text::Text) {
    let crate::field::text::Text { steps, max_chars, max_bytes, min_chars, controls, unassigned } = rule;
    text.line("operation", format_args!("Text(Text {{ steps: {steps:?}, max_chars: {max_chars:?} }})"));
    if let Some(most) = max_bytes {
        text.line("max_bytes", most);
    }
    if let Some(least) = min_chars {
        text.line("min_chars", least);
    }
    if *controls != Default::default() {
        text.line("controls", format_args!("{controls:?}"));
    }
    if *unassigned != Default::default() {
        text.line("unassigned", format_args!("{unassigned:?}"));
    }
}

/// The state of the hash.
struct Text(u64);

impl Text {
    /// A line for a value that is not `unsaid`, so that a key that came later leaves other digests as they were.
    fn unless<T: Debug + PartialEq>(&mut self, name: &str, value: &T, unsaid: &T) {
        if value != unsaid {
            self.line(name, format_args!("{value:?}"));
        }
    }

    /// One line; the length keeps one value from looking like two.
    fn line(&mut self, name: &str, value: impl Display) {
        let value = value.to_string();
        for byte in format!("{name}:{}:{value}\n", value.len()).bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
