//! POST /api/v1/identity: new credentials for upstreams that isolate connections by them.

use axum::extract::State;
use privet_api::identity::Identity;

use crate::state::ApiState;

/// Take a new identity
#[utoipa::path(
    post,
    path = "/api/v1/identity",
    tag = "upstreams",
    responses((status = 200, description = "Replaced: connections from now on share no circuit with earlier ones", body = Identity))
)]
pub(crate) async fn rotate_identity(State(api): State<ApiState>) -> axum::Json<Identity> {
    api.engine.rotate_identity();
    axum::Json(Identity {
        rotated_ms: privet_config::unix_time::now_ms(),
    })
}
