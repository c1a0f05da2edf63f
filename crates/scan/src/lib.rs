//! Judges bodies: YARA rules in the process, a clamd, an ICAP service. It knows no HTTP connection: its user passes a body and gets a
//! [`Verdict`].
//!
//! [`decode`] removes content codings, [`archive`] lists what is in archives, [`unpack`] does both within [`Limits`].
//! [`Scanner`] asks all engines about one body.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod allowance;
pub mod archive;
mod budget;
pub mod clamd;
mod counters;
pub mod decode;
mod exchange;
pub mod icap;
mod idle;
mod limits;
mod message;
mod request_scanner;
mod scanner;
mod shared;
mod spool;
mod status;
mod timeouts;
pub mod unpack;
mod verdict;
pub mod yara;

pub use budget::{Budget, Reservation};
pub use counters::EngineCounts;
pub use limits::{Limits, OverLimit};
pub use message::{Body, Direction, Message};
pub use privet_net::{Connection, Connector};
pub use request_scanner::RequestScanner;
pub use scanner::{Scanner, Settings};
pub use shared::{RecentFinding, Totals};
pub use spool::Spool;
pub use status::{EngineState, EngineStatus};
pub use verdict::{Engine, Finding, Verdict};
