//! Decisions: rules, filter, mode, kill switch, and their explanations.

#[path = "../given/mod.rs"]
mod given;

mod addresses;
mod content;
mod explanations;
mod filter;
mod routes;
mod rules;
mod support;
