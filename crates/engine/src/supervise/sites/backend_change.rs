//! A change of a backend by hand, and what undoes it.

use serde::{Deserialize, Serialize};

/// What is set by hand; `None` stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackendChange {
    pub draining: Option<bool>,
    /// `Some(None)`: the weight of the configuration.
    pub weight: Option<Option<u32>>,
}

/// What undoes a change of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreBackend {
    pub(crate) site: String,
    pub(crate) backend: String,
    pub(crate) draining: bool,
    pub(crate) weight: Option<u32>,
}

/// A backend could not be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendChangeError {
    #[error("there is no site {0:?}")]
    NoSite(String),
    #[error("site {site:?} has no backend {backend:?}")]
    NoBackend { site: String, backend: String },
    #[error("the engine is stopping")]
    Stopping,
}
