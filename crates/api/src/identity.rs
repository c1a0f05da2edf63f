//! `/api/v1/identity`: new credentials for upstreams that isolate connections by them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When the credentials were last replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// Milliseconds since 1970.
    pub rotated_ms: u64,
}
