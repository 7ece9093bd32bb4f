//! Where counts live.
//!
//! The steps of the strategies are the core's ([`crossfade_core::limit`]); a store finds a key's state, lets the step
//! change it while nobody else can, and bounds how many keys there are. [`memory`] is this process's own memory.
#![deny(unsafe_code)]

pub mod memory;
#[cfg(unix)]
pub mod shared;

pub use memory::Memory;
#[cfg(unix)]
pub use shared::Shared;
