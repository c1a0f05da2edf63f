//! GET and PUT /api/v1/config/file: the file as it is written, its secrets veiled.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::State;
use privet_config::{redact, restore_secrets};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::config::{self, Change, ChangeQuery};
use crate::api::Api;
use crate::door::From as CameBy;
use crate::extract::{Json, Query};
use crate::problem::Problem;

/// The configuration's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct File {
    /// Where it is; it need not exist.
    pub path: String,
    /// As it stands, comments too. A secret in it is `***1`, `***2`, …
    pub text: String,
    /// Changes with the text.
    pub version: String,
}

/// A file to be written in the place of the one that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileWish {
    /// A mark `***1` stands for the secret that it stood for when it was read.
    #[schema(max_length = 1_000_000, example = "mode = \"standard\"\n")]
    pub text: String,
    /// Of the text that was read; where the file changed since, nothing is written.
    #[schema(max_length = 64, example = "0123456789abcdef")]
    pub version: String,
}

/// The configuration's file
#[utoipa::path(
    get,
    path = "/api/v1/config/file",
    tag = "config",
    responses(
        (status = 200, description = "The text with its secrets veiled", body = File),
        (status = 500, description = "The file cannot be read", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn read_file(State(api): State<Api>) -> Result<axum::Json<File>, Problem> {
    let text = text(&api).await?;
    Ok(axum::Json(File {
        path: api.engine.options().config_path.display().to_string(),
        version: version(&text),
        text: redact(&text),
    }))
}

/// Write the configuration's file anew
#[utoipa::path(
    put,
    path = "/api/v1/config/file",
    tag = "config",
    params(ChangeQuery),
    request_body = FileWish,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 409, description = "The file changed since it was read, or a listener cannot be opened: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It is not a sound configuration: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be read or written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn replace_file(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Query(how): Query<ChangeQuery>,
    Json(wish): Json<FileWish>,
) -> Result<axum::Json<Change>, Problem> {
    let _turn = api.editing.lock().await;
    let before = text(&api).await?;
    if version(&before) != wish.version {
        return Err(
            Problem::conflict("The file was changed by something else since it was read.")
                .help("Read it again, and make the change in what it says now."),
        );
    }
    config::apply(&api, door, how, restore_secrets(&wish.text, &before)).await
}

async fn text(api: &Api) -> Result<String, Problem> {
    let path = api.engine.options().config_path.clone();
    tokio::task::spawn_blocking(move || config::text_of(&path))
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
}

/// Tells one text from the next; it keeps nobody out.
fn version(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
