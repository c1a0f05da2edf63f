//! Calls of the contract whose engines this version does not have: they exist by name and say so.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Json, Query};
use crate::problem::Problem;

#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Prefix {
    /// Entries whose URL starts so; absent: all.
    #[param(max_length = 8192, nullable = false)]
    prefix: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemProxyWish {
    enabled: bool,
}

/// The cache's figures and entries
#[utoipa::path(get, path = "/api/v1/cache", tag = "later",
    responses((status = 501, description = "Not in this version", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn read_cache() -> Problem {
    Problem::not_implemented("cache")
}

/// Purge the cache
#[utoipa::path(delete, path = "/api/v1/cache", tag = "later", params(Prefix),
    responses((status = 501, description = "Not in this version", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn purge_cache(_: Query<Prefix>) -> Problem {
    Problem::not_implemented("cache")
}

/// The reverse side's sites
#[utoipa::path(get, path = "/api/v1/sites", tag = "later",
    responses((status = 501, description = "Not in this version", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list_sites() -> Problem {
    Problem::not_implemented("reverse sites")
}

/// The operating system's proxy, as measured
#[utoipa::path(get, path = "/api/v1/system-proxy", tag = "later",
    responses((status = 501, description = "Not in this version", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn read_system_proxy() -> Problem {
    Problem::not_implemented("system proxy switch")
}

/// Switch the operating system's proxy
#[utoipa::path(put, path = "/api/v1/system-proxy", tag = "later", request_body = SystemProxyWish,
    responses((status = 501, description = "Not in this version", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn set_system_proxy(Json(wish): Json<SystemProxyWish>) -> Problem {
    let SystemProxyWish { enabled: _ } = wish;
    Problem::not_implemented("system proxy switch")
}

/// Run the leak test
#[utoipa::path(post, path = "/api/v1/leaktest", tag = "later",
    responses((status = 501, description = "Not in this version", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn run_leaktest() -> Problem {
    Problem::not_implemented("leak test")
}
