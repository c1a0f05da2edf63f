//! Inward: listen → detect → handshake → decide → dial → relay → ledger. Start, reload, drain.
//!
//! One connection reads top to bottom: [`accept`] takes it, [`detect`] names its protocol, `socks` or `privet_http` hold
//! the handshake, [`serve`] decides, dials and books, [`tunnel`] relays.
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
mod aside;
mod assemble;
mod books;
mod change;
mod converse;
pub mod detect;
mod drain;
mod engine;
mod fetch;
mod in_force;
mod judge;
mod keep_lists;
mod keep_mode;
mod keeper;
mod launch;
mod list_files;
mod listen;
mod lists;
mod login;
mod mode;
mod offline;
mod order;
mod pac;
mod places;
mod problem;
mod programs;
mod reload;
mod reloads;
mod rules;
mod serve;
mod serve_socks;
mod shared;
mod snapshot;
pub mod socks;
mod start;
mod timeline;
mod tunnel;
mod watch;
mod why;
mod workers;
mod yesterday;

pub use drain::DRAIN_DEADLINE;
pub use engine::Engine;
pub use launch::{Options, StartError};
pub use listen::{Kind, ListenerState};
pub use lists::{HeldUpdate, ListAct, ListPhase, ListRefusal, ListState, Version as ListVersion};
pub use mode::ModeState;
pub use offline::OfflineError;
pub use problem::Problem;
pub use reload::{Applied, ApplyError, By};
pub use rules::{Lasts, MAX_TEMPORARY, RuleState, Span, shadow_warnings};
pub use snapshot::Snapshot;
pub use timeline::{Door, Entry, Told, Undo, UndoError, What};
pub use why::Question;
pub use yesterday::try_on_yesterday;
