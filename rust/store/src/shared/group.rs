//! Where a key can be, and how it gets there without a lock.
//!
//! A key has two groups of eight slots. A slot is a *print*, which says whose it is, and a *state*, whose lowest bits, the
//! tag, say it again. The state decides: a slot is a key's where both say so. What is done takes three swaps, and a process may
//! die after any of them:
//!
//! 1. the state is *vacated*: whoever was counted there is forgotten, in that very state that was judged, or nothing happens;
//! 2. the print becomes the key's, and its version moves on: of several who want the slot, one gets it;
//! 3. the state becomes the key's first.
//!
//! A slot with a print but a vacated state is anybody's, so a death in between costs nothing. Every vacated state differs from
//! those before it, so that a swap fails wherever somebody else was at work: a state with a key's tag stands beside that key's
//! print, always. And before the third swap the key's other slots are looked at, so that two who insert one key at
//! once do not both succeed: the lower slot wins, by vacating the higher one once more, unless that has its first state already.

use super::atomic::Word;
use super::word;

/// Slots in a group.
pub(crate) const SLOTS: usize = 8;

/// Bytes of a group.
pub(crate) const BYTES: u64 = (SLOTS * (8 + 16)) as u64;

/// Slots in which one key can be.
const HOME: usize = 2 * SLOTS;

/// How often an insertion begins again because of others. More mean that the scheduler plays tricks, and an answer is due.
const ATTEMPTS: usize = 64;

/// Bits of a print that count how often the slot changed hands.
const VERSION: u64 = 0xff;

/// The lowest bits of a state, which say whose it is.
pub(crate) const TAG: u128 = (1 << word::TAG) - 1;

/// Eight slots: their prints in one line of the processor's cache, their states in the next two.
#[repr(C)]
pub(crate) struct Group<P, S> {
    pub(super) prints: [P; SLOTS],
    pub(super) states: [S; SLOTS],
}

/// What would be lost with a state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Loss {
    /// The share of its limit that is used up: 1 and more is a key that is refused, below 0 is nothing.
    pub(crate) used: f64,
    /// When the loss would have been none, in seconds since the epoch.
    pub(crate) until: f64,
}

impl Loss {
    /// Nobody is counted here.
    pub(crate) const NONE: Self = Self { used: -2.0, until: 0.0 };

    /// A key whose window is over.
    pub(crate) const OVER: Self = Self { used: -1.0, until: 0.0 };

    /// Whether the key is being refused: then it is not forgotten for another's sake.
    pub(crate) fn is_blocked(&self) -> bool {
        self.used >= 1.0
    }

    fn is_less(&self, other: &Self) -> bool {
        (self.used, self.until) < (other.used, other.until)
    }
}

/// What a table knows of its states.
pub(crate) trait Keeper {
    /// A state of nobody's to stand after `state`. No other state of the slot, before or after, is the same.
    fn vacated(&self, state: u128) -> u128;

    /// What would be lost with the state in that slot of all.
    fn loss(&self, slot: usize, state: u128) -> Loss;

    /// Somebody was forgotten.
    fn gone(&self, loss: Loss);
}

/// The slots in which one key can be: 0 to 15.
pub(crate) struct Home<'a, P, S> {
    groups: &'a [Group<P, S>],
    // Which of them.
    two: [usize; 2],
    // The key's; the version's bits are 0.
    print: u64,
    tag: u128,
}

/// What came of an insertion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// The key has a slot now, with the state that was to be its first. `forced`: the slot of a key that was being refused.
    Made { forced: bool },
    /// Somebody else has made it one meanwhile.
    Has,
    /// All slots are those of keys that are being refused; this is the least loss of them.
    Full(Loss),
}

/// The two groups, of `groups` (at least 2), in which a key can be.
pub(crate) fn place(place: u64, groups: usize) -> [usize; 2] {
    // The highest bits of a product are as even as the number is.
    let within = |bits: u64, groups: usize| ((u128::from(bits) * groups as u128) >> u64::BITS) as usize;
    let first = within(place, groups);
    [first, (first + 1 + within(place << 32, groups - 1)) % groups]
}

impl<'a, P: Word<u64>, S: Word<u128>> Home<'a, P, S> {
    /// The home, in two of `groups`, of the key with that print, whose states have the bits `tag`.
    pub(crate) fn new(groups: &'a [Group<P, S>], two: [usize; 2], print: u64, tag: u128) -> Self {
        Self { groups, two, print: (print & !VERSION).max(VERSION + 1), tag }
    }

    /// Puts `next` where `seen` stands; says whether it still stood there.
    #[inline]
    pub(crate) fn swap(&self, slot: usize, seen: u128, next: u128) -> bool {
        self.state(slot).swap(seen, next)
    }

