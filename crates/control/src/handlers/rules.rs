//! GET and POST /api/v1/rules; PUT, PATCH and DELETE /api/v1/rules/{id}: the rules with what each did; adding, replacing,
//! moving and removing one.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use privet_api::config::{Change, ChangeQuery};
use privet_api::rules::{NewRule, Rule, RuleMove, RulePosition, RuleUpdate, Rules};
use privet_api::{Problem, escape};
use privet_config::unix_time::unix_ms;
use privet_config::{
    Config, Document, EditError, format_timestamp_seconds, parse_duration, rule_ids,
};
use privet_engine::{ChangeSource, RuleLifetime, RuleState, TemporaryLifetime};
use serde_json::Value;

use crate::config_edit::{self, edit};
use crate::extract::{Json, PathParam, Query, check_length};
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;

/// The longest lifetime of a rule.
const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);
/// The longest id, in characters.
const MAX_ID: usize = 64;

/// List rules
#[utoipa::path(
    get,
    path = "/api/v1/rules",
    tag = "rules",
    responses((status = 200, description = "In the order in which they are evaluated", body = Rules))
)]
pub(crate) async fn list_rules(State(api): State<ApiState>) -> axum::Json<Rules> {
    let now = SystemTime::now();
    let states = api.engine.rules().into_iter();
    axum::Json(Rules {
        rules: states.map(|state| rule(state, now)).collect(),
    })
}

/// Add a rule
#[utoipa::path(
    post,
    path = "/api/v1/rules",
    tag = "rules",
    params(ChangeQuery),
    request_body = NewRule,
    responses((status = 200, description = "What the change did or would do", body = Change))
)]
pub(crate) async fn add_rule(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    Query(query): Query<ChangeQuery>,
    Json(new): Json<NewRule>,
) -> Answer<Change> {
    check_object(&new.rule)?;
    let index = index(new.position)?;
    match placement(new)? {
        Placement::File(rule) => {
            let edited = edit(&api, source, query, move |document| {
                document.add_rule(index, &rule)
            });
            Ok(edited.await?)
        }
        Placement::Temporary(rule, lifetime) => {
            // The engine reads the file for the names in the rule: not while somebody edits it.
            let _guard = api.edit_lock.lock().await;
            let added = api
                .engine
                .add_temporary_rule(source, rule, lifetime, config_edit::apply_mode(query))
                .await;
            let mut report = added.map_err(config_edit::apply_problem)?;
            if lifetime == TemporaryLifetime::Once {
                // It decides one connection; a replay of all recorded ones would show it deciding each.
                report.replay = None;
            }
            Ok(axum::Json(config_edit::change_answer(report, query)))
        }
    }
}

/// Replace a rule
///
/// Its position stays. A rule of the file only: one that is temporary ends, and another is added.
#[utoipa::path(
    put,
    path = "/api/v1/rules/{id}",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's id", max_length = 64), ChangeQuery),
    request_body = RuleUpdate,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 404, description = "The file has no such rule")
    )
)]
pub(crate) async fn replace_rule(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    PathParam(id): PathParam<String>,
    Query(query): Query<ChangeQuery>,
    Json(update): Json<RuleUpdate>,
) -> Answer<Change> {
    check_exists(&api, &id)?;
    check_object(&update.rule)?;
    edit_rule(&api, source, query, id, move |document, index, _| {
        document.replace_rule(index, &update.rule)
    })
    .await
}

/// Move a rule
#[utoipa::path(
    patch,
    path = "/api/v1/rules/{id}",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's id", max_length = 64), ChangeQuery),
    request_body = RuleMove,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 404, description = "The file has no such rule")
    )
)]
pub(crate) async fn move_rule(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    PathParam(id): PathParam<String>,
    Query(query): Query<ChangeQuery>,
    Json(to): Json<RuleMove>,
) -> Answer<Change> {
    check_exists(&api, &id)?;
    let to = index(to.position)?;
    edit_rule(&api, source, query, id, move |document, from, count| {
        document.move_rule(from, to.min(count.saturating_sub(1)))
    })
    .await
}

/// Remove a rule
#[utoipa::path(
    delete,
    path = "/api/v1/rules/{id}",
    tag = "rules",
    params(("id" = String, Path, description = "The rule's id", max_length = 64), ChangeQuery),
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 404, description = "There is no such rule"),
        (status = 422, description = "The result is invalid, or a dry run was asked for a temporary rule: nothing was changed")
    )
)]
pub(crate) async fn remove_rule(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    PathParam(id): PathParam<String>,
    Query(query): Query<ChangeQuery>,
) -> Answer<Change> {
    check_exists(&api, &id)?;
    let Some(number) = id.strip_prefix('t').and_then(|number| number.parse().ok()) else {
        return edit_rule(&api, source, query, id, |document, index, _| {
            document.remove_rule(index)
        })
        .await;
    };
    if query.dry_run {
        return Err(
            Problem::unprocessable("dry-run", "A dry run cannot remove a temporary rule.").into(),
        );
    }
    let removed = api.engine.remove_temporary_rule(source, number).await;
    let change = removed
        .map_err(config_edit::apply_problem)?
        .ok_or_else(|| unknown(&id))?;
    Ok(axum::Json(Change {
        applied: true,
        change: Some(change),
        ..Change::default()
    }))
}

