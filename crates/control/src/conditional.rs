//! Gives what can be changed a version: GETs carry an `ETag`, and a change whose `If-Match` does not hold answers 412 with both
//! versions (RFC 9110 section 13.1.1).

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use privet_api::Problem;
use privet_config::to_json;
use serde_json::Value;

use crate::extract::{MAX_BODY, check_length, read_body};
use crate::rejection::Rejection;
use crate::state::ApiState;

/// Longest `If-Match`, in characters.
const MAX_IF_MATCH: usize = 1024;
const API: &str = "/api/v1/";

/// What has a version of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versioned {
    /// The file and the running configuration, as one.
    Config,
    /// The rules and their order, temporary ones included.
    Rules,
    /// The entries of `[[filter.list]]`.
    Lists,
    /// The upstreams and groups.
    Upstreams,
    /// The sites, and what was set by hand at their backends.
    Sites,
}

impl Versioned {
    /// What a GET of this path reads as a whole.
    fn read_by(path: &str) -> Option<Self> {
        Some(match path.strip_prefix(API)? {
            "config" | "config/file" => Self::Config,
            "rules" => Self::Rules,
            "lists" => Self::Lists,
            "upstreams" => Self::Upstreams,
            "sites" => Self::Sites,
            _ => return None,
        })
    }

    /// What a call changes; `None` where it changes nothing with a version, or where there is no such call.
    fn changed_by(method: &Method, path: &str) -> Option<Self> {
        let path: Vec<&str> = path.strip_prefix(API)?.split('/').collect();
        match (method.as_str(), path.as_slice()) {
            ("PUT" | "PATCH", ["config"]) | ("PUT", ["config", "file"]) => Some(Self::Config),
            ("POST", ["changes", _, "undo"]) => Some(Self::Config),
            ("POST", ["rules"]) | ("PUT" | "PATCH" | "DELETE", ["rules", _]) => Some(Self::Rules),
            ("PATCH", ["sites", _, "backends", _]) => Some(Self::Sites),
            ("POST", ["lists", _, "refresh"]) => None,
            ("POST", ["lists"] | ["lists", _, _]) | ("DELETE", ["lists", _]) => Some(Self::Lists),
            _ => None,
        }
    }

    /// Its version now, as an entity tag.
    async fn version(self, api: &ApiState) -> Result<String, Problem> {
        let config = to_json(&api.engine.config());
        let part = |path: &str| config.pointer(path).map(Value::to_string);
        Ok(match self {
            Self::Config => {
                let file = api.engine.options().config_path.clone();
                // Not through the engine, which may be busy with a change. A missing file is a version too.
                let text = tokio::task::spawn_blocking(move || std::fs::read(file).ok())
                    .await
                    .map_err(|error| Problem::internal(error.to_string()))?;
                // Readers get the running configuration, editors start from the file.
                entity_tag(&(config.to_string(), text))
            }
            Self::Rules => {
                let rules = api.engine.rules();
                entity_tag(&rules.iter().map(|rule| &rule.id).collect::<Vec<_>>())
            }
            Self::Lists => entity_tag(&part("/filter/list")),
            Self::Sites => {
                let sites = crate::handlers::sites::sites(&api.engine).sites;
                let backends = sites.iter().flat_map(|site| &site.routes);
                let by_hand = backends.flat_map(|route| &route.backends).map(|backend| {
                    let draining = backend.state == "draining";
                    (&backend.id, backend.manual_weight, draining)
                });
                entity_tag(&(part("/site"), by_hand.collect::<Vec<_>>()))
            }
            Self::Upstreams => entity_tag(&(part("/upstream"), part("/group"))),
        })
    }
}

/// The entity tag of a value. It distinguishes one version from the next; it is not a security measure.
fn entity_tag(value: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// What is set as a whole, and must not wait for other changes: the mode, the system proxy, the keyring's entries. It has no
/// version, so that only `If-Match: *` holds.
fn has_no_version(method: &Method, path: &str) -> bool {
    let path = path.strip_prefix(API).unwrap_or_default();
    match *method {
        Method::PUT => matches!(path, "mode" | "system-proxy") || path.starts_with("secrets/"),
        Method::DELETE => path.starts_with("secrets/"),
        _ => false,
    }
}

/// The middleware of all calls: adds `ETag` to answers, and checks `If-Match` of changes.
pub(crate) async fn layer(State(api): State<ApiState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let answer = match *request.method() {
        Method::GET => match Versioned::read_by(path) {
            Some(versioned) => add_etag(&api, versioned, request, next).await,
            None => Ok(next.run(request).await),
        },
        _ => match Versioned::changed_by(request.method(), path) {
            Some(versioned) => run_change(&api, versioned, request, next).await,
            None if has_no_version(request.method(), path) => run_unversioned(request, next).await,
            None => Ok(next.run(request).await),
        },
    };
    answer.unwrap_or_else(|problem| Rejection(problem).into_response())
}

async fn add_etag(
    api: &ApiState,
    versioned: Versioned,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    // Read first: if it changes meanwhile, the answer has the older version, with which no change is made.
    let version = HeaderValue::try_from(versioned.version(api).await?);
    let mut response = next.run(request).await;
    if let (true, Ok(version)) = (response.status().is_success(), version) {
        response.headers_mut().insert(header::ETAG, version);
    }
    Ok(response)
}

/// Runs a call on what has no version. It waits for no other change.
async fn run_unversioned(request: Request, next: Next) -> Result<Response, Problem> {
    match if_match(request.headers())? {
        Some(requested) if requested != "*" => Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "version",
            "This has no version: it is set as a whole, and waits for no other change.",
        )
        .help("Send it without `If-Match`.")),
        _ => Ok(next.run(request).await),
    }
}

