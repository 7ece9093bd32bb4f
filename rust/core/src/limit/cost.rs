//! What one request costs a limit.

use super::rate::MAX_AMOUNT;
use crate::Request;

/// The most that one request can cost: what no amount is above. A cost that is given is cut down to it.
pub const MAX_COST: u64 = MAX_AMOUNT;

/// How much a request counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cost {
    /// The same for every request.
    Fixed(u64),
    /// `given:NAME`: a value that Python computed, a whole number in ASCII digits.
    Given(Box<str>),
}

/// What a hit of `limits` costs unless it says otherwise.
impl Default for Cost {
    fn default() -> Self {
        Self::Fixed(1)
    }
}

impl Cost {
    /// The cost of `request`: at most [`MAX_COST`]. A given one that is absent, or no whole number, is 1: a request is
    /// never free because somebody forgot to say what it costs.
    pub fn of(&self, request: &Request<'_>) -> u64 {
        match self {
            Self::Fixed(cost) => *cost,
            Self::Given(name) => request.given(name).and_then(whole).unwrap_or(1),
        }
    }
}

/// A whole number in ASCII digits, saturating.
fn whole(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(MAX_COST).min(MAX_COST))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A given cost is a whole number within its bound, or 1.
    #[test]
    fn a_given_cost_is_bounded() {
        let cost = |given: &[(&str, &str)]| {
            let request =
                Request { method: b"GET", raw_path: b"/", query: b"", headers: &[], peer: None, body: b"", given };
            Cost::Given("tokens".into()).of(&request)
        };
        for (text, said) in [
            ("0", 0),
            ("007", 7),
            ("9007199254740992", MAX_COST),
            ("9007199254740993", MAX_COST),
            ("99999999999999999999999999", MAX_COST),
            ("", 1),
            ("-1", 1),
            ("+2", 1),
            ("2.0", 1),
            (" 2", 1),
            ("٣", 1),
        ] {
            assert_eq!(cost(&[("other", "9"), ("tokens", text)]), said, "{text:?}");
        }
        assert_eq!(cost(&[("other", "9")]), 1);
    }
}