/// Edits one rule of the file. `change` gets its index and the number of rules.
async fn edit_rule(
    api: &ApiState,
    source: ChangeSource,
    query: ChangeQuery,
    id: String,
    change: impl FnOnce(&mut Document, usize, usize) -> Result<(), EditError> + Send + 'static,
) -> Answer<Change> {
    let edited = edit(api, source, query, move |document| {
        let (index, count) = find(document, &id)?;
        change(document, index, count)
    });
    Ok(edited.await?)
}

fn rule(state: RuleState, now: SystemTime) -> Rule {
    let until = match state.lifetime {
        RuleLifetime::Until(until) => Some(until),
        _ => None,
    };
    let lifetime = match state.lifetime {
        RuleLifetime::Permanent => "always",
        RuleLifetime::Until(_) => "until",
        RuleLifetime::Once => "once",
        RuleLifetime::UntilQuit => "until-quit",
    };
    let shadowed_by = state.shadowed_by.into_iter();
    Rule {
        id: state.id,
        number: state.position.number().map(|number| number as u64),
        line: state.position.line().map(|line| line as u64),
        rule: state.rule,
        lifetime: lifetime.to_owned(),
        until_ms: until.map(unix_ms),
        expired: until.is_some_and(|until| until <= now),
        hits: state.count.hits,
        last_hit_ms: (state.count.last_ms > 0).then_some(state.count.last_ms),
        since_ms: state.count.since_ms,
        shadowed_by: shadowed_by
            .map(|(number, line)| RulePosition {
                number: number as u64,
                line: line as u64,
            })
            .collect(),
    }
}

/// Where a new rule is kept.
enum Placement {
    File(Value),
    /// In memory only.
    Temporary(Value, TemporaryLifetime),
}

fn placement(new: NewRule) -> Result<Placement, Problem> {
    let NewRule {
        mut rule, lifetime, ..
    } = new;
    let duration = match lifetime.as_deref() {
        None => return Ok(Placement::File(rule)),
        Some("always") => None,
        Some("once") => return Ok(Placement::Temporary(rule, TemporaryLifetime::Once)),
        Some("until-quit") => {
            return Ok(Placement::Temporary(rule, TemporaryLifetime::UntilQuit));
        }
        Some(text) => Some(parse_lifetime(text)?),
    };
    let until = duration
        .map(|duration| Value::String(format_timestamp_seconds(SystemTime::now() + duration)));
    if let Some(object) = rule.as_object_mut() {
        match until {
            Some(until) => object.insert("until".to_owned(), until),
            None => object.remove("until"),
        };
    }
    Ok(Placement::File(rule))
}

fn parse_lifetime(text: &str) -> Result<Duration, Problem> {
    parse_duration(text)
        .filter(|duration| !duration.is_zero() && *duration <= MAX_LIFETIME)
        .ok_or_else(|| {
            Problem::unprocessable(
                "for",
                format!("\"{}\" is not a lifetime of a rule.", escape(text)),
            )
            .help("Write once, until-quit, always, or a duration: 30m, 1h, 2d; at most 366d.")
        })
}

/// A position from 1 as an index from 0.
fn index(position: u32) -> Result<usize, Problem> {
    let index = position.checked_sub(1).ok_or_else(|| {
        Problem::unprocessable("position", "Positions count from 1.").help("The first rule is 1.")
    })?;
    Ok(usize::try_from(index).unwrap_or(usize::MAX))
}

fn check_object(rule: &Value) -> Result<(), Problem> {
    if rule.is_object() {
        return Ok(());
    }
    Err(Problem::unprocessable(
        "rule",
        format!("{} is not a rule.", escape(&rule.to_string())),
    )
    .help("Send {\"rule\": {\"match\": {\"domain\": [\"example.com\"]}, \"use\": \"direct\"}}."))
}

fn check_exists(api: &ApiState, id: &str) -> Result<(), Problem> {
    check_length(id, MAX_ID, "id")?;
    let rules = api.engine.rules();
    match rules.iter().any(|rule| rule.id == id) {
        true => Ok(()),
        false => Err(unknown(id)),
    }
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("There is no rule \"{}\".", escape(id)))
        .help("`privet rules` lists them. A rule whose content changed has another id.")
}

/// The rule's index in the file, and the number of rules.
fn find(document: &Document, id: &str) -> Result<(usize, usize), EditError> {
    let config = Config::parse(&document.text(), std::path::Path::new("/"));
    let rules = config.map(|loaded| loaded.config.rules).unwrap_or_default();
    let ids = rule_ids(&rules);
    let index = ids.iter().position(|known| known == id);
    index
        .map(|index| (index, ids.len()))
        .ok_or_else(|| EditError::NoSuchEntry {
            section: "rule".to_owned(),
            name: id.to_owned(),
        })
}
