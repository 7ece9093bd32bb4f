//! The record both sides speak: exchanges, observations, frames on a pipe or socket, and capture segments.
//!
//! Everything is written as MessagePack maps with short names, every field has a default, and client bytes are `bin`:
//! a reader of another release skips what it does not know, and a body need not be UTF-8.
#![forbid(unsafe_code)]

mod codec;
pub mod frame;
mod observe;
pub mod record;
pub mod segment;

pub use codec::{DecodeError, decode, encode};
pub use observe::observe;
pub use record::{Charge, Exchange, Forward, Observation, Outcome, Raised, Remark, Request};
