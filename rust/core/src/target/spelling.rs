//! The one spelling of a character in a path.

/// What an unencoded byte is in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Stands as it is, and is decoded when it comes as a triplet.
    Unreserved,
    /// Stands as it is, but means something else as a triplet.
    Reserved,
    /// Written as a triplet.
    Encoded,
    /// Not allowed in a path at all.
    Foreign,
    /// The same, and as a triplet it is what attacks on decoders are made of.
    Special,
    /// Begins a triplet; as a triplet it is special too.
    Percent,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Foreign; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => Class::Unreserved,
            b'/' | b'!' | b'$' | b'&'..=b',' | b';' | b'=' | b':' | b'@' => Class::Reserved,
            b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' => Class::Encoded,
            0 | b'#' | b'?' | b'\\' => Class::Special,
            b'%' => Class::Percent,
            _ => Class::Foreign,
        };
        byte += 1;
    }
    classes
};

pub(super) const fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

/// Whether the byte stands in a path as it is and means something else as a triplet.
pub(crate) fn is_reserved(byte: u8) -> bool {
    class(byte) == Class::Reserved
}

/// The byte that the two hex digits at the start of `digits` stand for.
pub(crate) fn triplet(digits: &[u8]) -> Option<u8> {
    let &[high, low, ..] = digits else { return None };
    Some(nibble(high)? << 4 | nibble(low)?)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// `%XX` in upper case.
pub(super) const fn encoded(byte: u8) -> [u8; 3] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [b'%', HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]
}

/// The canonical spelling of a raw segment, byte by byte and without a buffer; a bad triplet stays as it is.
pub(crate) struct Canonical<'a> {
    left: &'a [u8],
    // What is still to come of a triplet, last byte first.
    pending: [u8; 2],
    count: usize,
}

impl<'a> Canonical<'a> {
    pub(crate) fn of(raw: &'a [u8]) -> Self {
        Self { left: raw, pending: [0; 2], count: 0 }
    }

    fn triplet(&mut self, byte: u8) -> u8 {
        let [percent, high, low] = encoded(byte);
        self.pending = [low, high];
        self.count = 2;
        percent
    }
}

impl Iterator for Canonical<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let Some(last) = self.count.checked_sub(1) {
            self.count = last;
            return Some(self.pending[last]);
        }
        let (&byte, left) = self.left.split_first()?;
        self.left = left;
        Some(match (class(byte), triplet(left)) {
            (Class::Percent, Some(decoded)) => {
                self.left = &left[2..];
                if class(decoded) == Class::Unreserved { decoded } else { self.triplet(decoded) }
            }
            (Class::Encoded, _) => self.triplet(byte),
            _ => byte,
        })
    }
}

/// Whether the text of a segment is its own canonical spelling.
pub(crate) fn is_canonical_segment(text: &[u8]) -> bool {
    let well_formed = memchr::memchr_iter(b'%', text).all(|at| triplet(&text[at + 1..]).is_some());
    well_formed
        && text.iter().all(|&b| !matches!(class(b), Class::Foreign | Class::Special | Class::Encoded))
        && Canonical::of(text).eq(text.iter().copied())
}
