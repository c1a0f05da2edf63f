//! Blocklists: reading them in six formats, and matching hosts and URLs against a list.
//!
//! An exception of one list holds against the lines of all lists, unless they are `$important`.

mod adblock_line;
mod adblock_options;
mod adblock_rule;
mod blocklist;
mod conditions;
mod detect;
mod dnsmasq_line;
mod hit;
mod hit_counter;
mod host_patterns;
mod hosts_line;
mod line;
mod line_fault;
mod line_text;
mod networks;
mod read;
mod rpz_line;
mod stats;
mod url_rules;

pub use blocklist::List;
pub(crate) use blocklist::Subject;
pub use hit::ListHit;
pub use hit_counter::{ListHitCounter, MAX_HOSTS};
pub use line::MAX_LINES;
pub use line_fault::{LineFault, MAX_LINE};
pub use line_text::{MAX_SHOWN, line_text};
pub(crate) use networks::canonical_net;
pub use read::ListReader;
pub use stats::{LineError, ListError, ListStats, MAX_ERRORS, MAX_LIST};
