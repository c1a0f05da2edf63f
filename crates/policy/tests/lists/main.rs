//! Reading lists in six formats, and what their lines match.

#[path = "../given/mod.rs"]
mod given;

mod adblock;
mod formats;
mod published;
mod random;
mod support;