    /// The state in a slot.
    pub(crate) fn state(&self, slot: usize) -> &'a S {
        &self.groups[self.two[slot / SLOTS]].states[slot % SLOTS]
    }

    /// Which slot of all it is.
    pub(crate) fn number(&self, slot: usize) -> usize {
        self.two[slot / SLOTS] * SLOTS + slot % SLOTS
    }

    fn print(&self, slot: usize) -> &'a P {
        &self.groups[self.two[slot / SLOTS]].prints[slot % SLOTS]
    }

    fn is_own(&self, print: u64) -> bool {
        print & !VERSION == self.print
    }

    /// Where the key is, and its state.
    #[inline]
    pub(crate) fn find(&self) -> Option<(usize, u128)> {
        (0..HOME).filter(|&slot| self.is_own(self.print(slot).load())).find_map(|slot| {
            let state = self.state(slot).load();
            // A print changes only after its state was vacated. So while the state is still this one, it is the key's.
            (state & TAG == self.tag && self.is_own(self.print(slot).load())).then_some((slot, state))
        })
    }

    /// Finds the key, or gives it a slot and its `first` state after the vacated one: an empty slot, or else the one whose
    /// loss is least. A slot of a key that is being refused is taken only if all are and `force` is set. `None`: others were
    /// faster, again and again.
    pub(crate) fn insert<K: Keeper>(&self, keeper: &K, first: impl Fn(u128) -> u128, force: bool) -> Option<Place> {
        for _ in 0..ATTEMPTS {
            let (slot, print, state, loss) = match self.choose(keeper) {
                Choice::Has => return Some(Place::Has),
                Choice::Take { loss, .. } if loss.is_blocked() && !force => return Some(Place::Full(loss)),
                Choice::Take { slot, print, state, loss } => (slot, print, state, loss),
            };
            let vacated = keeper.vacated(state);
            if !self.state(slot).swap(state, vacated) {
                continue;
            }
            keeper.gone(loss);
            let owned = self.print | print.wrapping_add(1) & VERSION;
            if self.print(slot).swap(print, owned)
                && self.is_alone(keeper, slot)
                && self.state(slot).swap(vacated, first(vacated))
            {
                return Some(Place::Made { forced: loss.is_blocked() });
            }
        }
        None
    }

    /// Whether there is no room: all slots are those of keys that are being refused.
    pub(crate) fn is_full<K: Keeper>(&self, keeper: &K) -> bool {
        matches!(self.choose(keeper), Choice::Take { loss, .. } if loss.is_blocked())
    }

    /// Forgets the key, if nobody changes it meanwhile; says whether it is forgotten.
    pub(crate) fn forget<K: Keeper>(&self, keeper: &K) -> bool {
        self.find().is_none_or(|(slot, state)| self.state(slot).swap(state, keeper.vacated(state)))
    }

    fn choose<K: Keeper>(&self, keeper: &K) -> Choice {
        let taken = self.two.map(|group| self.groups[group].prints.iter().filter(|print| print.load() != 0).count());
        let mut choice: Option<(usize, Loss, usize, u64, u128)> = None;
        for slot in 0..HOME {
            let (print, state) = (self.print(slot).load(), self.state(slot).load());
            let own = self.is_own(print);
            if own && state & TAG == self.tag {
                return Choice::Has;
            }
            // Between the two loads the slot may have become another key's: then that is who would be forgotten.
            let loss = keeper.loss(self.number(slot), state);
            // A slot that the key began to take comes first: who else inserts it goes there too. Then an empty one in the
            // emptier group, so that few find both of theirs full.
            let order = match print {
                _ if loss != Loss::NONE => 1 + SLOTS,
                _ if own => 0,
                0 => 1 + taken[slot / SLOTS],
                _ => 1 + SLOTS,
            };
            if choice.is_none_or(|(best, least, ..)| order < best || order == best && loss.is_less(&least)) {
                choice = Some((order, loss, slot, print, state));
            }
        }
        let (_, loss, slot, print, state) = choice.expect("a home has slots");
        Choice::Take { slot, print, state, loss }
    }

    /// Whether the key can have its first state in `slot`: no other slot has one, or can get one.
    fn is_alone<K: Keeper>(&self, keeper: &K, slot: usize) -> bool {
        (0..HOME).filter(|&other| other != slot).all(|other| {
            let print = self.print(other).load();
            if !self.is_own(print) {
                return true;
            }
            let state = self.state(other).load();
            if state & TAG == self.tag {
                return false;
            }
            // If it has become another key's since, this one can get none there.
            keeper.loss(self.number(other), state) != Loss::NONE
                || other > slot && self.state(other).swap(state, keeper.vacated(state))
        })
    }
}

enum Choice {
    Has,
    Take { slot: usize, print: u64, state: u128, loss: Loss },
}
