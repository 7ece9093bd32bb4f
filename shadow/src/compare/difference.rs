//! One difference between two observations.

use serde::Serialize;

/// Differences that are listed of one exchange; a hostile body must not make a list as long as itself.
const MAX_DIFFERENCES: usize = 64;

/// Bytes of a value that are kept once it was judged: enough for an example.
const KEPT_BYTES: usize = 512;

/// One difference between the sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: `outcome`, `limit`, `retry_after`, `charges`, `path`, `query` or a place in the body such as
    /// `$.items[*].price`. `$` alone is the body as a whole.
    pub place: String,
    /// What kind of difference it is.
    pub kind: Kind,
    /// The limit it is about, if it is about one.
    pub limit: Option<String>,
    /// What the control has there.
    pub control: Value,
    /// What the candidate has there.
    pub candidate: Value,
    /// Position of the first byte that differs, where the value is a whole body.
    pub offset: Option<usize>,
}

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The sides decided differently.
    Outcome,
    /// The control raised an exception that is no outcome.
    Raised,
    /// Both refused, for another reason.
    Code,
    /// Both refused, for another field.
    Field,
    /// Another limit.
    Limit,
    /// Another key was counted.
    Key,
    /// Another cost was counted.
    Cost,
    /// Another value.
    Value,
    /// A value of another JSON type.
    Type,
    /// One side has it, the other has not.
    Absent,
    /// The same JSON value in other bytes: number text, escapes, order of members, white space.
    Spelling,
    /// Bodies that are not both JSON, or are nested too deeply to be compared field by field.
    Bytes,
    /// More differences than are listed of one exchange.
    More,
    /// The candidate panicked.
    Failed,
}

impl Kind {
    /// The word in tables; the same as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Raised => "raised",
            Self::Code => "code",
            Self::Field => "field",
            Self::Limit => "limit",
            Self::Key => "key",
            Self::Cost => "cost",
            Self::Value => "value",
            Self::Type => "type",
            Self::Absent => "absent",
            Self::Spelling => "spelling",
            Self::Bytes => "bytes",
            Self::More => "more",
            Self::Failed => "failed",
        }
    }
}

/// What one side has at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Absent,
    /// A word of the policy or of ours: an outcome, a limit, a code, a number of seconds. Never the client's.
    Word(String),
    /// Bytes that came from the client.
    Bytes(Vec<u8>),
    /// JSON text that came from the client.
    Json(Vec<u8>),
}

impl Difference {
    /// A difference that is about no limit.
    pub fn new(place: &str, kind: Kind, control: Value, candidate: Value) -> Self {
        Self { place: place.to_owned(), kind, limit: None, control, candidate, offset: None }
    }

    /// The same, about a limit.
    pub fn of_limit(mut self, limit: Option<String>) -> Self {
        self.limit = limit;
        self
    }

    /// Cuts both values down to what an example shows. A value is judged before it is cut.
    pub fn cut(&mut self) {
        for value in [&mut self.control, &mut self.candidate] {
            if let Value::Bytes(bytes) | Value::Json(bytes) = value {
                bytes.truncate(KEPT_BYTES);
                bytes.shrink_to_fit();
            }
        }
    }
}

/// A value that is a word of ours.
pub(super) fn word(text: impl ToString) -> Value {
    Value::Word(text.to_string())
}

/// Collects differences up to the bound.
#[derive(Default)]
pub(super) struct Found(Vec<Difference>);

impl Found {
    pub(super) fn push(&mut self, difference: Difference) {
        if self.0.len() < MAX_DIFFERENCES {
            self.0.push(difference);
        } else if self.0.len() == MAX_DIFFERENCES {
            self.0.push(Difference::new("$", Kind::More, Value::Absent, Value::Absent));
        }
    }

    pub(super) fn add(&mut self, place: &str, kind: Kind, control: Value, candidate: Value) {
        self.push(Difference::new(place, kind, control, candidate));
    }

    pub(super) fn add_limit(&mut self, place: &str, kind: Kind, limit: &str, control: Value, candidate: Value) {
        self.push(Difference::new(place, kind, control, candidate).of_limit(Some(limit.to_owned())));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() > MAX_DIFFERENCES
    }

    pub(super) fn into_list(self) -> Vec<Difference> {
        self.0
    }
}
