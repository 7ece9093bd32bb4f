//! What a reader does not see: controls, what turns the direction of a text, and what is ignored by default.

/// A control character: category Cc, U+0000 to U+001F and U+007F to U+009F. Unicode will never have another.
pub fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\x1F' | '\x7F'..='\u{9F}')
}

/// Bidi_Control of Unicode 14.0: marks, embeddings, overrides and isolates of direction.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Default_Ignorable_Code_Point of Unicode 14.0: joiners, fillers, variation selectors, tags, soft hyphen and bidi
/// controls, with the places that are reserved for more of them.
pub fn is_default_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes that the Unicode Character Database states, and that one holds the other.
    #[test]
    fn the_sets_have_the_sizes_that_unicode_states() {
        let count = |holds: fn(char) -> bool| ('\0'..=char::MAX).filter(|&c| holds(c)).count();
        assert_eq!(count(is_control), 65);
        assert_eq!(count(is_bidi_control), 12);
        assert_eq!(count(is_default_ignorable), 4174);
        assert_eq!(count(|c| is_bidi_control(c) && !is_default_ignorable(c)), 0);
        assert_eq!(count(|c| is_control(c) != c.is_control()), 0);
    }
}
