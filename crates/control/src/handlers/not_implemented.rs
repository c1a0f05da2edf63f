//! Planned calls that this version does not have: they answer 501, and the OpenAPI document does not list them.

use axum::Router;
use axum::routing::post;
use privet_api::Problem;

use crate::rejection::Rejection;
use crate::state::ApiState;

pub(crate) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/leaktest", post(no_leaktest))
}

async fn no_leaktest() -> Rejection {
    Problem::not_implemented("leak test").into()
}
