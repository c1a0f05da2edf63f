//! What belongs to a response beside its head and body.

use std::time::Duration;

/// What a caller knows of a response that is to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'a> {
    /// For people and purges; the key alone finds the entry.
    pub url: &'a str,
    /// The announced length of the body.
    pub body_len: Option<u64>,
    /// Whose entry it is, as a number of the caller's: purges find it by that.
    pub owner: u64,
    /// The site of the page that caused it, as [`page_mark`](crate::site::page_mark) gives it.
    pub page: u32,
    /// The way it came, as a number of the caller's, where its validators may be sent by the same way alone; else 0.
    pub route: u32,
    /// Whether it may outlive the process.
    pub keep_on_disk: bool,
    /// How long the origin took to begin its response.
    pub took: Duration,
}
