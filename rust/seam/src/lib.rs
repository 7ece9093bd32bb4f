//! What every seam does without Python: which side answers, what is counted, what is recorded.
//!
//! | module | what it owns |
//! |---|---|
//! | [`bucket`] | which keys a canary takes |
//! | [`switch`] | a route's stage as the request path reads it |
//! | [`store`], [`asked`] | the store that a policy names; deciding by one that is asked and answers later |
//! | [`table`], `opener` | a table of this host; opening it again, where it could not be opened or was removed |
//! | [`tally`] | what the candidate has counted, and whether that is all |
//! | [`handover`] | which side's count of a key is whole |
//! | [`engine`], [`settle`], `following` | one decision at the seam; who answers; the stages that it goes by |
//! | [`breaker`], `fault` | a candidate that is left out; one that fails because somebody wants to see it |
//! | [`permit`] | the places in flight that a request holds |
//! | [`limits`] | limits by hand: settling, looking, forgetting |
//! | [`process`] | what belongs to one process |
//! | [`counts`] | what happened, per route |
//! | [`emitted`] | one exchange on its way to a thread that writes |
//! | [`emitter`], [`stream`], [`follower`] | the three threads, started lazily after a fork |
//! | [`account`] | what became of every exchange that a sidecar was to get |
//! | [`news`] | what the log is to be told |
//! | [`fork`] | which process this is: the store's, which counts for one too |
#![forbid(unsafe_code)]

pub mod account;
pub mod asked;
pub mod breaker;
pub mod bucket;
pub mod cap;
pub mod counts;
pub mod emitted;
pub mod emitter;
pub mod engine;
mod fault;
pub mod follower;
mod following;
pub mod handover;
pub mod limits;
pub mod news;
mod opener;
pub mod permit;
pub mod process;
pub mod remarks;
pub mod settle;
pub mod store;
pub mod stream;
pub mod switch;
pub mod table;
pub mod tally;

pub use crossfade_store::fork;

/// Digest of the Rust sources that this build was made of; see `build.rs`.
pub const BUILD: &str = env!("CROSSFADE_BUILD");
