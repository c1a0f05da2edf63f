//! `/api/v1/login-codes`: codes that log a browser in once.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Who may use the code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoginCodeRequest {
    /// The user of this machine whose programs may use the code; absent: any program that knows it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(nullable = false, value_type = u64, maximum = 4_294_967_295_u64)]
    pub user: Option<u32>,
}

/// Reads a number; null is none.
fn not_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    u32::deserialize(from).map(Some)
}

/// A code that logs a browser in once. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginCode {
    /// The page's address with the code in its fragment, which browsers do not send.
    #[schema(example = "http://127.0.0.1:7282/#code=c0de")]
    pub url: String,
    /// When the code ends; milliseconds since 1970.
    pub expires_ms: u64,
}

impl fmt::Debug for LoginCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginCode")
            .field("expires_ms", &self.expires_ms)
            .finish_non_exhaustive()
    }
}
