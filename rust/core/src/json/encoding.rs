//! Which bytes are a text at all: UTF-8 without a byte order mark. The rest of what Python's `json.loads` decodes is
//! outside.

use super::finding::{Halt, Outside};

/// The body as text, checked once; nothing after this looks at encodings.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Halt> {
    if is_marked_or_wide(bytes) {
        return Err(Halt::Outside(Outside::Encoding));
    }
    simdutf8::basic::from_utf8(bytes)
        .map_err(|_| if is_surrogatepass(bytes) { Halt::Outside(Outside::Encoding) } else { Halt::Malformed })
}

/// Whether `json.detect_encoding` says anything but plain UTF-8: a byte order mark, or the zero bytes of UTF-16 and -32.
fn is_marked_or_wide(bytes: &[u8]) -> bool {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] | [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0xfe, 0xff, ..] => true,
        [a, b, _, _, ..] | [a, b] => *a == 0 || *b == 0,
        _ => false,
    }
}

/// Whether invalid UTF-8 is valid but for encoded surrogates, which Python lets pass (`errors="surrogatepass"`).
fn is_surrogatepass(mut bytes: &[u8]) -> bool {
    while let Err(error) = std::str::from_utf8(bytes) {
        match &bytes[error.valid_up_to()..] {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..] => bytes = rest,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encodings_of_json_loads_are_outside_and_the_rest_is_malformed() {
        for outside in [
            &b"\xef\xbb\xbf{}"[..],
            b"\xff\xfe{\0}\0",
            b"\xfe\xff\0{\0}",
            b"{\0}\0",
            b"\0{\0}",
            b"0\0",
            b"1\0\0\0",
            b"\"\xed\xa0\x80\xed\xbf\xbf\"",
        ] {
            assert_eq!(text(outside), Err(Halt::Outside(Outside::Encoding)), "{outside:?}");
        }
        for malformed in
            [&b"\"\xff\""[..], b"\"\xed\xa0\"", b"\xed\xa0\x80\xff", b"\"\xf4\x90\x80\x80\"", b"\"\xc0\xaf\""]
        {
            assert_eq!(text(malformed), Err(Halt::Malformed), "{malformed:?}");
        }
        for utf8 in [&b"\0"[..], b"{}", b"\"\xc3\xa9\"", b"1 \0\0"] {
            assert!(text(utf8).is_ok(), "{utf8:?}");
        }
    }
}
