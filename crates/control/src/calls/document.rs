//! GET /api/v1/openapi.json: what all calls take and answer.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};

use crate::problem::Problem;

/// The API's document
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "document",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"))
)]
pub(crate) async fn read_document() -> Result<Response, Problem> {
    let text = crate::openapi_json().map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}
