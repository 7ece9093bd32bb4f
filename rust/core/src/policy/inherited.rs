//! Keys that a route may have and that `[defaults]` may have for all routes.

use super::file::{Item, Section};
use super::headers::HeadersKeys;
use super::host::HostKeys;
use super::limits::Limits;
use super::rollout::RolloutKeys;
use super::target::TargetKeys;
use super::{AboveCap, LimitsCharge, LimitsStand, Outside, Rejects, UnsupportedPolicy};
use crate::limit::{LimitHeaders, LimitId};

/// Most limits that one request may hit: each is a look-up in the store.
pub(crate) const MAX_LIMITS_OF_A_ROUTE: usize = 16;

const LIMIT_HEADERS: [(&str, LimitHeaders); 4] = [
    ("none", LimitHeaders::None),
    ("flask-limiter", LimitHeaders::FlaskLimiter),
    ("slowapi", LimitHeaders::Slowapi),
    ("ietf-10", LimitHeaders::Ietf10),
];

/// In which order a route hits its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitsOrder {
    /// As the route lists them.
    Listed,
    /// Shorter units of time first, whatever their multiples: Flask-Limiter's order.
    Granularity,
}

/// What was said; what was not said is `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct Inherited {
    pub(super) limits: Option<Vec<LimitId>>,
    pub(super) limits_stand: Option<LimitsStand>,
    pub(super) limits_charge: Option<LimitsCharge>,
    pub(super) limits_order: Option<LimitsOrder>,
    pub(super) limit_headers: Option<LimitHeaders>,
    pub(super) rejects: Option<Rejects>,
    pub(super) outside: Option<Outside>,
    pub(super) unsupported: Option<UnsupportedPolicy>,
    pub(super) rollout: Option<RolloutKeys>,
    /// The bound and the line it stands on.
    pub(super) max_bytes: Option<(usize, usize)>,
    pub(super) target: Option<TargetKeys>,
    pub(super) host: Option<HostKeys>,
    pub(super) headers: Option<HeadersKeys>,
    pub(super) cutover_key: Option<LimitId>,
}

impl Inherited {
    pub(super) fn read(section: &Section<'_>, limits: &Limits<'_>) -> Self {
        Self {
            limits: section.get("limits").and_then(|item| limit_list(&item, limits)),
            limits_stand: section.get("limits_stand").and_then(|item| {
                item.choice(&[("before-body", LimitsStand::BeforeBody), ("after-body", LimitsStand::AfterBody)])
            }),
            limits_charge: section.get("limits_charge").and_then(|item| {
                item.choice(&[("sequential", LimitsCharge::Sequential), ("atomic", LimitsCharge::Atomic)])
            }),
            limits_order: section.get("limits_order").and_then(|item| {
                item.choice(&[("listed", LimitsOrder::Listed), ("granularity", LimitsOrder::Granularity)])
            }),
            limit_headers: section.get("limit_headers").and_then(|item| item.choice(&LIMIT_HEADERS)),
            rejects: section
                .get("rejects")
                .and_then(|item| item.choice(&[("control", Rejects::Control), ("problem+json", Rejects::ProblemJson)])),
            outside: section
                .get("outside")
                .and_then(|item| item.choice(&[("unsupported", Outside::Unsupported), ("reject", Outside::Reject)])),
            unsupported: section.get("unsupported").and_then(|item| unsupported(&item)),
            rollout: section.get("rollout").and_then(|item| RolloutKeys::read(&item)),
            max_bytes: section.get("max_bytes").and_then(|item| Some((size(&item)?, item.line()))),
            target: section.get("target").and_then(|item| TargetKeys::read(&item)),
            host: section.get("host").and_then(|item| HostKeys::read(&item)),
            headers: section.get("headers").and_then(|item| HeadersKeys::read(&item)),
            cutover_key: section.get("cutover_key").and_then(|item| cutover_key(&item, limits)),
        }
    }

