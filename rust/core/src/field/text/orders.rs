//! Which lists of steps find something to do in their own result, so that no policy may name them.
//!
//! `tests/text_orders.rs` measures that the lists refused here are exactly those that are not idempotent, and proves
//! what has to be proven for the others.

use super::Step;

/// Why a list of steps is no rule: what is wrong with the step at index `at`, seen from the one at `earlier`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clash {
    /// Index of the earlier step.
    pub earlier: usize,
    /// Index of the later step.
    pub at: usize,
    /// A short text that the list would change again.
    pub example: &'static str,
}

/// The first two steps in `steps` that keep the list from being idempotent.
pub fn clash(steps: &[Step]) -> Option<Clash> {
    let pairs = (1..steps.len()).flat_map(|at| (0..at).map(move |earlier| (earlier, at)));
    pairs.into_iter().find_map(|(earlier, at)| {
        let example = example(steps[earlier], steps[at])?;
        (!is_healed(steps, earlier, at)).then_some(Clash { earlier, at, example })
    })
}

/// Whether the list is known to be idempotent. It is for every list that the policy compiler accepts, which has one case
/// step at most.
pub(super) fn is_proven(steps: &[Step]) -> bool {
    let cases = steps.iter().filter(|step| matches!(step, Step::Fold | Step::AsciiLower | Step::AsciiUpper)).count();
    cases < 2 && clash(steps).is_none()
}

/// A short text that shows it, if `later` undoes what `earlier` did or makes work for it.
fn example(earlier: Step, later: Step) -> Option<&'static str> {
    use Step::{AsciiLower, AsciiUpper, Collapse, Fold, Nfc, Nfkc, StripBidi, StripInvisible, Trim};
    Some(match (earlier, later) {
        (Trim, StripBidi | StripInvisible) => "\u{200E} a",
        (Collapse, StripBidi | StripInvisible) => " \u{200E} ",
        (Nfc | Nfkc, StripBidi | StripInvisible) => "e\u{200E}\u{301}",
        (Trim, Nfkc) => "\u{A8}",
        (Collapse, Nfkc) => " \u{A8}",
        (Nfc | Nfkc, AsciiLower) => "H\u{331}",
        (Nfc | Nfkc, AsciiUpper) => "i\u{307}",
        (Nfc | Nfkc, Fold) => "\u{1F80}\u{313}",
        (AsciiLower, Nfc | Nfkc) => "\u{212A}",
        (AsciiUpper, Nfkc) => "\u{FB01}",
        (Fold, Nfkc) => "\u{1D400}",
        _ => return None,
    })
}

/// Whether the form that one of the two steps is stands on the other side of the other one too: N(f(N(x))).
fn is_healed(steps: &[Step], earlier: usize, at: usize) -> bool {
    let is_form = |step| matches!(step, Step::Nfc | Step::Nfkc);
    let stands = |form: Step, among: &[Step]| is_form(form) && among.contains(&form);
    stands(steps[earlier], &steps[at + 1..]) || stands(steps[at], &steps[..earlier])
}
