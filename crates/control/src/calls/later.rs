//! Calls of the contract whose engines this version does not have: they answer 501 by name, and the document does not
//! promise them.

use axum::Router;
use axum::routing::{get, post};

use crate::api::Api;
use crate::problem::Problem;

/// The calls to come.
pub(crate) fn router() -> Router<Api> {
    let cache = get(no_cache).delete(no_cache);
    Router::new()
        .route("/api/v1/cache", cache)
        .route("/api/v1/sites", get(no_sites))
        .route("/api/v1/leaktest", post(no_leaktest))
}

async fn no_cache() -> Problem {
    Problem::not_implemented("cache")
}

async fn no_sites() -> Problem {
    Problem::not_implemented("reverse sites")
}

async fn no_leaktest() -> Problem {
    Problem::not_implemented("leak test")
}
