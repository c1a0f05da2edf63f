//! What is remembered, for how long, and how much of it.

use std::path::PathBuf;
use std::time::Duration;

use privet_policy::Host;

/// Rows of the closed and of the blocked history, each.
pub const HISTORY_ROWS: usize = 10_000;
/// Bytes of the closed and of the blocked history, each.
pub const HISTORY_BYTES: usize = 6 << 20;

/// What is remembered of connections that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Nothing, not even totals by domain.
    None,
    /// Until the program ends; no file is written.
    Memory,
    /// On disk, for so long.
    Disk(Duration),
}

/// How a connection log keeps its books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub retention: Retention,
    /// The database's file, where the retention is on disk: DATA_DIR/ledger.db.
    pub file: Option<PathBuf>,
    /// Domains, in lower case, that are only ever counted as one sum, their subdomains included.
    pub private: Vec<String>,
    /// Domains are booked by their last so many labels; `None` books hosts as they were asked for.
    pub domain_labels: Option<usize>,
    /// Rows that each history keeps in memory.
    pub history_rows: usize,
    /// Bytes that each history keeps in memory.
    pub history_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention: Retention::Memory,
            file: None,
            private: Vec::new(),
            domain_labels: None,
            history_rows: HISTORY_ROWS,
            history_bytes: HISTORY_BYTES,
        }
    }
}

impl Settings {
    /// Whether a host is only counted as part of a sum.
    pub(crate) fn is_private(&self, host: &Host) -> bool {
        let Host::Name(name) = host else {
            return false;
        };
        self.private.iter().any(|domain| {
            name.strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    /// The name under which a host name is booked.
    pub(crate) fn domain<'a>(&self, name: &'a str) -> &'a str {
        let Some(labels) = self.domain_labels.filter(|labels| *labels > 0) else {
            return name;
        };
        match name.rmatch_indices('.').nth(labels - 1) {
            Some((dot, _)) => &name[dot + 1..],
            None => name,
        }
    }
}
