//! A list of headers in one buffer.

/// Names and values that a decision wrote. The memory stays when it is cleared.
#[derive(Debug, Clone, Default)]
pub struct HeaderList {
    bytes: Vec<u8>,
    /// Of each line, where its name ends and where its value ends; it begins where the one before ends.
    lines: Vec<(usize, usize)>,
}

impl HeaderList {
    /// The lines in order: name, value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        (0..self.lines.len()).map(|at| {
            let start = at.checked_sub(1).map_or(0, |before| self.lines[before].1);
            let (middle, end) = self.lines[at];
            (&self.bytes[start..middle], &self.bytes[middle..end])
        })
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Bytes of all names and values together.
    pub fn total_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all lines.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.lines.clear();
    }

    /// Appends a line as it is.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(name);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.lines.push((middle, self.bytes.len()));
    }

    /// Appends a line with its name in lower case and the value that `write` appends.
    pub(super) fn push_lower<E>(
        &mut self,
        name: &[u8],
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.bytes[start..].make_ascii_lowercase();
        let middle = self.bytes.len();
        write(&mut self.bytes)?;
        self.lines.push((middle, self.bytes.len()));
        Ok(())
    }
}
