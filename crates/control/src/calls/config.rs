//! GET, PUT, PATCH /api/v1/config: the configuration in force, and what a change does or would do.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request, State};
use privet_config::{Diagnostics, Document, to_json};
use privet_engine::{ApplyError, ApplyMode, ApplyReport, ChangeSource, StartError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::why::Outcome;
use crate::api::Api;
use crate::door::From as CameBy;
use crate::extract::{self, Json, Query};
use crate::logs::escape;
use crate::problem::{Diagnostic, Problem};

/// Media type of a whole file.
pub const TOML: &str = "application/toml";
/// Differences of a replay that are told one by one.
const SHOWN_DIFFERENCES: usize = 100;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// Only say what the change would do.
    #[serde(default)]
    #[param(default = false)]
    pub dry_run: bool,
}

impl ChangeQuery {
    pub(super) fn mode(self) -> ApplyMode {
        if self.dry_run {
            ApplyMode::DryRun
        } else {
            ApplyMode::Commit
        }
    }
}

/// What a change did or would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// It is in force; `false`: a dry run.
    pub applied: bool,
    /// What is valid and yet not as it should be.
    pub warnings: Vec<Diagnostic>,
    /// Addresses that are listened on from now on.
    pub opened: Vec<String>,
    /// Addresses that are listened on no longer.
    pub closed: Vec<String>,
    /// Connections that stand and that the new configuration does not allow.
    pub connections_closed: u64,
    /// Of a dry run: the recorded connections, judged by the new configuration.
    pub replay: Option<Replay>,
    /// Its number in the timeline, by which it can be taken back; `null`: nothing was changed.
    #[serde(default)]
    pub change: Option<u64>,
}

/// Yesterday's connections under another configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    /// In one sentence.
    #[schema(
        example = "214 of 9310 connections, of 3 programs, would have gone differently: 6 blocked, 0 no longer blocked, 208 by another route"
    )]
    pub summary: String,
    /// Connections that were judged.
    pub total: u64,
    /// Those that would have gone differently: the sum of the next three.
    pub changed: u64,
    /// Passed, and would have been blocked.
    pub blocked_now: u64,
    /// Were blocked, and would have passed.
    pub freed_now: u64,
    /// Passed, and would have taken another way.
    pub rerouted: u64,
    /// The first hundred of them.
    pub differing: Vec<Difference>,
    /// By the program's name.
    pub by_app: BTreeMap<String, Changes>,
}

/// How many connections of one program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    pub blocked_now: u64,
    pub freed_now: u64,
    pub rerouted: u64,
}

/// One connection that would have gone differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// When it was, in milliseconds since 1970.
    pub at_ms: u64,
    pub app: Option<String>,
    pub user: Option<String>,
    pub target: String,
    /// The policy's verdict now.
    pub before: Outcome,
    /// Its verdict under the change.
    pub after: Outcome,
}

impl Replay {
    /// The policy's replay as the API tells it.
    pub fn of(replay: &privet_policy::Replay) -> Self {
        Self {
            summary: replay.to_string(),
            total: replay.total,
            changed: replay.changed,
            blocked_now: replay.blocked_now,
            freed_now: replay.freed_now,
            rerouted: replay.rerouted,
            differing: replay
                .differing
                .iter()
                .take(SHOWN_DIFFERENCES)
                .map(Difference::of)
                .collect(),
            by_app: replay
                .by_app
                .iter()
                .map(|(app, changes)| {
                    let changes = Changes {
                        blocked_now: changes.blocked_now,
                        freed_now: changes.freed_now,
                        rerouted: changes.rerouted,
                    };
                    (app.clone(), changes)
                })
                .collect(),
        }
    }
}

impl Difference {
    fn of(difference: &privet_policy::ReplayDifference) -> Self {
        let since = difference
            .at
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            app: difference.app.as_ref().map(ToString::to_string),
            user: difference.user.as_ref().map(ToString::to_string),
            target: difference.target.to_string(),
            before: Outcome::of(&difference.before),
            after: Outcome::of(&difference.after),
        }
    }
}

/// The configuration in force
///
/// In the file's vocabulary, every default written out. A secret that stands in the file itself is shown as
/// `{"plain": true}`, and written so by PUT or PATCH it stays as it is.
#[utoipa::path(
    get,
    path = "/api/v1/config",
    tag = "config",
    responses((status = 200, description = "As checked and in force", body = Object))
)]
pub(crate) async fn read_config(State(api): State<Api>) -> axum::Json<Value> {
    axum::Json(to_json(&api.engine.config()))
}

