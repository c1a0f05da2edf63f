//! What is set by hand at the backends of sites: weights, and whether they drain.

mod backend_change;
mod change_backend;

pub(crate) use backend_change::RestoreBackend;
pub use backend_change::{BackendChange, BackendChangeError};
