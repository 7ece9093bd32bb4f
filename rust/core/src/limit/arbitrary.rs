//! What the laws of the strategies are tried on.

use super::Rate;
use super::rate::Unit;
use proptest::prelude::*;

/// Any rate that the type can hold, the usual ones often.
pub(crate) fn rate() -> impl Strategy<Value = Rate> {
    let amount = prop_oneof![0u64..100, any::<u64>()];
    let multiples = prop_oneof![1u64..100, any::<u64>()];
    let unit = prop::sample::select(vec![Unit::Second, Unit::Minute, Unit::Hour, Unit::Day, Unit::Month, Unit::Year]);
    (amount, multiples, unit).prop_map(|(amount, multiples, unit)| Rate { amount, multiples, unit })
}

/// Microseconds of an instant between 2004 and 2038, often on a whole second or minute.
pub(crate) fn time() -> impl Strategy<Value = u64> {
    const FROM: u64 = 1 << 30;
    const TO: u64 = (1 << 31) - 1_000_000;
    prop_oneof![
        FROM * 1_000_000..TO * 1_000_000,
        (FROM..TO).prop_map(|second| second * 1_000_000),
        (FROM / 60 + 1..TO / 60).prop_map(|minute| minute * 60_000_000),
    ]
}
