//! The calls of the API: one file each, with what goes in, what comes out, and the handler between.

pub mod apps;
pub mod changes;
pub mod config;
pub mod connections;
pub mod doctor;
pub mod document;
pub mod events;
pub mod export;
pub mod file;
pub mod first_run;
pub mod identity;
pub mod language;
pub mod later;
pub mod lists;
pub mod rules;
pub mod secrets;
pub mod status;
pub mod system_proxy;
pub mod upstreams;
pub mod usage;
pub mod why;

/// The word that stands for a value of an enumeration in JSON.
pub(crate) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
