//! The canonical path.

use crate::outcome::{Part, Stop};
use crate::policy::{Outside, RuleId, TargetPolicy};

/// Writes the canonical form of `raw` to `out` unless it is canonical already.
pub fn normalize(
    policy: &TargetPolicy,
    outside: Outside,
    raw: &[u8],
    out: &mut Vec<u8>,
    exercised: &mut Vec<RuleId>,
) -> Result<Part, Stop> {
    let _ = (policy, outside, raw, out, exercised);
    Ok(Part::Same)
}
