//! Where counts live.
//!
//! The steps of the strategies are the core's ([`crossfade_core::limit`]); a store finds a key's state, lets the step
//! change it while nobody else can, and bounds how many keys there are. [`memory`] is this process's own memory,
//! `shared` one table for all processes of a host, `redis` (a feature) a server for many hosts. [`fork`] says which process counts.
#![deny(unsafe_code)]

#[cfg(unix)]
#[allow(unsafe_code)]
pub mod fork;
pub mod memory;
#[cfg(all(feature = "redis", unix))]
pub mod redis;
#[cfg(unix)]
pub mod shared;
pub mod storage;

pub use memory::Memory;
#[cfg(all(feature = "redis", unix))]
pub use redis::Redis;
#[cfg(unix)]
pub use shared::Shared;
