//! How each profile writes: separators, and which characters are escaped.

/// One way of writing JSON, chosen at compile time so that the pass has no branch on it.
pub(super) trait Style {
    /// Between two members or items.
    const COMMA: &'static [u8];
    /// Between a name and its value.
    const COLON: &'static [u8];
    /// Whether DEL and everything above is written as `\uXXXX`.
    const ASCII: bool;
    /// Whether anything is rewritten at all.
    const REWRITES: bool = true;
    /// Whether members are sorted by their names, and how.
    const SORT: Option<Order> = None;
    /// Whether numbers are written as ECMAScript writes them.
    const ECMASCRIPT: bool = false;
}

/// How names are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By code points, which is by UTF-8 bytes.
    CodePoints,
    /// By UTF-16 code units.
    Utf16,
}

/// `json.dumps(value, ensure_ascii=False, separators=(",", ":"))`.
pub(super) struct Compact;
/// `json.dumps(value)`.
pub(super) struct Python;
/// `json.dumps(value, ensure_ascii=False)`.
pub(super) struct PythonUtf8;
/// `json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))`.
pub(super) struct Sorted;
/// RFC 8785.
pub(super) struct Jcs;
/// The client's own bytes: the pass only validates.
pub(super) struct Original;

impl Style for Compact {
    const COMMA: &'static [u8] = b",";
    const COLON: &'static [u8] = b":";
    const ASCII: bool = false;
}

impl Style for Python {
    const COMMA: &'static [u8] = b", ";
    const COLON: &'static [u8] = b": ";
    const ASCII: bool = true;
}

impl Style for PythonUtf8 {
    const COMMA: &'static [u8] = b", ";
    const COLON: &'static [u8] = b": ";
    const ASCII: bool = false;
}

impl Style for Sorted {
    const COMMA: &'static [u8] = b",";
    const COLON: &'static [u8] = b":";
    const ASCII: bool = false;
    const SORT: Option<Order> = Some(Order::CodePoints);
}

impl Style for Jcs {
    const COMMA: &'static [u8] = b",";
    const COLON: &'static [u8] = b":";
    const ASCII: bool = false;
    const SORT: Option<Order> = Some(Order::Utf16);
    const ECMASCRIPT: bool = true;
}

impl Style for Original {
    const COMMA: &'static [u8] = b"";
    const COLON: &'static [u8] = b"";
    const ASCII: bool = false;
    const REWRITES: bool = false;
}

/// One character of a string as a style writes it: at most a pair of `\uXXXX`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    bytes: [u8; 12],
    len: u8,
}

impl Written {
    /// `c` inside a string, in style `S`.
    #[inline]
    pub(super) fn of<S: Style>(c: char) -> Self {
        let mut written = Self { bytes: [0; 12], len: 0 };
        match c {
            '"' | '\\' => written.push(&[b'\\', c as u8]),
            '\u{8}' => written.push(b"\\b"),
            '\t' => written.push(b"\\t"),
            '\n' => written.push(b"\\n"),
            '\u{c}' => written.push(b"\\f"),
            '\r' => written.push(b"\\r"),
            ..=' ' if c < ' ' => written.push_unit(c as u16),
            '\u{7f}'.. if S::ASCII => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    written.push_unit(*unit);
                }
            }
            _ => written.len = c.encode_utf8(&mut written.bytes).len() as u8,
        }
        written
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn push(&mut self, bytes: &[u8]) {
        let len = usize::from(self.len);
        self.bytes[len..len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }

    fn push_unit(&mut self, unit: u16) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let digit = |shift: u32| HEX[usize::from(unit >> shift) & 15];
        self.push(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_written_as_json_dumps_writes_them() {
        let python = |c| String::from_utf8(Written::of::<Python>(c).bytes().to_vec()).unwrap();
        let utf8 = |c| String::from_utf8(Written::of::<PythonUtf8>(c).bytes().to_vec()).unwrap();
        assert_eq!(python('\u{0}'), "\\u0000");
        assert_eq!(python('\u{1f}'), "\\u001f");
        assert_eq!(python('\u{8}') + &python('\u{c}'), "\\b\\f");
        assert_eq!(python('/'), "/");
        assert_eq!(python('~'), "~");
        assert_eq!(python('\u{7f}'), "\\u007f");
        assert_eq!(python('é'), "\\u00e9");
        assert_eq!(python('\u{1f600}'), "\\ud83d\\ude00");
        assert_eq!(utf8('\u{7f}'), "\u{7f}");
        assert_eq!(utf8('\u{1}'), "\\u0001");
        assert_eq!(utf8('\u{1f600}'), "\u{1f600}");
    }
}
