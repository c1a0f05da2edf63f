//! The configuration file: reading it as a checked [`Config`], changing its text, saving it atomically. Secrets stay references.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod backend_url;
mod certificate_pin;
mod defaults;
mod diagnose;
mod domain;
mod duration;
mod edit;
mod findings;
mod json;
pub mod keys;
mod keyword;
pub mod model;
mod nearest;
mod place;
mod read;
mod redact;
mod redacted_line;
pub mod revision;
mod rule_id;
mod save;
mod secret;
mod secret_spans;
mod size;
mod timestamp;
mod tree;
pub mod unix_time;

pub use backend_url::{BackendHost, BackendScheme, BackendUrl};
pub use defaults::{
    DEFAULT_CHECK_INTERVAL, DEFAULT_CHECK_TIMEOUT, DEFAULT_MIXED, DEFAULT_MODE, DEFAULT_PAC,
    DEFAULT_REFRESH, built_in_modes,
};
pub use diagnose::{Diagnostic, DiagnosticCode, Diagnostics, Severity};
pub use domain::normal_domain;
pub use duration::{format_duration, parse_duration};
pub use edit::{Document, EditError};
pub use findings::MAX_DIAGNOSTICS;
pub use json::{rule_json, to_json, upstream_url};
pub use keyword::{Keyword, UnknownKeyword};
pub use model::*;
pub use place::place_files;
pub use read::{FILE_NAME, LoadedConfig, MAX_FILE, default_path};
pub use redact::{redact, restore_secrets};
pub use revision::{FileLines, RevertError, Revision};
pub use rule_id::rule_ids;
pub use save::{SaveError, save};
pub use secret::{Keyring, KeyringError, KeyringStatus, MAX_SECRET, NoKeyring, SecretError};
pub use size::{format_size, parse_size};
pub use timestamp::{format_timestamp, format_timestamp_seconds, parse_timestamp};
