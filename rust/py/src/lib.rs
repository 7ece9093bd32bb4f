//! The binding: module `crossfade._core`. Converts; decides nothing.
//!
//! | file | what it owns |
//! |---|---|
//! | `scope` | an ASGI scope, walked into a borrowed request |
//! | `native`, `status` | `NativeSeam`: the methods that the Python seam calls |
//! | `serving` | one process's half of it, guarded |
//! | `work` | one thread's buffers, and the candidate's run |
//! | `handover` | counts of limits, from and to the control's storage |
//! | `limits` | what a decision tells of limits |
//! | `pending` | a decision that waits for the store, or for the control |
//! | `decision` | what the candidate decided, copied out for Python |
//! | `observed`, `recording` | Python observations into records; exchanges to whoever wants them |
//! | `storage` | `Storage`: a storage of the library `limits` |
//! | `control` | the frames that control workers speak |
//! | `guard` | the only `catch_unwind`: around the candidate, and around everything a service calls |
#![deny(unsafe_code)]

mod control;
mod decision;
mod guard;
mod handover;
mod limits;
mod native;
mod observed;
mod pending;
mod recording;
mod scope;
mod serving;
mod status;
mod storage;
mod work;

use pyo3::prelude::*;

/// The native half of crossfade: one seam's decisions, stages and records.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::control::{decode_call, encode_hello, encode_reply};
    #[pymodule_export]
    use super::decision::Decision;
    #[pymodule_export]
    use super::native::NativeSeam;
    #[pymodule_export]
    use super::pending::{Bell, Pending};
    #[pymodule_export]
    use super::storage::Storage;

    /// Digest of the Rust sources of this build.
    #[pymodule_export]
    const BUILD: &str = crossfade_seam::BUILD;

    /// Version of the metadata by which telephone numbers are read as dialled in a region, or None.
    #[pymodule_export]
    const PHONE_METADATA: Option<&str> = crossfade_core::field::phone::METADATA;

    /// Whether this is a debug build.
    #[pymodule_export]
    const DEBUG: bool = cfg!(debug_assertions);
}
