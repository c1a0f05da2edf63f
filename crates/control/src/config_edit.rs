//! Edits the configuration file and applies the result, for every call that changes the configuration.

use privet_api::config::{Change, ChangeQuery, Replay, ReplayCounts, ReplayDifference};
use privet_api::{Problem, escape};
use privet_config::unix_time::unix_ms;
use privet_config::{Diagnostics, Document, EditError};
use privet_engine::{ApplyError, ApplyMode, ApplyReport, ChangeSource, StartError};

use crate::convert;
use crate::state::ApiState;

/// Most connections of a replay that are listed one by one.
const MAX_DIFFERENCES: usize = 100;

/// Edits the file's text, so that its comments survive, and applies the result. Where the file is missing or not
/// valid, the edit starts from the text of the running configuration.
///
/// # Errors
/// 409 a listener cannot be opened, 422 the result is invalid, 500 the file cannot be written. Nothing was changed.
pub(crate) async fn edit<F>(
    api: &ApiState,
    source: ChangeSource,
    query: ChangeQuery,
    change: F,
) -> Result<axum::Json<Change>, Problem>
where
    F: FnOnce(&mut Document) -> Result<(), EditError> + Send + 'static,
{
    // One edit at a time: the next one starts from this one's text.
    let _guard = api.edit_lock.lock().await;
    let base = api.engine.edit_base().await.map_err(apply_problem)?;
    let text = base.clone();
    let edited = tokio::task::spawn_blocking(move || {
        let mut document = Document::parse(&text).map_err(|found| invalid_configuration(&found))?;
        change(&mut document)
            .map_err(|error| Problem::unprocessable("edit", escape(&error.to_string())))?;
        Ok::<_, Problem>(document.text())
    });
    let text = edited
        .await
        .map_err(|error| Problem::internal(error.to_string()))??;
    apply(api, source, query, text, Some(base)).await
}

/// Applies a whole file. `base` is the text that the edit started from. The caller holds the edit lock.
pub(crate) async fn apply(
    api: &ApiState,
    source: ChangeSource,
    query: ChangeQuery,
    text: String,
    base: Option<String>,
) -> Result<axum::Json<Change>, Problem> {
    let applied = api
        .engine
        .apply(source, text, base, apply_mode(query))
        .await;
    let report = applied.map_err(apply_problem)?;
    Ok(axum::Json(change_answer(report, query)))
}

pub(crate) const fn apply_mode(query: ChangeQuery) -> ApplyMode {
    match query.dry_run {
        true => ApplyMode::DryRun,
        false => ApplyMode::Commit,
    }
}

/// What a change did, as the API answers it.
pub(crate) fn change_answer(report: ApplyReport, query: ChangeQuery) -> Change {
    Change {
        applied: !query.dry_run,
        warnings: report.warnings.iter().map(convert::diagnostic).collect(),
        opened: report.opened.iter().map(ToString::to_string).collect(),
        closed: report.closed.iter().map(ToString::to_string).collect(),
        connections_closed: report.connections_closed as u64,
        replay: report.replay.as_ref().map(replay),
        change: report.change,
    }
}

fn replay(replay: &privet_policy::Replay) -> Replay {
    let by_app = replay.by_app.iter().map(|(app, counts)| {
        let counts = ReplayCounts {
            newly_blocked: counts.newly_blocked,
            newly_allowed: counts.newly_allowed,
            rerouted: counts.rerouted,
        };
        (app.clone(), counts)
    });
    let differing = replay.differing.iter().take(MAX_DIFFERENCES);
    Replay {
        summary: replay.to_string(),
        total: replay.total,
        changed: replay.changed,
        newly_blocked: replay.newly_blocked,
        newly_allowed: replay.newly_allowed,
        rerouted: replay.rerouted,
        newly_inspected: replay.newly_inspected,
        no_longer_inspected: replay.no_longer_inspected,
        newly_scanned: replay.newly_scanned,
        no_longer_scanned: replay.no_longer_scanned,
        differing: differing.map(difference).collect(),
        by_app: by_app.collect(),
    }
}

fn difference(difference: &privet_policy::ReplayDifference) -> ReplayDifference {
    ReplayDifference {
        at_ms: unix_ms(difference.at),
        app: difference.app.as_ref().map(ToString::to_string),
        user: difference.user.as_ref().map(ToString::to_string),
        target: difference.target.to_string(),
        before: convert::outcome(&difference.before),
        after: convert::outcome(&difference.after),
    }
}

/// Why a change was refused.
pub(crate) fn apply_problem(error: ApplyError) -> Problem {
    match error {
        ApplyError::Config(found) | ApplyError::Start(StartError::Config(found)) => {
            invalid_configuration(&found)
        }
        ApplyError::Start(error @ StartError::Listen { .. }) => {
            Problem::conflict(escape(&error.to_string()))
        }
        ApplyError::Start(error @ StartError::Threads(_)) => {
            Problem::internal(escape(&error.to_string()))
        }
        ApplyError::Start(error) => {
            Problem::unprocessable("configuration", escape(&error.to_string()))
        }
        error @ ApplyError::Mode { .. } => {
            Problem::unprocessable("mode", escape(&error.to_string()))
        }
        error @ ApplyError::Rule(_) => Problem::unprocessable("rule", escape(&error.to_string())),
        other => Problem::internal(escape(&other.to_string())),
    }
}

/// An invalid configuration, with the position of every error.
pub(crate) fn invalid_configuration(found: &Diagnostics) -> Problem {
    let first = found.errors().next();
    let detail = first.map_or_else(
        || "The configuration is invalid.".to_owned(),
        |first| {
            format!(
                "Line {}, column {}: {}.",
                first.line,
                first.column,
                escape(&first.cause)
            )
        },
    );
    let mut problem = Problem::unprocessable("configuration", detail);
    problem.help = first.and_then(|first| first.help.clone());
    problem.diagnostics = found.list.iter().map(convert::diagnostic).collect();
    problem
}
