//! Blocklists: reading them in six formats, and matching hosts and URLs against a list.
//!
//! An exception of a list undoes only lines of the same list; `[filter] allow` holds against all.

mod adblock_line;
mod blocklist;
mod detect;
mod dnsmasq_line;
mod hit;
mod hit_counter;
mod hosts_line;
mod line;
mod line_text;
mod read;
mod rpz_line;
mod stats;
mod url_rules;

pub use blocklist::List;
pub use hit::ListHit;
pub use hit_counter::{ListHitCounter, MOST_HOSTS};
pub use line::{LineFault, MAX_LINE, MAX_LINES};
pub use line_text::{MAX_SHOWN, line_text};
pub use read::ListReader;
pub use stats::{LineError, ListError, ListStats, MAX_LIST};