/// Replace the configuration
///
/// Takes the same shape that GET gives as `application/json`, or a whole file as `application/toml`.
#[utoipa::path(
    put,
    path = "/api/v1/config",
    tag = "config",
    params(ChangeQuery),
    request_body(content(
        (Object = "application/json"),
        (String = "application/toml")
    )),
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 409, description = "A listener cannot be opened: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It is not a sound configuration: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn replace_config(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Query(how): Query<ChangeQuery>,
    request: Request,
) -> Result<axum::Json<Change>, Problem> {
    if extract::is_json(request.headers()) {
        let Json(whole) = Json::<Value>::from_request(request, &api).await?;
        return edit(&api, door, how, move |document| document.replace(&whole)).await;
    }
    if extract::media_type(request.headers()).as_deref() != Some(TOML) {
        return Err(extract::wrong_type(
            "application/json` or `application/toml",
        ));
    }
    let body = extract::read_body(request, &api).await?;
    let text = String::from_utf8(body.into())
        .map_err(|_| Problem::bad_request("The file is not UTF-8."))?;
    let _turn = api.editing.lock().await;
    apply(&api, door, how, text).await
}

/// Change a part
///
/// A JSON merge patch (RFC 7396): null takes a key out, an object is merged, an array replaces. Comments and order of the
/// file survive.
#[utoipa::path(
    patch,
    path = "/api/v1/config",
    tag = "config",
    params(ChangeQuery),
    request_body(content(
        (Object = "application/json"),
        (Object = "application/merge-patch+json")
    )),
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 409, description = "A listener cannot be opened: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It does not leave a sound configuration: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn patch_config(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Query(how): Query<ChangeQuery>,
    Json(patch): Json<Value>,
) -> Result<axum::Json<Change>, Problem> {
    edit(&api, door, how, move |document| document.merge(&patch)).await
}

/// Changes the file's text as it stands now, so that comments survive, and puts the result in force.
pub(super) async fn edit<F>(
    api: &Api,
    door: ChangeSource,
    how: ChangeQuery,
    change: F,
) -> Result<axum::Json<Change>, Problem>
where
    F: FnOnce(&mut Document) -> Result<(), privet_config::EditError> + Send + 'static,
{
    // One edit at a time: a second one has to start from the first one's text.
    let _turn = api.editing.lock().await;
    let path = api.engine.options().config_path.clone();
    let edited = tokio::task::spawn_blocking(move || {
        let text = text_of(&path)?;
        let mut document = Document::parse(&text).map_err(|found| unsound(&found))?;
        change(&mut document)
            .map_err(|error| Problem::unprocessable("edit", escape(&error.to_string())))?;
        Ok::<_, Problem>(document.text())
    });
    let text = edited
        .await
        .map_err(|error| Problem::internal(error.to_string()))??;
    apply(api, door, how, text).await
}

/// The file's text as it stands; a file that is not there is empty. Blocks.
pub(super) fn text_of(path: &std::path::Path) -> Result<String, Problem> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|error| {
            Problem::internal(format!("{} cannot be read: {error}.", path.display()))
        }),
    }
}

pub(super) async fn apply(
    api: &Api,
    door: ChangeSource,
    how: ChangeQuery,
    text: String,
) -> Result<axum::Json<Change>, Problem> {
    match api.engine.apply(door, text, how.mode()).await {
        Ok(applied) => Ok(axum::Json(Change::of(applied, !how.dry_run))),
        Err(error) => Err(refusal(error)),
    }
}

impl Change {
    pub(super) fn of(done: ApplyReport, applied: bool) -> Self {
        Self {
            applied,
            warnings: done.warnings.iter().map(Diagnostic::from).collect(),
            opened: done.opened.iter().map(ToString::to_string).collect(),
            closed: done.closed.iter().map(ToString::to_string).collect(),
            connections_closed: done.connections_closed as u64,
            replay: done.replay.as_ref().map(Replay::of),
            change: done.change,
        }
    }
}

/// Why a change was not made, as a problem.
pub(crate) fn refusal(error: ApplyError) -> Problem {
    match error {
        ApplyError::Config(found) | ApplyError::Start(StartError::Config(found)) => unsound(&found),
        ApplyError::Start(error @ StartError::Listen { .. }) => {
            Problem::conflict(escape(&error.to_string()))
        }
        ApplyError::Start(error @ (StartError::Upstream(_) | StartError::Secret(_))) => {
            Problem::unprocessable("configuration", escape(&error.to_string()))
        }
        error @ ApplyError::Mode { .. } => {
            Problem::unprocessable("mode", escape(&error.to_string()))
        }
        error @ ApplyError::Rule(_) => Problem::unprocessable("rule", escape(&error.to_string())),
        other => Problem::internal(escape(&other.to_string())),
    }
}

/// A configuration that is not sound, with every fault's place.
pub fn unsound(found: &Diagnostics) -> Problem {
    let detail = found.errors().next().map_or_else(
        || "The configuration is not sound.".to_owned(),
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
    problem.help = found.errors().next().and_then(|first| first.help.clone());
    problem.diagnostics = found.list.iter().map(Diagnostic::from).collect();
    problem
}

impl From<&privet_config::Diagnostic> for Diagnostic {
    fn from(found: &privet_config::Diagnostic) -> Self {
        Self {
            severity: super::word(&found.severity),
            code: super::word(&found.code),
            line: found.line as u64,
            column: found.column as u64,
            cause: found.cause.clone(),
            help: found.help.clone(),
            source: found.source.clone(),
        }
    }
}
