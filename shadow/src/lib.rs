//! The proof: what both sides did with the same requests, compared, counted and shown.
//!
//! | module | what it owns |
//! |---|---|
//! | [`import`], [`capture`] | exchanges out of traffic recorded by others, and out of a capture directory |
//! | [`compare`] | what two observations differ in |
//! | [`verdict`], [`known`] | one verdict for one exchange, and the differences that somebody answers for |
//! | [`replay`], [`control`] | both sides over a capture again, the control in its own processes |
//! | [`evidence`] | what live comparison has shown, in counts that add up |
//! | [`sidecar`] | live exchanges, from the workers' sockets to the evidence |
//! | [`gate`] | what a route has to show before it may move on |
//! | [`group`], [`latency`], [`redact`] | what is kept of many exchanges, and what of it may be shown |
//! | [`report`], [`html`] | the report as JSON, at a terminal and as a page |
#![forbid(unsafe_code)]

pub mod capture;
pub mod compare;
pub mod control;
pub mod evidence;
pub mod explain;
pub mod gate;
pub mod group;
pub mod html;
pub mod import;
pub mod known;
pub mod latency;
pub mod redact;
pub mod replay;
pub mod report;
pub mod sidecar;
pub mod verdict;
