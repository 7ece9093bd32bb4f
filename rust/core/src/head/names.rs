//! Names of headers: what may be one, and what this route knows of them.

use std::cmp::Ordering;

/// What a byte of a name is.
const TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        token[byte] = (byte as u8).is_ascii_alphanumeric()
            || matches!(byte as u8, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
        byte += 1;
    }
    token
};

/// Whether a byte may stand in a token (RFC 9110 §5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Without the spaces and tabs at its ends.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let Some(start) = value.iter().position(|b| !blank(b)) else { return &[] };
    let end = value.iter().rposition(|b| !blank(b)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// Order of bytes, where capitals count as small letters.
pub(crate) fn cmp_lower(one: &[u8], other: &[u8]) -> Ordering {
    one.iter().map(u8::to_ascii_lowercase).cmp(other.iter().map(u8::to_ascii_lowercase))
}

/// What the steps do with a header, or with all headers of some kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traits(u16);

impl Traits {
    /// May stand once.
    pub const SINGLE: Self = Self(1);
    /// A list.
    pub const LIST: Self = Self(1 << 1);
    /// Speaks of one connection.
    pub const HOP: Self = Self(1 << 2);
    /// `Connection` may not name it.
    pub const PROTECTED: Self = Self(1 << 3);
    /// Left out by the policy.
    pub const DROP: Self = Self(1 << 4);
    /// Has to be there.
    pub const REQUIRED: Self = Self(1 << 5);
    /// `Host`.
    pub const HOST: Self = Self(1 << 6);
    /// `Content-Length`.
    pub const CONTENT_LENGTH: Self = Self(1 << 7);
    /// `Transfer-Encoding`.
    pub const TRANSFER_ENCODING: Self = Self(1 << 8);
    /// `Connection`.
    pub const CONNECTION: Self = Self(1 << 9);
    /// `Content-Type`.
    pub const CONTENT_TYPE: Self = Self(1 << 10);
    /// `Accept-Language`.
    pub const ACCEPT_LANGUAGE: Self = Self(1 << 11);
    /// `Cookie`.
    pub const COOKIE: Self = Self(1 << 12);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this has something of `other`.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The bits, for the digest.
    pub const fn bits(self) -> u16 {
        self.0
    }
}

/// The headers that a route knows, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownHeaders {
    /// Names in lower case and their traits, by length and then by name.
    names: Vec<(Box<str>, Traits)>,
    /// Where the names of each length begin; the last entry is the count.
    starts: Vec<usize>,
}

impl KnownHeaders {
    /// A table of names in lower case. A name that stands several times has all its traits.
    pub fn new(mut names: Vec<(Box<str>, Traits)>) -> Self {
        names.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        names.dedup_by(|(next, more), (name, traits)| {
            let same = next == name;
            if same {
                *traits = traits.and(*more);
            }
            same
        });
        let longest = names.last().map_or(0, |(name, _)| name.len());
        let starts = (0..=longest + 1).map(|length| names.partition_point(|(name, _)| name.len() < length)).collect();
        Self { names, starts }
    }

    /// Index of a header, compared without case.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.search(name, cmp_lower)
    }

    /// The same for a name in lower case, which is faster.
    pub fn find_lower(&self, name: &[u8]) -> Option<usize> {
        self.search(name, |known, name| known.cmp(name))
    }

    fn search(&self, name: &[u8], compare: impl Fn(&[u8], &[u8]) -> Ordering) -> Option<usize> {
        let (start, end) = (*self.starts.get(name.len())?, *self.starts.get(name.len() + 1)?);
        let bucket = &self.names[start..end];
        bucket.binary_search_by(|(known, _)| compare(known.as_bytes(), name)).ok().map(|at| start + at)
    }

    /// What is done with the header at an index.
    pub fn traits(&self, index: usize) -> Traits {
        self.names[index].1
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Names and traits, by length and then by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Traits)> {
        self.names.iter().map(|(name, traits)| (&**name, *traits))
    }
}

