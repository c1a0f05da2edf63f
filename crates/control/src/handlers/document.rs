//! GET /api/v1/openapi.json: what all calls take and answer.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderValue, header};

/// The OpenAPI document as JSON. The router adds it to each request.
#[derive(Clone)]
pub(crate) struct DocumentJson(pub Bytes);

/// Read the OpenAPI document
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "document",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"))
)]
pub(crate) async fn read_document(Extension(document): Extension<DocumentJson>) -> Response {
    let mut response = Response::new(Body::from(document.0));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
