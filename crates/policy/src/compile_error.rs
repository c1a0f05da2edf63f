//! Why a configuration does not compile to a policy.

use crate::HostError;

/// Why a configuration does not compile. One that `privet-config` has checked compiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("there is no mode “{0}”")]
    NoMode(String),
    #[error("{what} names “{name}”, which is no upstream and no group")]
    NoOutbound { what: String, name: String },
    #[error("{what}: “{text}”: {cause}")]
    Host {
        what: String,
        text: String,
        cause: HostError,
    },
    #[error("{what}: the regular expression “{text}” does not compile: {cause}")]
    Regex {
        what: String,
        text: String,
        cause: String,
    },
}
