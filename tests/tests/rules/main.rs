//! Rules: hits, temporary rules, what a rule decides, and edits.

mod decisions;
mod edits;
mod lifetimes;
mod statistics;
mod support;
