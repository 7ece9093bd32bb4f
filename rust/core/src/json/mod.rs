//! The JSON body: read once from input bytes, written once to output bytes, no tree in between.
//!
//! | module | what it owns |
//! |---|---|
//! | [`encoding`] | which bytes are a text at all |
//! | [`walk`] | the grammar, and the tree of field paths beside it |
//! | [`string`], [`number`], [`scan`] | the tokens, and finding their ends |
//! | [`members`] | the names of open objects: twice the same, or one with a rule |
//! | [`rule`], [`presence`] | what a field rule does to a value, and to its absence |
//! | [`style`], [`run`] | how a profile writes, and copying only what differs |
//! | [`shape`], [`ecmascript`] | members in order, and numbers as RFC 8785 has them |
//! | [`finding`] | what was wrong, and which of several findings counts |

pub(crate) mod ecmascript;
mod encoding;
mod finding;
mod members;
pub(crate) mod number;
mod presence;
mod rule;
mod run;
mod scan;
mod shape;
mod string;
mod style;
mod walk;

use crate::Scratch;
use crate::outcome::{Part, Reason, Stop};
use crate::policy::{JsonPolicy, Profile};
use crate::rollout::{Checks, Rollouts};
use finding::{Findings, Halt};
use run::Runs;
use style::{Compact, Jcs, Original, Python, PythonUtf8, Sorted, Style};
use walk::Walk;

/// Containers within containers, the outermost counted: far above what people send, far below what a thread's stack
/// holds, here and in CPython (about 1,000).
pub(crate) const MAX_DEPTH: usize = 64;

/// Bytes that each work buffer keeps from one body to the next. Larger bodies are rare, and their buffers would stay
/// with every thread that ever saw one.
pub(crate) const KEEP: usize = 1 << 20;

/// Work space that is reused between bodies.
#[derive(Debug, Default)]
pub struct Work {
    names: members::Names,
    seen: Vec<presence::Seen>,
    texts: rule::Texts,
    shape: shape::Shape,
    draft: Vec<u8>,
}

impl Work {
    /// Forgets the last body and gives back memory that only an unusual one needed. What style `S` does not use is left.
    fn clear<S: Style>(&mut self) {
        self.names.clear(KEEP);
        self.seen.clear();
        self.texts.clear(KEEP);
        if S::SORT.is_some() {
            self.shape.clear(KEEP);
            self.draft.clear();
            self.draft.shrink_to(KEEP);
        }
    }
}

/// Reads `body`, which is not empty, and writes it into `scratch.body` as the policy says.
///
/// # Errors
///
/// What docs/policy/bodies.md lists under "The order of findings".
pub(crate) fn normalize(
    policy: &JsonPolicy,
    rollouts: &Rollouts,
    body: &[u8],
    scratch: &mut Scratch,
) -> Result<Part, Stop> {
    let before = (scratch.exercised.len(), scratch.remarks.len());
    let rewritten = match policy.output {
        Profile::Original => rewrite::<Original>(policy, rollouts, body, scratch),
        Profile::Compact => rewrite::<Compact>(policy, rollouts, body, scratch),
        Profile::Python => rewrite::<Python>(policy, rollouts, body, scratch),
        Profile::PythonUtf8 => rewrite::<PythonUtf8>(policy, rollouts, body, scratch),
        Profile::Sorted => rewrite::<Sorted>(policy, rollouts, body, scratch),
        Profile::Jcs => rewrite::<Jcs>(policy, rollouts, body, scratch),
    };
    let part = match rewritten {
        Ok((part, findings)) => findings.verdict(&mut Checks::new(rollouts, &mut scratch.remarks)).map(|()| part),
        Err(Halt::Malformed) => Err(Reason::whole("malformed_json").into()),
        Err(Halt::Outside(what)) => Err(what.stop()),
    };
    if part.is_err() {
        // Nothing goes on, so nothing was changed and nothing is to be remarked.
        scratch.exercised.truncate(before.0);
        scratch.remarks.truncate(before.1);
    }
    part
}

/// Reads `body` and writes what differs in style `S` into the scratch.
fn rewrite<S: Style>(
    policy: &JsonPolicy,
    rollouts: &Rollouts,
    body: &[u8],
    scratch: &mut Scratch,
) -> Result<(Part, Findings), Halt> {
    scratch.json.clear::<S>();
    scratch.body.clear();
    scratch.body.shrink_to(KEEP);
    let text = encoding::text(body)?;
    let Scratch { json: Work { names, seen, texts, shape, draft }, exercised, remarks, body: out, .. } = scratch;
    let runs = Runs::new(body, out);
    let findings = Findings::new(rollouts);
    let longest = policy.bounds.string;
    let mut walk = Walk {
        policy,
        text,
        longest,
        runs,
        names,
        seen,
        texts,
        shape,
        exercised,
        remarks,
        findings,
        is_left_out: false,
    };
    walk.document::<S>(policy.tree.first())?;
    let Walk { mut runs, findings, .. } = walk;
    let is_untouched = runs.is_untouched();
    if !is_untouched {
        runs.close(body.len());
    }
    if S::SORT.is_some() && shape.is_unsorted() {
        if !is_untouched {
            std::mem::swap(draft, out);
        }
        shape.write(if is_untouched { body } else { draft }, S::COMMA, out);
    } else if is_untouched {
        return Ok((Part::Same, findings));
    }
    let part = if *out == body { Part::Same } else { Part::Rewritten };
    Ok((part, findings))
}
