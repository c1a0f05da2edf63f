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
pub mod host;
mod host_hash;
mod host_set;
pub mod list;
mod newly_blocked;
pub mod own_endpoints;
pub mod pac;
pub mod policy;
pub mod replay;
pub mod request;
pub mod rule_hit_counter;
mod rules;
pub mod shadowed_rules;
pub mod target;
pub mod temporary_rule;
pub mod thread_index;
pub mod trace;
pub mod verdict;

pub use compile::CompileError;
pub use decide::{decide, explain, reconsider, simulate};
pub use host::HostError;
pub use list::{List, ListError, ListHit, ListHitCounter, ListReader, ListStats, line_text};
pub use newly_blocked::{VisitedSite, newly_blocked};
pub use own_endpoints::{OwnEndpoints, reaches};
pub use pac::{pac, pac_for};
pub use policy::{ActiveRule, Mode, Policy};
pub use replay::{RecordedConnection, Replay, ReplayDifference, replay};
pub use request::{App, Host, Listener, Protocol, Request, Target};
pub use rule_hit_counter::{RuleHitCounter, RuleHitCounters, RuleHits};
pub use rules::{MAX_REGEX, RulePosition};
pub use shadowed_rules::{ShadowedRule, shadowed_rules};
pub use target::TargetError;
pub use temporary_rule::{SingleUse, TemporaryRule};
pub use trace::{Explanation, Outcome, OutcomeAction, Step, StepMessage};
pub use verdict::{Action, DirectPermit, Outbound, Route, Verdict, Why, WhyKind};
