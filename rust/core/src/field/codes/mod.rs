//! Codes out of dated tables of ISO: countries and currencies.

pub mod country;
pub mod currency;

use super::{Answer, Scalar};
use crate::unicode;

/// ISO 3166-1 to alpha-2.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Country {
    /// Whether alpha-3 codes are read too.
    pub alpha3: bool,
    /// Further alpha-2 codes in upper case, sorted.
    pub also: Vec<[u8; 2]>,
}

/// ISO 4217 to upper case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Currency {
    /// Further codes in upper case, sorted.
    pub also: Vec<[u8; 3]>,
}

impl Country {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(whole) = value else { return Answer::WrongType };
        let found = match (code::<2>(whole), code::<3>(whole)) {
            (Some(code), _) if is_country(code) || self.also.binary_search(&code).is_ok() => Some(code),
            (_, Some(code)) if self.alpha3 => alpha2_of(code),
            _ => None,
        };
        answer(found, "invalid_country", whole, out)
    }
}

impl Currency {
    /// Applies the rule; see [`Op::apply`](super::Op::apply).
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        let Scalar::String(whole) = value else { return Answer::WrongType };
        let known = |code: &[u8; 3]| is_currency(*code) || self.also.binary_search(code).is_ok();
        answer(code::<3>(whole).filter(known), "invalid_currency", whole, out)
    }
}

/// Whether ISO 3166-1 has assigned an alpha-2 code.
pub fn is_country(alpha2: [u8; 2]) -> bool {
    country::TABLE.binary_search_by_key(&alpha2, |(known, _)| *known).is_ok()
}

/// Whether ISO 4217 lists a code.
pub fn is_currency(code: [u8; 3]) -> bool {
    currency::TABLE.binary_search(&code).is_ok()
}

/// Positions in the table of countries, sorted by alpha-3.
const BY_ALPHA3: [u8; country::TABLE.len()] = {
    let table = &country::TABLE;
    let mut order = [0u8; country::TABLE.len()];
    let mut sorted = 0;
    while sorted < order.len() {
        // Sorting by insertion: only the compiler does it, and nearly all are in order already.
        let mut at = sorted;
        while at > 0 && is_before(table[sorted].1, table[order[at - 1] as usize].1) {
            order[at] = order[at - 1];
            at -= 1;
        }
        order[at] = sorted as u8;
        sorted += 1;
    }
    order
};

const fn is_before(a: [u8; 3], b: [u8; 3]) -> bool {
    u32::from_be_bytes([0, a[0], a[1], a[2]]) < u32::from_be_bytes([0, b[0], b[1], b[2]])
}

fn alpha2_of(alpha3: [u8; 3]) -> Option<[u8; 2]> {
    let entry = |at: &u8| country::TABLE.get(usize::from(*at));
    let found = BY_ALPHA3.binary_search_by_key(&Some(alpha3), |at| entry(at).map(|(_, known)| *known));
    found.ok().and_then(|place| BY_ALPHA3.get(place)).and_then(entry).map(|(alpha2, _)| *alpha2)
}

/// The code that a text is, in upper case, if it is `N` ASCII letters.
fn code<const N: usize>(whole: &str) -> Option<[u8; N]> {
    let code: [u8; N] = unicode::strip(whole).as_bytes().try_into().ok()?;
    code.iter().all(u8::is_ascii_alphabetic).then(|| code.map(|b| b.to_ascii_uppercase()))
}

fn answer<const N: usize>(found: Option<[u8; N]>, refusal: &'static str, whole: &str, out: &mut String) -> Answer {
    let Some(code) = found else { return Answer::Invalid(refusal) };
    if whole.as_bytes() == code {
        return Answer::Same;
    }
    out.extend(code.map(char::from));
    Answer::String
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_have_each_code_once() {
        assert!(country::TABLE.windows(2).all(|two| two[0].0 < two[1].0));
        assert!(currency::TABLE.windows(2).all(|two| two[0] < two[1]));
        let alpha3 = BY_ALPHA3.map(|at| country::TABLE[usize::from(at)].1);
        assert!(alpha3.windows(2).all(|two| two[0] < two[1]));
        for (alpha2, alpha3) in country::TABLE {
            assert_eq!(alpha2_of(alpha3), Some(alpha2));
        }
    }
}
