//! Errors as RFC 9457 problem details: what went wrong, where, and what to do.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Media type of every error body (RFC 9457 section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error of the API (RFC 9457). Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URN that programs can decide by: `urn:privet:problem:` and a short name.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "urn:privet:problem:not-found")]
    pub kind: Box<str>,
    /// The HTTP status in words.
    #[schema(value_type = String)]
    pub title: Box<str>,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What went wrong, in one sentence.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub help: Option<String>,
    /// For a refused configuration: every error and warning, with its position in the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
    /// With 412: the version that the request named, and the one that there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub versions: Option<Box<Versions>>,
}

/// The two versions of a change whose `If-Match` does not hold (RFC 9110 section 13.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Versions {
    /// As the request's `If-Match` has it.
    #[schema(example = "\"0123456789abcdef\"")]
    pub requested: String,
    /// The entity tag that a GET answers now.
    #[schema(example = "\"fedcba9876543210\"")]
    pub current: String,
}

/// One error or warning of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnostic {
    /// "error" or "warning".
    #[schema(example = "error")]
    pub severity: String,
    /// Its kind, for programs: "unknown-key", "bad-value", "undefined".
    pub code: String,
    /// From 1; 0 if it has no position in the text.
    pub line: u64,
    /// In characters, from 1; 0 if it has no position in the text.
    pub column: u64,
    pub cause: String,
    /// How to correct it, with the nearest valid name if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub help: Option<String>,
    /// The line of the file, with secrets redacted.
    pub source: String,
}

impl Problem {
    pub fn new(status: StatusCode, name: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:privet:problem:{name}").into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: detail.into(),
            help: None,
            diagnostics: Vec::new(),
            versions: None,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// The request is well-formed but cannot be carried out: an invalid configuration, rule or mode.
    pub fn unprocessable(name: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, name, detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// What is to be changed is no longer as the caller read it. Both versions are entity tags.
    pub fn precondition_failed(requested: String, current: String) -> Self {
        let mut problem = Self::new(
            StatusCode::PRECONDITION_FAILED,
            "version",
            "Another client changed this since it was read: nothing was changed.",
        )
        .help("Read it again, and make the change to what it is now.");
        problem.versions = Some(Box::new(Versions { requested, current }));
        problem
    }

    /// The engine failed: a disk, a task.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", detail)
    }

    /// A planned call that this version does not have.
    pub fn not_implemented(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "not-in-this-version",
            format!("This version of Privet has no {what} yet."),
        )
    }
}
