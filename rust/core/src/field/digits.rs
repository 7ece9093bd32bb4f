//! Decimal digits of other scripts, which Python's number parsers read and ours do not.

/// First of ten: every run of category Nd above ASCII, Unicode 17.0. Frozen, so that the shape of a text that is
/// refused does not depend on whose tables are asked; docs/policy/values.md lists it.
const RUNS: [u32; 76] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0,
    0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950,
    0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11DE0, 0x11F50, 0x16130, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0,
    0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0,
];

/// Whether `c` is a decimal digit above ASCII.
pub fn is_foreign(c: char) -> bool {
    let code = u32::from(c);
    let after = RUNS.partition_point(|&first| first <= code);
    after.checked_sub(1).and_then(|run| RUNS.get(run)).is_some_and(|&first| code - first < 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runs are sorted, apart, and numbers to the standard library too; nothing beside them is a digit in ASCII.
    #[test]
    fn runs_are_digits() {
        assert!(RUNS.windows(2).all(|two| two[0] + 10 <= two[1]));
        for first in RUNS {
            for code in first..first + 10 {
                let c = char::from_u32(code).expect("a scalar");
                assert!(is_foreign(c) && c.is_numeric() && !c.is_alphabetic(), "U+{code:04X}");
            }
        }
        assert_eq!(('\0'..=char::MAX).filter(|c| is_foreign(*c)).count(), RUNS.len() * 10);
        for c in ['0', '9', '²', '½', 'Ⅷ', '万', '\u{65F}', '\u{66A}'] {
            assert!(!is_foreign(c), "{c}");
        }
    }
}
