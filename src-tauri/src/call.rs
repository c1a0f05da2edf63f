//! Forwards the page's API calls to the control socket, and nothing else.

use std::time::Duration;

use privet_api::{CLIENT_HEADER, ClientKind, Endpoint, TransportError};
use serde::{Deserialize, Serialize};
use tauri::http::{Method, Request, header};

/// Prefix of every path that the page may request.
const API: &str = "/api/v1/";
/// Longest path with query, in bytes.
const MAX_PATH: usize = 16 * 1024;
/// Longest request body, in bytes; a whole configuration file fits.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// Longest response body, in bytes.
const MAX_RESPONSE: usize = 16 * 1024 * 1024;
/// Timeout of a call; refreshing a large list takes long.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// The control socket of this window's engine.
pub struct EngineEndpoint(pub Endpoint);

/// Why there is no response. The page has a message for each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "detail")]
pub enum CallError {
    /// No engine listens on the socket.
    NotRunning(String),
    TimedOut,
    Broken(String),
    /// The page requested a path or method that is not allowed.
    Forbidden(String),
}

impl From<TransportError> for CallError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotRunning(endpoint) => Self::NotRunning(endpoint),
            TransportError::TimedOut => Self::TimedOut,
            TransportError::Broken(why) => Self::Broken(why),
        }
    }
}

/// The page's request.
#[derive(Debug, Deserialize)]
pub struct ApiRequest {
    method: String,
    path: String,
    /// JSON.
    body: Option<String>,
    /// The version that a change is made from.
    if_match: Option<String>,
}

/// The engine's response.
#[derive(Debug, Serialize)]
pub struct ApiResponse {
    status: u16,
    /// The version of what was read.
    etag: Option<String>,
    body: String,
}

/// One call of the control API.
#[tauri::command]
pub async fn call(
    engine: tauri::State<'_, EngineEndpoint>,
    request: ApiRequest,
) -> Result<ApiResponse, CallError> {
    let version = request.if_match;
    let mut request = build_request(&request.method, &request.path, request.body)?;
    if let Some(version) = version {
        let version = header::HeaderValue::try_from(version)
            .map_err(|_| CallError::Forbidden("if-match".to_owned()))?;
        request.headers_mut().insert(header::IF_MATCH, version);
    }
    let answer =
        privet_api::transport::send_and_collect(&engine.0, request, MAX_RESPONSE, CALL_TIMEOUT)
            .await?;
    Ok(ApiResponse {
        status: answer.status.as_u16(),
        etag: answer.etag,
        body: String::from_utf8_lossy(&answer.body).into_owned(),
    })
}

/// Builds a request after checking method, path and body size.
///
/// # Errors
/// [`CallError::Forbidden`]
pub fn build_request<B: From<String>>(
    method: &str,
    path: &str,
    body: Option<String>,
) -> Result<Request<B>, CallError> {
    let forbidden = |why: &str| CallError::Forbidden(why.to_owned());
    let method = match method {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return Err(forbidden("method")),
    };
    let clean = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let climbs = path
        .split(['/', '?'])
        .any(|part| part == ".." || part == ".");
    if !path.starts_with(API) || path.len() > MAX_PATH || !clean || climbs {
        return Err(forbidden("path"));
    }
    if body.as_ref().is_some_and(|body| body.len() > MAX_BODY) {
        return Err(forbidden("body"));
    }
    let mut builder = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "privet")
        // Recorded as the source of a change in the timeline.
        .header(CLIENT_HEADER, ClientKind::Window.as_str());
    if body.is_some() {
        builder = builder.header(header::CONTENT_TYPE, "application/json");
    }
    builder
        .body(B::from(body.unwrap_or_default()))
        .map_err(|error| CallError::Forbidden(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(method: &str, path: &str, body: Option<String>) -> Result<Request<String>, CallError> {
        build_request(method, path, body)
    }

    #[test]
    fn requests_of_the_control_api_keep_query_and_body() {
        let request = sent("PUT", "/api/v1/mode?x=a%20b", Some("{}".to_owned())).unwrap();
        assert_eq!(request.uri(), "/api/v1/mode?x=a%20b");
        assert_eq!(request.headers()["content-type"], "application/json");
        assert_eq!(request.headers()[CLIENT_HEADER], "window");
    }

    #[test]
    fn requests_outside_the_control_api_are_refused() {
        for path in [
            "/",
            "/api/v2/status",
            "/api/v1",
            "http://example.test/api/v1/status",
            "//example.test/api/v1/",
            "/api/v1/../../metrics",
            "/api/v1/a b",
            "/api/v1/a\r\nX: y",
            "/api/v1/a#b",
        ] {
            assert!(
                matches!(sent("GET", path, None), Err(CallError::Forbidden(_))),
                "{path:?}"
            );
        }
        let long = format!("/api/v1/{}", "a".repeat(MAX_PATH));
        assert!(sent("GET", &long, None).is_err());
        assert!(sent("CONNECT", "/api/v1/status", None).is_err());
        let big = "a".repeat(MAX_BODY + 1);
        assert!(sent("PUT", "/api/v1/config", Some(big)).is_err());
    }
}
