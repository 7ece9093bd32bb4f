//! Buffers that one thread uses again and again, so that a decision allocates nothing once they have grown.

use std::ops::Range;

use crate::Timestamp;
use crate::limit::{Hit, Limit, LimitCharge, LimitId, Limiter};
use crate::policy::{MAX_LIMITS_OF_A_ROUTE, Policy, RuleId};
use crate::rollout::Remarks;

/// Rules whose ids are kept room for: a body of a megabyte may exercise one for every few bytes, and is rare.
const KEPT_RULES: usize = 1 << 16;

/// Everything a decision writes. Owned by the caller, one per thread; each decision starts by clearing it.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The canonical path, when [`Normalized::path`](crate::Normalized) says `Rewritten`.
    pub path: Vec<u8>,
    /// The canonical query, likewise.
    pub query: Vec<u8>,
    /// The rewritten body, likewise.
    pub body: Vec<u8>,
    /// The rewritten headers, likewise.
    pub headers: crate::head::HeaderList,
    /// The client's address as limits count it: `10.1.2.3`, `2001:db8::/64` or `unknown`.
    pub client: String,
    /// The instant of the last decision.
    pub now: Timestamp,
    /// Rules that changed a value in this decision, in order, with repeats.
    pub exercised: Vec<RuleId>,
    /// What checks would have done that are not enforced.
    pub remarks: Remarks,
    /// Work space of the JSON transcoder.
    pub json: crate::json::Work,
    /// Work space of the host and the headers.
    pub head: crate::head::Work,
    /// Work space of a form body.
    pub form: crate::form::Work,
    /// Work space of the query.
    pub pairs: crate::target::query::Work,
    keys: Vec<u8>,
    charges: Vec<ChargeSpan>,
    hits: Vec<Hit>,
    gave_back: bool,
}

#[derive(Debug, Clone)]
struct ChargeSpan {
    limit: LimitId,
    key: Range<usize>,
    cost: u64,
}

/// One hit of one limit: what a decision asked of the limiter, refused hits included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge<'a> {
    /// The limit that was hit.
    pub limit: LimitId,
    /// Who was counted: the parts of the limit's key joined by `/`, as `limits` joins identifiers.
    pub key: &'a [u8],
    /// How much was asked for.
    pub cost: u64,
}

impl Scratch {
    /// Empty buffers; they grow with use and are kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// The charges of the last decision, in the order they were made.
    pub fn charges(&self) -> impl ExactSizeIterator<Item = Charge<'_>> {
        self.charges.iter().map(|c| Charge { limit: c.limit, key: &self.keys[c.key.clone()], cost: c.cost })
    }

    /// What the limiter answered, charge by charge. A refusal ends them: the charges after it have none.
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// The places in flight that the last decision took under limits of `policy`, and has not given back.
    pub fn places<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = Charge<'a>> {
        let hits = self.charges().zip(&self.hits);
        hits.filter(|(charge, hit)| {
            !self.gave_back && hit.admitted && policy.limit(charge.limit).strategy.is_concurrent()
        })
        .map(|(c, _)| c)
    }

    /// Notes that the places taken are given back.
    pub(crate) fn gave_back(&mut self) {
        self.gave_back = true;
    }

    /// Forgets the last decision and keeps the memory.
    pub fn clear(&mut self) {
        self.path.clear();
        self.query.clear();
        self.body.clear();
        self.headers.clear();
        self.client.clear();
        self.exercised.clear();
        self.exercised.shrink_to(KEPT_RULES);
        self.remarks.clear();
        self.keys.clear();
        self.charges.clear();
        self.hits.clear();
        self.gave_back = false;
    }

    /// Records a charge whose key `write` appends, given the client's text; `Ok(false)` means that nothing is charged.
    pub(crate) fn charge<E>(
        &mut self,
        limit: LimitId,
        cost: u64,
        write: impl FnOnce(&str, &mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let start = self.keys.len();
        let applies = write(&self.client, &mut self.keys).inspect_err(|_| self.keys.truncate(start))?;
        if applies {
            self.charges.push(ChargeSpan { limit, key: start..self.keys.len(), cost });
        }
        Ok(applies)
    }

    /// Makes the hit of the charge that was recorded last; whether it was granted. Without a charge nothing is asked.
    pub(crate) fn hit(&mut self, limit: &Limit, limiter: &impl Limiter, now: Timestamp) -> bool {
        let Some(charge) = self.charges.last() else { return true };
        let hit = limiter.hit(limit, &self.keys[charge.key.clone()], charge.cost, now);
        self.hits.push(hit);
        hit.admitted
    }

    /// Makes the hits of all charges at once.
    ///
    /// # Errors
    ///
    /// The limit that refused; then nothing was consumed.
    pub(crate) fn hit_all(&mut self, policy: &Policy, limiter: &impl Limiter, now: Timestamp) -> Result<(), LimitId> {
        let Self { keys, charges, hits, .. } = self;
        let charge = |span: &ChargeSpan| LimitCharge {
            limit: policy.limit(span.limit),
            key: &keys[span.key.clone()],
            cost: span.cost,
        };
        let Some(first) = charges.first() else { return Ok(()) };
        // On the stack: a decision allocates nothing.
        let mut all = [charge(first); MAX_LIMITS_OF_A_ROUTE];
        for (slot, span) in all.iter_mut().zip(charges.iter()) {
            *slot = charge(span);
        }
        let asked = &all[..charges.len().min(MAX_LIMITS_OF_A_ROUTE)];
        limiter.hit_all(asked, now, hits).map_err(|refused| {
            // Those before it were not granted either.
            hits.iter_mut().for_each(|hit| hit.admitted = false);
            charges[refused].limit
        })
    }
}
