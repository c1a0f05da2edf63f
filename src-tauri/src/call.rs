//! The page's calls, carried to the control API and nowhere else.

use std::time::Duration;

use privet_api::{Endpoint, TransportError};
use serde::{Deserialize, Serialize};
use tauri::http::{Method, Request, header};

/// Everything the page may reach begins so.
const API: &str = "/api/v1/";
/// Longest path with its query, in bytes; a query of the table is far shorter.
const MAX_PATH: usize = 16 * 1024;
/// Longest body sent, in bytes: a whole configuration file and more.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// Longest answer read, in bytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// A refresh of a large list, or an upstream's test, may take this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the engine of this window listens.
pub struct Door(pub Endpoint);

/// Why there is no answer; the page has a sentence for each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "detail")]
pub enum Refusal {
    /// No engine listens there.
    NotRunning(String),
    TimedOut,
    Broken(String),
    /// The page asked for what it may not reach.
    Forbidden(String),
}

impl From<TransportError> for Refusal {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotRunning(place) => Self::NotRunning(place),
            TransportError::TimedOut => Self::TimedOut,
            TransportError::Broken(why) => Self::Broken(why),
        }
    }
}

/// The page's request.
#[derive(Debug, Deserialize)]
pub struct Asked {
    method: String,
    path: String,
    /// JSON.
    body: Option<String>,
}

/// The engine's answer.
#[derive(Debug, Serialize)]
pub struct Said {
    status: u16,
    body: String,
}

/// One call of the control API.
#[tauri::command]
pub async fn call(door: tauri::State<'_, Door>, asked: Asked) -> Result<Said, Refusal> {
    let request = request(&asked.method, &asked.path, asked.body)?;
    let answer =
        privet_api::transport::send_and_collect(&door.0, request, MAX_ANSWER, PATIENCE).await?;
    Ok(Said {
        status: answer.status.as_u16(),
        body: String::from_utf8_lossy(&answer.body).into_owned(),
    })
}

/// A request that may be sent.
///
/// # Errors
/// [`Refusal::Forbidden`]
pub fn request<B: From<String>>(
    method: &str,
    path: &str,
    body: Option<String>,
) -> Result<Request<B>, Refusal> {
    let forbidden = |why: &str| Refusal::Forbidden(why.to_owned());
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
        // So that the timeline of changes says where one was made.
        .header("privet-door", "window");
    if body.is_some() {
        builder = builder.header(header::CONTENT_TYPE, "application/json");
    }
    builder
        .body(B::from(body.unwrap_or_default()))
        .map_err(|error| Refusal::Forbidden(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(method: &str, path: &str, body: Option<String>) -> Result<Request<String>, Refusal> {
        request(method, path, body)
    }

    #[test]
    fn the_control_api_is_reached_with_its_query_and_body() {
        let request = sent("PUT", "/api/v1/mode?x=a%20b", Some("{}".to_owned())).unwrap();
        assert_eq!(request.uri(), "/api/v1/mode?x=a%20b");
        assert_eq!(request.headers()["content-type"], "application/json");
        assert_eq!(request.headers()["privet-door"], "window");
    }

    #[test]
    fn nothing_else_is() {
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
                matches!(sent("GET", path, None), Err(Refusal::Forbidden(_))),
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