    /// What holds for a route that says `route` where these are the defaults.
    pub(super) fn overridden_by(&self, route: Self) -> Self {
        let target = match (&self.target, route.target) {
            (Some(defaults), Some(keys)) => Some(defaults.overridden_by(keys)),
            (defaults, keys) => keys.or_else(|| defaults.clone()),
        };
        let host = match (&self.host, route.host) {
            (Some(defaults), Some(keys)) => Some(defaults.overridden_by(keys)),
            (defaults, keys) => keys.or_else(|| defaults.clone()),
        };
        let headers = match (&self.headers, route.headers) {
            (Some(defaults), Some(keys)) => Some(defaults.overridden_by(keys)),
            (defaults, keys) => keys.or_else(|| defaults.clone()),
        };
        let rollout = match (&self.rollout, route.rollout) {
            (Some(defaults), Some(keys)) => Some(defaults.overridden_by(keys)),
            (defaults, keys) => keys.or_else(|| defaults.clone()),
        };
        Self {
            limits: route.limits.or_else(|| self.limits.clone()),
            limits_stand: route.limits_stand.or(self.limits_stand),
            limits_charge: route.limits_charge.or(self.limits_charge),
            limits_order: route.limits_order.or(self.limits_order),
            limit_headers: route.limit_headers.or(self.limit_headers),
            rejects: route.rejects.or(self.rejects),
            outside: route.outside.or(self.outside),
            unsupported: route.unsupported.or(self.unsupported),
            rollout,
            max_bytes: route.max_bytes.or(self.max_bytes),
            target,
            host,
            headers,
            cutover_key: route.cutover_key.or(self.cutover_key),
        }
    }
}

fn limit_list(item: &Item<'_>, limits: &Limits<'_>) -> Option<Vec<LimitId>> {
    let texts = item.texts()?;
    if texts.len() > MAX_LIMITS_OF_A_ROUTE {
        item.complain(
            format_args!("names {} limits", texts.len()),
            format!("one request hits at most {MAX_LIMITS_OF_A_ROUTE}"),
        );
        return None;
    }
    let mut ids = Vec::new();
    for element in texts {
        let Some(id) = limits.named(item, element) else { continue };
        if ids.contains(&id) {
            let message = format!("{}: limit \"{}\" is named twice", item.place, element.text);
            item.file.complain(element.at, message, "a request counts once in one limit: name it once".to_owned());
        }
        ids.push(id);
    }
    Some(ids)
}

fn cutover_key(item: &Item<'_>, limits: &Limits<'_>) -> Option<LimitId> {
    item.text()?;
    let element = item.text_or_texts()?.into_iter().next()?;
    limits.named(item, element)
}

/// What holds unless a route says more: ten times what was seen on recorded traffic.
pub(super) const UNSUPPORTED: UnsupportedPolicy = UnsupportedPolicy { cap: 0.05, above: AboveCap::Alarm };

fn unsupported(item: &Item<'_>) -> Option<UnsupportedPolicy> {
    let section = item.section(format!("{}, unsupported", item.place))?;
    let cap = section.get("cap").map_or(Some(UNSUPPORTED.cap), |item| {
        let share = item.number()?;
        if !(0.0..=1.0).contains(&share) {
            item.complain(format_args!("is {share}"), "write a share of the requests, from 0 to 1".to_owned());
        }
        Some(share)
    });
    let above = section.get("above").map_or(Some(UNSUPPORTED.above), |item| {
        item.choice(&[("alarm", AboveCap::Alarm), ("reject", AboveCap::Reject)])
    });
    section.finish();
    Some(UnsupportedPolicy { cap: cap?, above: above? })
}

/// A size in bytes: a whole number, or a text like `64KiB`.
pub(super) fn size(item: &Item<'_>) -> Option<usize> {
    const MOST: u64 = 1 << 30;
    const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
    let Some(text) = item.raw().as_str() else {
        return item.whole(1, MOST).and_then(|bytes| usize::try_from(bytes).ok());
    };
    let bytes =
        UNITS.iter().find_map(|&(unit, factor)| count(text.strip_suffix(unit)?.trim_end())?.checked_mul(factor));
    let bytes = bytes.filter(|bytes| (1..=MOST).contains(bytes)).and_then(|bytes| usize::try_from(bytes).ok());
    if bytes.is_none() {
        let advice = "write \"64KiB\", \"1MiB\" (1024 each) or a number of bytes, at most \"1GiB\"";
        item.complain(format_args!("is \"{}\", which is no size", text.escape_debug()), advice.to_owned());
    }
    bytes
}

/// Decimal digits and nothing else.
pub(super) fn count(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
