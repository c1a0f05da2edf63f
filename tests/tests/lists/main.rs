//! Blocklists: formats, updates, probation, versions, stored texts.

mod formats;
mod sources;
mod support;
mod updates;
