//! Reads queries, path segments and JSON bodies; what does not fit is refused with a problem that says why.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use hyper::body::Body as _;
use privet_api::Problem;
use serde::de::DeserializeOwned;

use crate::rejection::Rejection;

/// Largest body of a call, in bytes; a long configuration has a tenth of it.
pub const MAX_BODY: usize = 1024 * 1024;
/// Longest time until a body has arrived.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// The query string as `T`; unknown keys are refused where `T` says so.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|error| Problem::bad_request(error.body_text()).into())
    }
}

/// One path segment as `T`.
pub struct PathParam<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParam<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|error| Problem::bad_request(error.body_text()).into())
    }
}

/// A JSON body (RFC 8259) as `T`. Its content type must be JSON: a web page of another origin can send other types without
/// a preflight request.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        if !is_json(request.headers()) {
            return Err(unsupported_media_type("application/json").into());
        }
        let body = read_body(request, state, MAX_BODY).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            Problem::bad_request(format!("The body is not what this call takes: {error}.")).into()
        })
    }
}

/// Reads a whole body of at most `most` bytes, in limited time. One that is announced as longer is refused unread.
pub async fn read_body<S: Send + Sync>(
    request: Request,
    state: &S,
    most: usize,
) -> Result<Bytes, Problem> {
    if request.body().size_hint().lower() > most as u64 {
        return Err(too_large(most));
    }
    match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large(most)),
        Ok(Err(error)) => Err(Problem::bad_request(error.body_text())),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow",
            "The body did not arrive in time.",
        )),
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("The body is larger than {most} bytes."),
    )
}

/// Refuses a parameter of more than `most` characters.
pub fn check_length(text: &str, most: usize, name: &str) -> Result<(), Problem> {
    if text.len() > most && text.chars().count() > most {
        return Err(Problem::bad_request(format!(
            "`{name}` has more than {most} characters."
        )));
    }
    Ok(())
}

/// Longest filter, in characters.
const MAX_FILTER: usize = 1000;
/// Most rows that can be skipped.
const MAX_OFFSET: u32 = 10_000_000;

/// Parses a filter, unless it is too long.
pub fn check_filter<T, E: std::fmt::Display>(
    text: &str,
    parse: impl FnOnce() -> Result<T, E>,
) -> Result<T, Problem> {
    check_length(text, MAX_FILTER, "filter")?;
    parse().map_err(|error| Problem::bad_request(format!("The filter is invalid: {error}.")))
}

/// Refuses a page of more than `most` rows, and one that skips too many.
pub fn check_page(limit: u32, offset: u32, most: usize) -> Result<(), Problem> {
    if limit as usize > most || offset > MAX_OFFSET {
        return Err(Problem::bad_request(format!(
            "A page has at most {most} rows and skips at most {MAX_OFFSET}."
        )));
    }
    Ok(())
}

pub fn unsupported_media_type(wanted: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content-type",
        format!("This call takes a body with `Content-Type: {wanted}`."),
    )
}

/// `application/json` or `application/…+json`, with any parameters.
pub fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| {
        kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
    })
}

/// The media type of the body in lower case, without its parameters.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}
