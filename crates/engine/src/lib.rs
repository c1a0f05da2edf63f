//! The engine: data plane and supervision.
//!
//! Data plane, in the order of a connection: [`accept`] takes it, [`session`] detects its protocol and runs it, [`socks`] or
//! `privet_http` does the handshake, [`gateway`] authenticates, decides, dials and records, `session::tunnel` relays.
//! [`supervise`] starts, reconfigures and stops all of it.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod accept;
pub mod caches;
mod content_warnings;
mod endpoint;
mod engine;
mod gateway;
mod https;
mod inspection;
mod policy_changes;
mod problems;
mod scanning;
mod session;
mod shared;
mod simulate;
mod snapshot;
pub mod socks;
mod supervise;

pub use accept::listener::{ListenerKind, ListenerState};
pub use content_warnings::content_warnings;
pub use engine::Engine;
pub use gateway::scan_test::ScanTestResult;
pub use https::{Authority, HttpsStatus, certificate_findings};
pub use inspection::{
    AuthorityFacts, AuthorityStorage, Exception, ExceptionReason, Inspection, InspectionCounts,
};
pub use problems::Problem;
pub use session::detect;
pub use simulate::from_file::OfflineError;
pub use simulate::{SimulatedRequest, parse_client, parse_protocol, without_login};
pub use snapshot::Snapshot;
pub use supervise::configuration::report::{ApplyError, ApplyMode, ApplyReport};
pub use supervise::configuration::start_check::start_errors;
pub use supervise::drain::DRAIN_DEADLINE;
pub use supervise::lists::{
    HeldUpdate, ListAction, ListActionError, ListLines, ListPhase, ListState, ListVersion,
    SkippedLine, list_warnings,
};
pub use supervise::mode::switch::RequestsOff;
pub use supervise::mode::{LONGEST_PAUSE, ModeState, PauseLength};
pub use supervise::options::EngineOptions;
pub use supervise::rules::{
    MAX_TEMPORARY_RULES, RuleLifetime, RuleState, TemporaryLifetime, shadow_warnings,
};
pub use supervise::sites::{BackendChange, BackendChangeError};
pub use supervise::start_error::StartError;
pub use supervise::timeline::{
    Change, ChangeDetail, ChangeOrigin, ChangeSource, ChangeStatus, UndoAction, UndoError,
};
