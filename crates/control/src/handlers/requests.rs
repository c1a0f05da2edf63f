//! GET /api/v1/requests: pages of requests that could be read.

use axum::extract::State;
use privet_api::requests::{RequestPage, RequestsQuery};

use crate::extract::Query;
use crate::rejection::Answer;
use crate::request_view::RequestViewer;
use crate::state::ApiState;

/// List requests
#[utoipa::path(
    get,
    path = "/api/v1/requests",
    tag = "connections",
    params(RequestsQuery),
    responses((status = 200, description = "The rows of the page, and how many match", body = RequestPage))
)]
pub(crate) async fn list_requests(
    State(api): State<ApiState>,
    Query(query): Query<RequestsQuery>,
) -> Answer<RequestPage> {
    let viewer = RequestViewer::new(&query)?;
    Ok(axum::Json(viewer.view(&api.engine)))
}
