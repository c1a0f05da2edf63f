//! The handlers of the API's calls, one file per area. The types are in `privet-api`.

pub(crate) mod apps;
pub(crate) mod cache;
pub(crate) mod changes;
pub(crate) mod config;
pub(crate) mod config_file;
pub(crate) mod connections;
pub(crate) mod diagnostics;
pub(crate) mod document;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod first_run;
pub(crate) mod identity;
pub(crate) mod lists;
pub(crate) mod login_codes;
pub(crate) mod not_implemented;
pub(crate) mod query_language;
pub(crate) mod requests;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod secrets;
pub(crate) mod sites;
pub(crate) mod status;
pub(crate) mod system_proxy;
pub(crate) mod upstreams;
pub(crate) mod usage;
pub(crate) mod why;
