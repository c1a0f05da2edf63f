//! GET /api/v1/changes, POST /api/v1/changes/{id}/undo: the timeline of what was changed, and how it is taken back.

use std::collections::BTreeMap;

use axum::extract::State;
use privet_engine::{ChangeOrigin, ChangeSource, ChangeStatus, UndoAction, UndoError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::config::refusal;
use super::system_proxy::note_switch;
use crate::api::Api;
use crate::door::From as CameBy;
use crate::extract::{Query, Segment};
use crate::logs::escape;
use crate::problem::Problem;

/// Changes in one answer.
pub const MAX_WINDOW: u32 = 200;
const DEFAULT_WINDOW: u32 = 50;
/// Changes that can be passed over.
const MAX_OFFSET: u32 = 10_000_000;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// Of the newest, so many are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(default = 0, maximum = 10000000, nullable = false)]
    pub offset: Option<u32>,
    /// So many are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(default = 50, maximum = 200, nullable = false)]
    pub limit: Option<u32>,
}

/// A window of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// The newest first.
    pub changes: Vec<TimelineEntry>,
    /// All that are kept.
    pub total: u64,
}

/// One change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// Counts up, never given twice.
    pub id: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// "window", "tray", "cli", "page", "api" (any other caller) or "file" (somebody wrote it).
    #[schema(example = "cli")]
    pub door: String,
    /// In one English sentence.
    #[schema(example = "rule 1 was added: block domain_suffix example.com")]
    pub text: String,
    /// The same, thing by thing.
    pub what: Vec<Changed>,
    /// The change that this one takes back.
    pub undoes: Option<u64>,
    /// The change that took this one back.
    pub undone_by: Option<u64>,
    /// It can be taken back now.
    pub undoable: bool,
    /// Why not.
    pub obstacle: Option<String>,
}

/// One thing that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// "mode", "rule-added", "list-off", "upstream-changed", …
    #[schema(example = "rule-added")]
    pub kind: String,
    /// What it speaks of: `number`, `name`, `use`, `match`, `from`, `to`, …
    pub values: BTreeMap<String, String>,
    /// In one English sentence.
    pub text: String,
}

impl From<ChangeStatus> for TimelineEntry {
    fn from(told: ChangeStatus) -> Self {
        let ChangeStatus {
            change,
            undone_by,
            obstacle,
        } = told;
        let what: Vec<Changed> = change
            .what
            .iter()
            .map(|what| Changed {
                kind: what.kind.clone(),
                values: what.values.clone(),
                text: what.to_string(),
            })
            .collect();
        let texts: Vec<&str> = what.iter().map(|what| what.text.as_str()).collect();
        Self {
            id: change.id,
            at_ms: change.at_ms,
            door: super::word(&change.source),
            text: texts.join("; "),
            what,
            undoes: change.undoes,
            undone_by,
            undoable: obstacle.is_none(),
            obstacle,
        }
    }
}

/// The timeline
///
/// Every change of the configuration, the mode, the rules, the lists and the system proxy, by whichever door, kept across
/// restarts: the newest thousand. It holds no secret.
#[utoipa::path(
    get,
    path = "/api/v1/changes",
    tag = "changes",
    params(ChangesQuery),
    responses((status = 200, description = "The newest first", body = Timeline))
)]
pub(crate) async fn list_changes(
    State(api): State<Api>,
    Query(asked): Query<ChangesQuery>,
) -> Result<axum::Json<Timeline>, Problem> {
    let (offset, limit) = (
        asked.offset.unwrap_or(0),
        asked.limit.unwrap_or(DEFAULT_WINDOW),
    );
    if limit > MAX_WINDOW || offset > MAX_OFFSET {
        return Err(Problem::bad_request(format!(
            "A window has at most {MAX_WINDOW} changes and passes over at most {MAX_OFFSET}."
        )));
    }
    let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let (total, told) = api.engine.changes(size(offset), size(limit)).await;
    Ok(axum::Json(Timeline {
        changes: told.into_iter().map(TimelineEntry::from).collect(),
        total: total as u64,
    }))
}

/// Take a change back
///
/// A change of the file is taken back to the byte, comments too, as long as the lines it left are as it left them. What
/// takes a change back is a change itself: undo that one to have the first again.
#[utoipa::path(
    post,
    path = "/api/v1/changes/{id}/undo",
    tag = "changes",
    params(("id" = u64, Path, description = "The change's number")),
    responses(
        (status = 200, description = "The change that this made", body = TimelineEntry),
        (status = 404, description = "There is no such change, or it is too old", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Something is in the way, and what: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn undo_change(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Segment(id): Segment<u64>,
) -> Result<axum::Json<TimelineEntry>, Problem> {
    let _turn = api.editing.lock().await;
    let told = api
        .engine
        .change(id)
        .await
        .ok_or_else(|| refused(UndoError::Unknown(id)))?;
    let made = match told.change.undo {
        UndoAction::SystemProxy { was_on } if told.obstacle.is_none() => {
            undo_switch(&api, door, id, was_on).await?
        }
        _ => api.engine.undo(door, id).await.map_err(refused)?,
    };
    Ok(axum::Json(made.into()))
}

/// The desktop is not the engine's: its switch is taken back here.
async fn undo_switch(
    api: &Api,
    door: ChangeSource,
    id: u64,
    was_on: bool,
) -> Result<ChangeStatus, Problem> {
    let done = match was_on {
        true => api.system_proxy.turn_on(&api.engine, None).await,
        false => api.system_proxy.turn_off().await,
    };
    done.map_err(|error| Problem::conflict(escape(&error.to_string())))?;
    let by = ChangeOrigin {
        source: door,
        undoes: Some(id),
    };
    let made = note_switch(api, by, was_on).await;
    let told = match made {
        Some(made) => api.engine.change(made).await,
        None => None,
    };
    told.ok_or_else(|| Problem::internal("The engine is stopping."))
}

fn refused(error: UndoError) -> Problem {
    match error {
        UndoError::Unknown(id) => Problem::not_found(format!("There is no change {id}."))
            .help("GET /api/v1/changes lists those that are kept."),
        UndoError::Obstructed(why) => Problem::conflict(format!(
            "The change cannot be taken back: {}.",
            escape(&why)
        )),
        UndoError::Apply(error) => refusal(error),
    }
}
