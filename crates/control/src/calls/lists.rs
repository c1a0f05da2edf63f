//! GET /api/v1/lists, POST /api/v1/lists/{name}/refresh: the blocklists.

use axum::extract::State;
use privet_engine::ListState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Api;
use crate::extract::Segment;
use crate::problem::Problem;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Lists {
    pub lists: Vec<List>,
}

/// One blocklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List {
    #[schema(example = "local ads")]
    pub name: String,
    /// A path or a URL.
    pub source: String,
    /// What the format was found to be, once read.
    pub format: Option<String>,
    pub enabled: bool,
    /// Entries in force.
    pub entries: u64,
    /// Lines that could not be used.
    pub skipped: u64,
    /// Bytes of its text.
    pub bytes: u64,
    /// Connections it matched since it was loaded.
    pub hits: u64,
    /// When it was last read in full, in milliseconds since 1970.
    pub updated_ms: Option<u64>,
    /// Why the last try failed; the last good list stays in force.
    pub error: Option<String>,
}

impl From<ListState> for List {
    fn from(state: ListState) -> Self {
        Self {
            name: state.name,
            source: state.source,
            format: state.format,
            enabled: state.enabled,
            entries: state.entries,
            skipped: state.skipped,
            bytes: state.bytes,
            hits: state.hits,
            updated_ms: state.updated.map(|seconds| seconds.saturating_mul(1000)),
            error: state.error,
        }
    }
}

/// The blocklists
#[utoipa::path(
    get,
    path = "/api/v1/lists",
    tag = "lists",
    responses((status = 200, description = "In the file's order", body = Lists))
)]
pub(crate) async fn list_lists(State(api): State<Api>) -> axum::Json<Lists> {
    let lists = api.engine.lists().await;
    axum::Json(Lists {
        lists: lists.into_iter().map(List::from).collect(),
    })
}

/// Read or fetch one now
#[utoipa::path(
    post,
    path = "/api/v1/lists/{name}/refresh",
    tag = "lists",
    params(("name" = String, Path, description = "The list's name", min_length = 1, max_length = 128)),
    responses(
        (status = 200, description = "The list as it is now; with `error` the last good one stays in force", body = List),
        (status = 404, description = "There is none of that name", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn refresh_list(
    State(api): State<Api>,
    Segment(name): Segment<String>,
) -> Result<axum::Json<List>, Problem> {
    let known = api.engine.refresh_list(&name).await;
    let found = api
        .engine
        .lists()
        .await
        .into_iter()
        .find(|list| list.name == name);
    match found.filter(|_| known) {
        Some(list) => Ok(axum::Json(list.into())),
        None => Err(Problem::not_found(format!(
            "There is no list \"{}\".",
            crate::logs::escape(&name)
        ))),
    }
}
