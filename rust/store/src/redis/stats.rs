//! What happened in a store of this process so far.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What happened so far, in this process. Every request that was `asked` ends in exactly one of `answered`, `held`,
        /// `blocked`, `degraded`, `opened`, `closed` and `abandoned`; and `degraded`, `opened` and `closed` together are as
        /// many as `timeouts`, `disconnected`, `refusals`, `breaker_shed` and `queue_full` together.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Stats { $($(#[$doc])* pub $name: u64,)* }

        #[derive(Debug, Default)]
        pub(super) struct Counts { $(pub(super) $name: AtomicU64,)* }

        impl Counts {
            pub(super) fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl Stats {
            /// Each count with its name.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counts! {
    /// Requests: each of all the charges of one.
    asked,
    /// Answered by the server.
    answered,
    /// Answered by what was leased, or written behind.
    held,
    /// Refused without asking, because the server had refused until later.
    blocked,
    /// Answered by the table in this process, because the server did not.
    degraded,
    /// Granted, because the server did not answer.
    opened,
    /// Refused, because the server did not answer.
    closed,
    /// Given up by who asked, before there was an answer.
    abandoned,
    /// No answer within the timeout.
    timeouts,
    /// The connection could not be made, or broke.
    disconnected,
    /// The server answered with an error.
    refusals,
    /// Not asked, because the breaker was open.
    breaker_shed,
    /// Not asked, because too many were waiting.
    queue_full,
    /// Times that the breaker opened.
    breaker_opens,
    /// Connections that were made.
    connects,
    /// Times that the server had forgotten the scripts.
    scripts_lost,
    /// Answers that came after their request had been given up. What they count stays counted.
    late,
    /// Corrections, resets and flushes that did not reach the server.
    lost,
}

pub(super) fn one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
