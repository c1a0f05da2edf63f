//! The policy: where a connection goes, and why. Pure: no sockets, no clock, no files. The engine, the simulator and the PAC
//! file call the same function, [`decide()`].
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod compile;
mod compile_error;
mod content;
mod decide;
mod domain_entry;
mod explanation;
mod host;
mod host_hash;
mod host_set;
pub mod list;
mod newly_blocked;
mod own_endpoints;
mod own_network;
mod pac;
mod policy;
pub mod replay;
mod request;
mod rule_hit_counter;
mod rules;
mod shadowed_rules;
mod target;
mod temporary_rule;
pub mod thread_index;
mod verdict;

pub use compile_error::CompileError;
pub use content::{SHIPPED_DATE, ShippedGroup, shipped_hosts};
pub use decide::{decide, explain, reconsider, simulate};
pub use explanation::{Explanation, MAX_STEPS, Outcome, OutcomeAction, Step, StepMessage};
pub use host::{HostError, MAX_LABEL, MAX_NAME, is_outside_dns};
pub use list::{List, ListError, ListHit, ListHitCounter, ListReader, ListStats, line_text};
pub use newly_blocked::{VisitedSite, newly_blocked};
pub use own_endpoints::{OwnEndpoints, reaches};
pub use own_network::{OwnNetwork, own_network};
pub use pac::{PacProxy, pac, pac_for};
pub use policy::{ActiveRule, Mode, Policy};
pub use replay::{RecordedConnection, Replay, ReplayDifference, replay};
pub use request::{Addresses, App, Host, Listener, Program, Protocol, Request, Target};
pub use rule_hit_counter::{RuleHitCounter, RuleHitCounters, RuleHits};
pub use rules::{MAX_REGEX, RulePosition};
pub use shadowed_rules::{ShadowedRule, shadowed_rules};
pub use target::TargetError;
pub use temporary_rule::{SingleUse, TemporaryRule};
pub use verdict::{
    Action, DirectPermit, Inspection, Outbound, Route, Treatment, UntouchedBy, Verdict, Why,
    WhyKind,
};