/// Headers of a set, by their index in [`KnownHeaders`].
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<u64>);

impl Seen {
    /// The empty set of up to `count` headers.
    pub(super) fn reset(&mut self, count: usize) {
        self.0.clear();
        self.0.resize(count.div_ceil(64), 0);
    }

    /// Adds one; says whether it was not in yet.
    pub(super) fn insert(&mut self, index: usize) -> bool {
        let (word, bit) = (&mut self.0[index / 64], 1 << (index % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.0[index / 64] & (1 << (index % 64)) != 0
    }
}

/// Headers that all routes know.
pub(crate) const BUILT_IN: &[(&str, Traits)] = {
    use Traits as T;
    &[
        ("accept", T::LIST),
        ("accept-charset", T::LIST),
        ("accept-encoding", T::LIST),
        ("accept-language", T::LIST.and(T::ACCEPT_LANGUAGE)),
        ("access-control-request-headers", T::LIST),
        ("access-control-request-method", T::SINGLE),
        ("age", T::SINGLE),
        ("allow", T::LIST),
        ("authorization", T::SINGLE.and(T::PROTECTED)),
        ("baggage", T::LIST),
        ("cache-control", T::LIST),
        ("connection", T::LIST.and(T::HOP).and(T::CONNECTION)),
        ("content-encoding", T::LIST),
        ("content-language", T::LIST),
        ("content-length", T::SINGLE.and(T::PROTECTED).and(T::CONTENT_LENGTH)),
        ("content-location", T::SINGLE),
        ("content-range", T::SINGLE),
        ("content-type", T::SINGLE.and(T::PROTECTED).and(T::CONTENT_TYPE)),
        ("cookie", T::LIST.and(T::PROTECTED).and(T::COOKIE)),
        ("date", T::SINGLE),
        ("etag", T::SINGLE),
        ("expect", T::LIST),
        ("expires", T::SINGLE),
        ("forwarded", T::LIST.and(T::PROTECTED)),
        ("from", T::SINGLE),
        ("host", T::SINGLE.and(T::PROTECTED).and(T::HOST)),
        ("if-match", T::LIST),
        ("if-modified-since", T::SINGLE),
        ("if-none-match", T::LIST),
        ("if-range", T::SINGLE),
        ("if-unmodified-since", T::SINGLE),
        ("keep-alive", T::LIST.and(T::HOP)),
        ("last-modified", T::SINGLE),
        ("link", T::LIST),
        ("location", T::SINGLE),
        ("max-forwards", T::SINGLE),
        ("origin", T::SINGLE),
        ("pragma", T::LIST),
        ("prefer", T::LIST),
        ("proxy-authenticate", T::HOP),
        ("proxy-authorization", T::SINGLE.and(T::HOP)),
        ("proxy-connection", T::LIST.and(T::HOP)),
        ("range", T::SINGLE),
        ("referer", T::SINGLE),
        ("retry-after", T::SINGLE),
        ("sec-websocket-extensions", T::LIST),
        ("sec-websocket-key", T::SINGLE),
        ("sec-websocket-protocol", T::LIST),
        ("sec-websocket-version", T::SINGLE),
        ("server", T::SINGLE),
        ("te", T::LIST.and(T::HOP)),
        ("traceparent", T::SINGLE),
        ("tracestate", T::LIST),
        ("trailer", T::LIST.and(T::HOP)),
        ("transfer-encoding", T::LIST.and(T::HOP).and(T::PROTECTED).and(T::TRANSFER_ENCODING)),
        ("upgrade", T::LIST.and(T::HOP)),
        ("upgrade-insecure-requests", T::SINGLE),
        ("user-agent", T::SINGLE),
        ("vary", T::LIST),
        ("via", T::LIST),
        ("warning", T::LIST),
        ("x-forwarded-for", T::LIST.and(T::PROTECTED)),
        ("x-real-ip", T::SINGLE.and(T::PROTECTED)),
    ]
};

/// Names that begin with this are protected.
pub(super) const PROTECTED_START: &[u8] = b"x-forwarded-";
