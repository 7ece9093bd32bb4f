//! What a decision can be. Three kinds of "no": a bad request is a value ([`Outcome::Invalid`]), "I cannot judge this" is
//! a type of its own ([`Unsupported`]), a bug is a panic that the binding catches.

use crate::codes;
use crate::limit::LimitId;
use crate::policy::{Outside, RuleId};

/// What the candidate decided. The bytes of a normalised request are in the [`Scratch`](crate::Scratch) it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Goes on to the service behind, normalised.
    Accepted(Normalized),
    /// Refused by a limit.
    Limited {
        /// Which limit refused.
        limit: LimitId,
        /// Whole seconds until a retry can succeed, rounded up, at least 1 (RFC 9110 §10.2.3).
        retry_after: u32,
    },
    /// Refused for what it says.
    Invalid(Reason),
}

/// Which parts of the request were rewritten; a part that is `Same` goes on as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Normalized {
    /// The path.
    pub path: Part,
    /// The query.
    pub query: Part,
    /// The headers, the host among them.
    pub headers: Part,
    /// The body.
    pub body: Part,
}

impl Normalized {
    /// Nothing was rewritten.
    pub fn is_same(self) -> bool {
        self == Self::default()
    }
}

/// Where the bytes of one part are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// As the client sent it.
    #[default]
    Same,
    /// In the scratch buffer of that part.
    Rewritten,
}

/// Why a request is refused for what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// Stable code, e.g. `malformed_json`, `too_large`, `invalid_email`; listed in the chapters in docs/policy.
    pub code: &'static str,
    /// The field rule that refused, if one did.
    pub rule: Option<RuleId>,
}

impl Reason {
    /// A reason that belongs to the request as a whole.
    pub const fn whole(code: &'static str) -> Self {
        Self { code, rule: None }
    }
}

/// The candidate cannot judge this request; the control must. The text is a stable code, e.g. `json.duplicate_key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported(pub &'static str);

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unsupported: {}", self.0)
    }
}

impl std::error::Error for Unsupported {}

/// How a step of the decision ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The request is refused.
    Invalid(Reason),
    /// Something is outside the grammar: the control judges, or it is refused, as the route says.
    Outside {
        /// The code, e.g. `path.triplet`; one of [`codes::OUTSIDE`].
        why: &'static str,
        /// The field rule that cannot read its value, if it is one.
        rule: Option<RuleId>,
    },
}

impl Stop {
    /// A part of the request is outside the grammar.
    pub const fn outside(why: &'static str) -> Self {
        Self::Outside { why, rule: None }
    }

    /// What a route answers that treats what is outside as `outside`.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] where the control judges it.
    pub fn answer(self, outside: Outside) -> Result<Reason, Unsupported> {
        match (self, outside) {
            (Self::Invalid(reason), _) => Ok(reason),
            (Self::Outside { why, .. }, Outside::Unsupported) => Err(Unsupported(why)),
            (Self::Outside { why, rule }, Outside::Reject) => Ok(Reason { code: codes::refused_as(why), rule }),
        }
    }
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Invalid(reason)
    }
}
