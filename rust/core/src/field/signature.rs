//! What an operation does, as a text for digests.

use std::fmt::Write;

use super::boolean::Words;
use super::integer::Integer;
use super::phone::{METADATA, Phone};
use super::uuid::Uuid;
use super::{Op, codes, decimal, email, timestamp};

impl Op {
    /// A text that differs where two operations differ, and stays what it was where a later version knows more arguments.
    ///
    /// Dated tables are part of it. The names of an enum are not: they have lines of their own.
    pub fn signature(&self) -> String {
        let mut text = match self {
            Self::Uuid(_) => "Uuid".to_owned(),
            Self::Email(_) => "Email".to_owned(),
            Self::Integer(_) => "Integer".to_owned(),
            Self::Boolean(_) => "Boolean".to_owned(),
            Self::Decimal(decimal::Decimal { scale, rounding, as_string, .. }) => {
                format!("Decimal(Decimal {{ scale: {scale}, rounding: {rounding:?}, as_string: {as_string} }})")
            }
            Self::Timestamp(timestamp::Instant { digits, assume_utc, .. }) => {
                format!("Timestamp(Instant {{ digits: {digits}, assume_utc: {assume_utc} }})")
            }
            Self::Country(country) => format!("{country:?} {}", codes::country::VERSION),
            Self::Currency(currency) => format!("{currency:?} {}", codes::currency::VERSION),
            Self::Phone(Phone::Regional(region)) if region.is_off() => format!("Regional({}) off", region.code()),
            Self::Phone(Phone::Regional(region)) => {
                format!("Regional({}) {}", region.code(), METADATA.unwrap_or_default())
            }
            other => format!("{other:?}"),
        };
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Uuid(uuid) if *uuid != Uuid::default() => write!(text, " {uuid:?}"),
            Self::Email(rule) if *rule != email::Email::default() => write!(text, " {rule:?}"),
            Self::Integer(integer) if *integer != Integer::default() => write!(text, " {integer:?}"),
            Self::Boolean(words) if *words != Words::default() => write!(text, " {words:?}"),
            Self::Decimal(decimal::Decimal { min, max, .. }) if min.is_some() || max.is_some() => {
                write!(text, " min: {min:?}, max: {max:?}")
            }
            Self::Timestamp(timestamp::Instant { epoch: Some(unit), .. }) => write!(text, " epoch: {unit:?}"),
            _ => Ok(()),
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::decimal::{Decimal, Rounding};
    use crate::field::timestamp::Instant;

    /// Digests of policies from before an argument existed stay.
    #[test]
    fn an_argument_that_is_not_given_is_not_told() {
        let decimal = Decimal { scale: 2, rounding: Rounding::HalfEven, as_string: false, min: None, max: None };
        let instant = Instant { digits: 3, assume_utc: true, epoch: None };
        for (op, told) in [
            (Op::Uuid(Uuid::default()), "Uuid"),
            (Op::Email(email::Email::default()), "Email"),
            (Op::Integer(Integer::default()), "Integer"),
            (Op::Boolean(Words::default()), "Boolean"),
            (Op::Decimal(decimal), "Decimal(Decimal { scale: 2, rounding: HalfEven, as_string: false })"),
            (Op::Timestamp(instant), "Timestamp(Instant { digits: 3, assume_utc: true })"),
        ] {
            assert_eq!(op.signature(), told);
        }
        let bounded = Op::Decimal(Decimal { max: Some(5), ..decimal });
        assert!(bounded.signature().ends_with(" min: None, max: Some(5)"));
        let country = Op::Country(codes::Country::default());
        assert!(country.signature().contains(codes::country::VERSION));
    }
}
