//! The names of parameters that platforms append to links in order to recognise a click or a reader.
//!
//! docs/policy/target.md has the list with whose they are; a test compares the two. The names are in the digest of every
//! route that drops them. A name belongs here when no handler is known to need it, and when the privacy lists of more
//! than one browser or blocker strip it. Affiliate identifiers do not: services credit sales by them.

use super::NamePattern;

/// How a policy names the list.
pub(super) const LIST: &str = "@trackers";

/// Year and month of the list.
pub const VERSION: &str = "2026-11";

/// The names, as `drop` takes them.
pub const NAMES: [&str; 26] = [
    // campaign tags
    "utm_*",
    // Google
    "gclid",
    "gclsrc",
    "gbraid",
    "wbraid",
    "dclid",
    "gad_source",
    "gad_campaignid",
    "srsltid",
    // Meta
    "fbclid",
    "igshid",
    // Microsoft
    "msclkid",
    // X, TikTok, LinkedIn, Reddit, Snapchat, Pinterest
    "twclid",
    "ttclid",
    "li_fat_id",
    "rdt_cid",
    "ScCid",
    "epik",
    // Yandex
    "yclid",
    "ysclid",
    "_openstat",
    // Mailchimp, HubSpot, Marketo
    "mc_cid",
    "mc_eid",
    "_hsenc",
    "_hsmi",
    "mkt_tok",
];

pub(super) fn patterns() -> impl Iterator<Item = NamePattern> {
    NAMES.into_iter().map(NamePattern::of)
}
