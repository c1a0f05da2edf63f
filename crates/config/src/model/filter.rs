//! `[filter]`: own entries and block lists.

use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    pub lists: Vec<FilterList>,
}

#[derive(Debug, Clone)]
pub struct FilterList {
    pub name: String,
    pub source: ListSource,
    pub format: ListFormat,
    pub enabled: bool,
    pub refresh: Duration,
    /// It holds for private addresses too where it names them; else those are the user's own.
    pub private_addresses: bool,
    /// How long a new list only counts what it would block; zero: it blocks at once.
    pub probation: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSource {
    /// Absolute; relative paths are joined to the configuration's folder.
    Path(PathBuf),
    Url(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    Auto,
    Adblock,
    Hosts,
    Domains,
    Dnsmasq,
    Rpz,
}
