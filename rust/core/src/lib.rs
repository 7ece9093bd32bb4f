//! The candidate: `admit(policy, limiter, request, now, scratch) -> Result<Outcome, Unsupported>`.
//!
//! Pure and total: no I/O, no clock, no globals, no panic on input. Time and counts are arguments, which is what lets a
//! replay feed recorded times.
//!
//! | module | what it owns |
//! |---|---|
//! | [`admit`] | the order of the steps, and nothing else |
//! | [`policy`] | `crossfade.toml`, parsed once into a type that cannot contradict itself |
//! | [`request`], [`outcome`], [`scratch`] | what goes in, what comes out, where it is written |
//! | [`client`], [`key`] | who is asking, and the text that a limit counts under |
//! | [`target`] | canonical path and query |
//! | [`head`] | the host and the headers in one spelling |
//! | [`body`] | how large a body may be, and what reads it |
//! | [`form`] | forms: pairs of names and values |
//! | [`json`], [`field`] | the one-pass body rewrite and the rules for single values |
//! | [`limit`] | the strategies, as steps on a state that somebody else stores |
//! | [`codes`], [`rollout`] | what a decision can say, and checks that are watched before they bite |
//! | [`time`] | the one instant that a decision may know |
//! | [`unicode`] | the frozen set of code points |
#![forbid(unsafe_code)]

pub mod admit;
pub mod body;
pub mod client;
pub mod codes;
pub mod field;
pub mod form;
pub mod head;
pub mod json;
pub mod key;
pub mod limit;
pub mod outcome;
pub mod policy;
pub mod request;
pub mod rollout;
pub mod scratch;
pub mod target;
pub mod time;
pub mod unicode;

pub use admit::admit;
pub use limit::{Hit, Limit, Limiter};
pub use outcome::{Normalized, Outcome, Part, Reason, Unsupported};
pub use policy::Policy;
pub use request::Request;
pub use scratch::Scratch;
pub use time::Timestamp;
