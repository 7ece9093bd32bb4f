//! Which requests belong to a route.

/// A method and a path template: `POST /api/{resource}`, `GET|HEAD /{path*}`, `* /repos/{rest*}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Methods; empty means any.
    pub methods: Vec<Box<str>>,
    /// Segments of the path.
    pub segments: Vec<Segment>,
}

/// One segment of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// This text, compared after decoding encoded unreserved characters.
    Literal(Box<str>),
    /// `{name}`: one non-empty segment.
    One,
    /// `{name*}`: the rest of the path, which may be empty. Only last.
    Rest,
}

impl Pattern {
    /// Whether a request of `method` for `raw_path` belongs to the route.
    pub fn matches(&self, method: &[u8], raw_path: &[u8]) -> bool {
        let _ = (method, raw_path);
        false
    }
}
