//! What a route's structural limits bound: the most bytes of each part that are taken and that go on.

use super::{HeaderBounds, Route};
use crate::rollout::Rollout;
use crate::target::query;

/// The bound on one part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// `path`, `query`, `headers`, `body`.
    pub part: &'static str,
    /// Most bytes that come in; more are refused or outside. `None`: the policy bounds nothing.
    pub taken: Option<usize>,
    /// Most bytes that go on. It is safe, not tight.
    pub forwarded: Option<usize>,
}

impl Route {
    /// The bounds on the parts of a request, in the order in which they are normalised.
    ///
    /// A check that is not enforced bounds nothing. Where a part is not bounded here, the server in front of the service
    /// bounds it.
    pub fn bounds(&self) -> [Bound; 4] {
        let enforced = |code: &str| self.rollouts.of(code) == Rollout::Enforce;
        // These three hold for what goes on as for what comes.
        let both = |part, most: Option<usize>| Bound { part, taken: most, forwarded: most };
        let target = self.target.as_ref();
        let path = target.and_then(|target| target.max_bytes).filter(|_| enforced("path_too_long"));
        let query = target.and_then(|target| target.query.as_ref()).map(|_| query::MAX_BYTES);
        let headers = self.headers.as_ref().map(|headers| headers.bounds.bytes);
        let headers = headers.filter(|&most| most < usize::MAX && enforced("headers_too_large"));
        let body = self.max_body.filter(|_| enforced("too_large"));
        [
            both("path", path),
            both("query", query.filter(|_| enforced("query.length"))),
            both("headers", headers),
            Bound { part: "body", taken: body, forwarded: body.map(|most| self.most_body_bytes(most)) },
        ]
    }

    /// Structural limits that servers commonly have and this route does not enforce: key and value as a policy says them.
    ///
    /// They are recommended, never taken by themselves: what the stack in front enforces today is not known here.
    pub fn recommended(&self) -> Vec<(&'static str, &'static str)> {
        let enforced = |bounded: bool, code: &str| bounded && self.rollouts.of(code) == Rollout::Enforce;
        let headers = self.headers.as_ref().map(|headers| headers.bounds);
        let header = |bound: fn(HeaderBounds) -> usize| headers.is_some_and(|bounds| bound(bounds) < usize::MAX);
        let path = self.target.as_ref().is_some_and(|target| target.max_bytes.is_some());
        let params = self.form.as_ref().is_none_or(|form| form.max_params < usize::MAX);
        // The values of the servers and frameworks that bound such things at all, the middle of them.
        let all = [
            (enforced(path, "path_too_long"), ("target.max_bytes", "8190")),
            (enforced(header(|bounds| bounds.count), "too_many_headers"), ("headers.max_count", "100")),
            (enforced(header(|bounds| bounds.bytes), "headers_too_large"), ("headers.max_bytes", "\"32KiB\"")),
            (enforced(header(|bounds| bounds.value_bytes), "header_too_large"), ("headers.max_value_bytes", "8190")),
            (enforced(self.max_body.is_some(), "too_large"), ("max_bytes", "\"1MiB\"")),
            (self.form.is_none() || enforced(params, "too_many_fields"), ("form.max_params", "1000")),
        ];
        all.into_iter().filter(|(enforced, _)| !enforced).map(|(_, key)| key).collect()
    }
}
