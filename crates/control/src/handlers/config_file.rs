//! GET and PUT /api/v1/config/file: the text of the configuration file, with its secrets redacted.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::State;
use privet_api::Problem;
use privet_api::config::{Change, ChangeQuery, ConfigFile, ConfigFileUpdate};
use privet_config::{redact, restore_secrets};

use crate::config_edit::{apply, apply_problem};
use crate::extract::{Json, Query};
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;

/// Read the configuration file
#[utoipa::path(
    get,
    path = "/api/v1/config/file",
    tag = "config",
    responses(
        (status = 200, description = "The text with its secrets redacted", body = ConfigFile),
        (status = 500, description = "The file cannot be read")
    )
)]
pub(crate) async fn read_file(State(api): State<ApiState>) -> Answer<ConfigFile> {
    let text = text(&api).await?;
    Ok(axum::Json(ConfigFile {
        path: api.engine.options().config_path.display().to_string(),
        version: version(&text),
        text: redact(&text),
    }))
}

/// Write the configuration file
#[utoipa::path(
    put,
    path = "/api/v1/config/file",
    tag = "config",
    params(ChangeQuery),
    request_body = ConfigFileUpdate,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 409, description = "The file changed since it was read, or a listener cannot be opened: nothing was changed")
    )
)]
pub(crate) async fn replace_file(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    Query(query): Query<ChangeQuery>,
    Json(update): Json<ConfigFileUpdate>,
) -> Answer<Change> {
    let _guard = api.edit_lock.lock().await;
    let before = text(&api).await?;
    if version(&before) != update.version {
        return Err(
            Problem::conflict("The file was changed by something else since it was read.")
                .help("Read it again, and make the change in its new text.")
                .into(),
        );
    }
    let text = restore_secrets(&update.text, &before);
    Ok(apply(&api, source, query, text, Some(before)).await?)
}

async fn text(api: &ApiState) -> Result<String, Problem> {
    api.engine.file_text().await.map_err(apply_problem)
}

/// Distinguishes one text from the next; it is not a security measure.
fn version(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
