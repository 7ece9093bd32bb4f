//! The notation of `limits`: `10/second`, `60 per 1 minute`.

/// An amount in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub amount: u64,
    /// In how many units.
    pub multiples: u64,
    /// The unit.
    pub unit: Unit,
}

/// A unit of time with the lengths that `limits` gives them: a month is 30 days, a year 360.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
}
