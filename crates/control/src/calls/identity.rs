//! POST /api/v1/identity: new credentials towards upstreams that isolate by them.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Api;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// When, in milliseconds since 1970.
    pub rotated_ms: u64,
}

/// New identity
#[utoipa::path(
    post,
    path = "/api/v1/identity",
    tag = "upstreams",
    responses((status = 200, description = "Rotated: connections from now on share no circuit with earlier ones", body = Identity))
)]
pub(crate) async fn rotate_identity(State(api): State<Api>) -> axum::Json<Identity> {
    api.engine.rotate_identity();
    axum::Json(Identity {
        rotated_ms: crate::logs::now_ms(),
    })
}
