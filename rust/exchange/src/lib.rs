//! The record both sides speak: exchanges, observations, frames on a pipe or socket, capture segments; and the files by
//! which stages come back.
//!
//! | module | what it owns |
//! |---|---|
//! | [`record`] | one request at the seam |
//! | [`segment`], [`redact`] | capture files, and what they may not hold |
//! | [`frame`], [`wire`] | records on a pipe, and what a worker and a sidecar say to one another |
//! | [`stage`], [`stage_file`], [`ledger`] | the stages, the one function that writes them, and the record of each change |
//! | [`workers`] | who follows |
//! | [`hash`] | one stable hash, for buckets and samples |
//!
//! Everything is written as MessagePack maps with short names, every field has a default, and client bytes are `bin`:
//! a reader of another release skips what it does not know, and a body need not be UTF-8.
#![forbid(unsafe_code)]

mod codec;
pub mod frame;
pub mod hash;
pub mod ledger;
mod observe;
pub mod record;
pub mod redact;
pub mod segment;
pub mod stage;
pub mod stage_file;
pub mod wire;
pub mod workers;

pub use codec::{DecodeError, decode, encode};
pub use observe::observe;
pub use record::{Charge, Exchange, Forward, Observation, Outcome, Raised, Remark, Request};
