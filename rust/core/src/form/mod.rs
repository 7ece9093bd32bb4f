//! Form bodies, `application/x-www-form-urlencoded`: read, settled, ruled and written anew.
//!
//! | module | what it owns |
//! |---|---|
//! | [`read`] | pieces, their bounds, and names that come twice |
//! | [`rules`] | what field rules do to values, and to absence |
//! | [`write`] | the one spelling |

mod read;
mod rules;
mod write;

use std::ops::Range;

use crate::Scratch;
use crate::outcome::{Part, Stop};
use crate::policy::FormPolicy;
use crate::rollout::{Checks, Rollouts};

/// Bytes that each work buffer keeps from one body to the next.
const KEEP: usize = 1 << 20;

/// Work space that is reused between forms.
#[derive(Debug, Default)]
pub struct Work {
    /// Names and values, decoded, and those that rules gave.
    text: Vec<u8>,
    pairs: Vec<Pair>,
    /// Positions in `pairs`, sorted by name.
    by_name: Vec<usize>,
    /// For each rule, the names under which its field was seen.
    seen: Vec<rules::Seen>,
    value: String,
}

/// One pair: spans in [`Work::text`].
#[derive(Debug, Clone)]
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
    /// Left out of what is written.
    is_gone: bool,
}

impl Work {
    fn clear(&mut self) {
        let Self { text, pairs, by_name, seen, value } = self;
        text.clear();
        text.shrink_to(KEEP);
        pairs.clear();
        pairs.shrink_to(KEEP / size_of::<Pair>());
        by_name.clear();
        by_name.shrink_to(KEEP / size_of::<usize>());
        seen.clear();
        value.clear();
        value.shrink_to(KEEP);
    }
}

/// Reads `body` and writes it into `scratch.body` as the policy says.
///
/// # Errors
///
/// What docs/policy/bodies.md lists under "Forms".
pub(crate) fn normalize(
    policy: &FormPolicy,
    rollouts: &Rollouts,
    body: &[u8],
    scratch: &mut Scratch,
) -> Result<Part, Stop> {
    let before = (scratch.exercised.len(), scratch.remarks.len());
    let part = rewrite(policy, rollouts, body, scratch);
    if part.is_err() {
        // Nothing goes on, so nothing was changed and nothing is to be remarked.
        scratch.exercised.truncate(before.0);
        scratch.remarks.truncate(before.1);
    }
    part
}

fn rewrite(policy: &FormPolicy, rollouts: &Rollouts, body: &[u8], scratch: &mut Scratch) -> Result<Part, Stop> {
    let Scratch { form: work, exercised, remarks, body: out, .. } = scratch;
    work.clear();
    out.clear();
    out.shrink_to(KEEP);
    let count = read::pairs(policy, rollouts, body, work)?;
    read::bounds(policy, count, work, &mut Checks::new(rollouts, remarks))?;
    read::settle(policy, work, &mut Checks::new(rollouts, remarks))?;
    rules::apply(policy, rollouts, work, exercised, remarks)?;
    write::write(work, out);
    Ok(if *out == body { Part::Same } else { Part::Rewritten })
}