/// Runs a change after its `If-Match`, if any, was found to hold. No other change begins until it has ended.
async fn run_change(
    api: &ApiState,
    versioned: Versioned,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    // Its body first: other changes do not wait for a slow client, and a client that is still sending reads the answer.
    let (parts, body) = request.into_parts();
    let body = read_body(Request::from_parts(parts.clone(), body), api, MAX_BODY).await?;
    let requested = if_match(&parts.headers)?;
    let _guard = api.change_lock.lock().await;
    if let Some(requested) = requested {
        check_if_match(api, versioned, parts.uri.path(), requested).await?;
    }
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

async fn check_if_match(
    api: &ApiState,
    versioned: Versioned,
    path: &str,
    requested: String,
) -> Result<(), Problem> {
    let current = versioned.version(api).await?;
    let mut valid = vec![current.clone()];
    if versioned != Versioned::Config {
        valid.push(Versioned::Config.version(api).await?);
    }
    // A rule's id changes with its content: it is the rule's own version.
    let rule = path.strip_prefix("/api/v1/rules/");
    if rule.is_some_and(|id| api.engine.rules().iter().any(|rule| rule.id == id)) {
        valid.extend(rule.map(|id| format!("\"{id}\"")));
    }
    let holds = requested
        .split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || valid.iter().any(|valid| valid == tag));
    match holds {
        true => Ok(()),
        false => Err(Problem::precondition_failed(requested, current)),
    }
}

/// The request's `If-Match`, its lines joined.
fn if_match(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        let text = value.to_str().ok();
        values.push(text.ok_or_else(|| Problem::bad_request("`If-Match` is not text."))?);
    }
    let joined = values.join(", ");
    check_length(&joined, MAX_IF_MATCH, "If-Match")?;
    if values.is_empty() {
        return Ok(None);
    }
    match joined.split(',').map(str::trim).all(is_entity_tag) {
        true => Ok(Some(joined)),
        false => Err(Problem::bad_request(
            "`If-Match` is neither `*` nor a list of quoted entity tags.",
        )),
    }
}

/// Whether this is `*` or an entity tag (RFC 9110 section 8.8.3). Tags with a comma are not: ours have none.
fn is_entity_tag(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| {
        inner
            .bytes()
            .all(|byte| byte > b' ' && byte != b'"' && byte != 0x7f)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_know_what_they_change() {
        for (method, path, changed) in [
            (Method::DELETE, "rules/abc", Some(Versioned::Rules)),
            (Method::POST, "rules/abc", None),
            (Method::PUT, "config/file", Some(Versioned::Config)),
            (Method::POST, "config", None),
            (Method::TRACE, "lists/ads", None),
            (Method::POST, "changes/7/undo", Some(Versioned::Config)),
            (Method::POST, "lists/ads/accept", Some(Versioned::Lists)),
            (Method::POST, "lists/ads/refresh", None),
            (Method::POST, "upstreams/a/test", None),
            (
                Method::PATCH,
                "sites/app/backends/1",
                Some(Versioned::Sites),
            ),
            (Method::PUT, "sites/app/backends/1", None),
        ] {
            let path = format!("{API}{path}");
            assert_eq!(
                Versioned::changed_by(&method, &path),
                changed,
                "{method} {path}"
            );
        }
        for (method, path, expected) in [
            (Method::PUT, "mode", true),
            (Method::PUT, "system-proxy", true),
            (Method::DELETE, "secrets/office", true),
            (Method::GET, "secrets/office", false),
            (Method::PUT, "config", false),
        ] {
            let path = format!("{API}{path}");
            assert_eq!(has_no_version(&method, &path), expected, "{method} {path}");
        }
        assert_eq!(Versioned::read_by("/api/v1/changes"), None);
        assert_eq!(Versioned::read_by("/api/v1"), None);
    }

    #[test]
    fn several_fields_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(if_match(&headers).unwrap(), None);
        headers.append(header::IF_MATCH, HeaderValue::from_static("\"a\""));
        headers.append(header::IF_MATCH, HeaderValue::from_static("\"b\""));
        assert_eq!(if_match(&headers).unwrap().as_deref(), Some("\"a\", \"b\""));
    }

    #[test]
    fn what_is_no_entity_tag_is_a_bad_request() {
        for text in ["\"a\"", "*", "W/\"a\"", "\"\"", "\"a\", *"] {
            let mut headers = HeaderMap::new();
            headers.append(header::IF_MATCH, HeaderValue::from_static(text));
            assert_eq!(if_match(&headers).unwrap().as_deref(), Some(text));
        }
        for text in [
            "", "a", "\"", "\"a", "\"a\",", "\"a b\"", "w/\"a\"", "\"a\"b\"",
        ] {
            let mut headers = HeaderMap::new();
            headers.append(header::IF_MATCH, HeaderValue::from_static(text));
            assert_eq!(if_match(&headers).unwrap_err().status, 400, "{text}");
        }
    }
}
