//! `[log]`: the program's own log and the history of connections.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Log {
    /// A `tracing` filter: "info", "debug", "privet_net=trace,info".
    pub level: String,
    pub format: LogFormat,
    pub connections: Retention,
    pub requests: RequestLog,
}

/// Whether requests that can be read are recorded as rows of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestLog {
    None,
    Memory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// How long ended connections are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Not at all, also no totals by domain.
    None,
    /// In memory, until the program ends.
    Memory,
    /// On disk, for this time.
    Disk(Duration),
}
