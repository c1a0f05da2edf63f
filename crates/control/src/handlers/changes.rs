//! GET /api/v1/changes, POST /api/v1/changes/{id}/undo: the timeline of what was changed, and undoing it.

use axum::extract::State;
use privet_api::changes::{ChangeItem, ChangesQuery, MAX_CHANGES, Timeline, TimelineEntry};
use privet_api::{Problem, escape};
use privet_engine::{ChangeOrigin, ChangeSource, ChangeStatus, UndoAction, UndoError};

use super::system_proxy::record_switch;
use crate::config_edit::apply_problem;
use crate::convert::json_name;
use crate::extract::{PathParam, Query};
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;

const DEFAULT_LIMIT: u32 = 50;
/// Most changes that can be skipped.
const MAX_OFFSET: u32 = 10_000_000;

/// List changes
///
/// Every change of the configuration, the mode, the rules, the lists and the system proxy, by any client, kept across
/// restarts: the newest thousand. It contains no secret.
#[utoipa::path(
    get,
    path = "/api/v1/changes",
    tag = "changes",
    params(ChangesQuery),
    responses((status = 200, description = "The newest first", body = Timeline))
)]
pub(crate) async fn list_changes(
    State(api): State<ApiState>,
    Query(query): Query<ChangesQuery>,
) -> Answer<Timeline> {
    let offset = query.offset.unwrap_or(0);
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if limit > MAX_CHANGES || offset > MAX_OFFSET {
        return Err(Problem::bad_request(format!(
            "An answer has at most {MAX_CHANGES} changes and skips at most {MAX_OFFSET}."
        ))
        .into());
    }
    let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let (total, changes) = api.engine.changes(size(offset), size(limit)).await;
    Ok(axum::Json(Timeline {
        changes: changes.into_iter().map(entry).collect(),
        total: total as u64,
    }))
}

/// Undo a change
///
/// A change of the file is undone to the byte, comments included, as long as the lines it left are unchanged. The undo is a
/// change itself: undo that one to redo the first.
#[utoipa::path(
    post,
    path = "/api/v1/changes/{id}/undo",
    tag = "changes",
    params(("id" = u64, Path, description = "The change's id")),
    responses(
        (status = 200, description = "The change that this made", body = TimelineEntry),
        (status = 404, description = "There is no such change, or it is no longer kept"),
        (status = 409, description = "It cannot be undone, and why: nothing was changed"),
        (status = 500, description = "The file cannot be written: nothing was changed")
    )
)]
pub(crate) async fn undo_change(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    PathParam(id): PathParam<u64>,
) -> Answer<TimelineEntry> {
    let _guard = api.edit_lock.lock().await;
    let change = api.engine.change(id).await;
    let change = change.ok_or_else(|| undo_problem(UndoError::Unknown(id)))?;
    let made = match change.change.undo {
        UndoAction::SystemProxy { was_on } if change.obstacle.is_none() => {
            undo_switch(&api, source, id, was_on).await?
        }
        _ => api.engine.undo(source, id).await.map_err(undo_problem)?,
    };
    Ok(axum::Json(entry(made)))
}

/// The engine does not manage the desktop's proxy: its switch is undone here.
async fn undo_switch(
    api: &ApiState,
    source: ChangeSource,
    id: u64,
    was_on: bool,
) -> Result<ChangeStatus, Problem> {
    let done = match was_on {
        true => api.system_proxy.turn_on(&api.engine, None).await,
        false => api.system_proxy.turn_off().await,
    };
    done.map_err(|error| Problem::conflict(escape(&error.to_string())))?;
    let origin = ChangeOrigin {
        source,
        undoes: Some(id),
    };
    let made = match record_switch(api, origin, was_on).await {
        Some(made) => api.engine.change(made).await,
        None => None,
    };
    made.ok_or_else(|| Problem::internal("The engine is stopping."))
}

fn entry(change: ChangeStatus) -> TimelineEntry {
    let ChangeStatus {
        change: entry,
        undone_by,
        obstacle,
    } = change;
    let items = entry.what.iter().map(|item| ChangeItem {
        kind: item.kind.clone(),
        values: item.values.clone(),
        text: item.to_string(),
    });
    let what: Vec<ChangeItem> = items.collect();
    let texts: Vec<&str> = what.iter().map(|item| item.text.as_str()).collect();
    TimelineEntry {
        id: entry.id,
        at_ms: entry.at_ms,
        client: json_name(&entry.source),
        text: texts.join("; "),
        what,
        undoes: entry.undoes,
        undone_by,
        undoable: obstacle.is_none(),
        obstacle,
    }
}

fn undo_problem(error: UndoError) -> Problem {
    match error {
        UndoError::Unknown(id) => Problem::not_found(format!("There is no change {id}."))
            .help("`privet changes` lists those that are kept."),
        UndoError::Obstructed(why) => {
            Problem::conflict(format!("The change cannot be undone: {}.", escape(&why)))
        }
        UndoError::Apply(error) => apply_problem(error),
    }
}
