//! Paths and queries of requests, and reading answers.

use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ClientError;
use crate::problem::Problem;

pub(super) fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, ClientError> {
    if !status.is_success() {
        return Err(refusal(status, body));
    }
    // An answer without a body (204) is read as `null`.
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| ClientError::Broken(error.to_string()))
}

/// What an answer with an error status says.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    if status == StatusCode::UNAUTHORIZED {
        return ClientError::Unauthorized;
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => ClientError::Broken(format!("status {status}")),
    }
}

pub(super) fn with_query<Q: Serialize>(path: &str, query: &Q) -> Result<String, ClientError> {
    let query = serde_urlencoded::to_string(query)
        .map_err(|error| ClientError::Broken(error.to_string()))?;
    Ok(if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    })
}

/// `text` as one path segment: everything but unreserved characters (RFC 3986 section 2.3) is percent-encoded.
pub(super) fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_reserved_characters_stays_one_segment() {
        assert_eq!(segment("a b/../c?é"), "a%20b%2F..%2Fc%3F%C3%A9");
    }
}
