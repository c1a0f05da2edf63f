//! The database: restarts, broken files, wiping, retention, file modes.

#[path = "../support/mod.rs"]
mod support;

mod broken_files;
mod database;
mod restart;
mod retention;
