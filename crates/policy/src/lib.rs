//! `decide(Request, &Policy) -> Verdict`: where a connection goes, and why. Pure: no sockets, no clock, no files.
//! The engine, the simulator and the PAC all ask the same function.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod compile;
pub mod decide;
mod hashed;
pub mod host;
mod hostset;
pub mod list;
mod newly_blocked;
pub mod own;
pub mod pac;
pub mod policy;
pub mod replay;
pub mod request;
pub mod rule_tally;
mod rules;
pub mod shadow;
pub mod target;
pub mod temporary;
pub mod threads;
pub mod trace;
pub mod verdict;

pub use compile::CompileError;
pub use decide::{decide, explain, reconsider, simulate};
pub use host::HostError;
pub use list::{Hit, List, ListError, ListReader, ListStats, Tally, line_text};
pub use newly_blocked::{Used, newly_blocked};
pub use own::{OwnEndpoints, reaches};
pub use pac::{pac, pac_for};
pub use policy::{Mode, Policy, StandingRule};
pub use replay::{Difference, Record, Replay, replay};
pub use request::{App, Host, Listener, Protocol, Request, Target};
pub use rule_tally::{Count, RuleTally, Tallies};
pub use rules::{MAX_REGEX, Place};
pub use shadow::{Shadow, shadows};
pub use target::TargetError;
pub use temporary::{Once, Temporary};
pub use trace::{Explanation, Outcome, Said, Step, Way};
pub use verdict::{Action, DirectPermit, Outlet, Route, Verdict, Why, WhyKind};
