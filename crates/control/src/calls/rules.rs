//! GET and POST /api/v1/rules, PATCH and DELETE /api/v1/rules/{id}: the rules, each with what it did; one more, one
//! elsewhere, one less.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use privet_config::{
    Config, Document, EditError, format_timestamp_seconds, parse_duration, rule_ids,
};
use privet_engine::{RuleLifetime, RuleState, TemporaryLifetime};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::config::{self, Change, ChangeQuery};
use crate::api::Api;
use crate::door::From as CameBy;
use crate::extract::{self, Json, Query, Segment};
use crate::logs::escape;
use crate::problem::Problem;

/// The longest time that a rule may be made for.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// The longest id, in characters.
const MAX_ID: usize = 64;

/// All rules, in the order in which they are asked: the first that matches decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rules {
    pub rules: Vec<RuleView>,
}

/// One rule and what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleView {
    /// What it is known by as long as it says the same, wherever it stands.
    #[schema(example = "9f86d081884c7d65")]
    pub id: String,
    /// Its place in the file, from 1; `null`: it stands in no file, and goes before those that do.
    pub number: Option<u64>,
    /// The line of the file on which it begins.
    pub line: Option<u64>,
    /// As in the configuration: `match`, `use`, `until`.
    #[schema(value_type = Object)]
    pub rule: Value,
    /// "always", "until" a given time, "once" (the next connection that matches) or "until-quit".
    #[schema(example = "always")]
    pub lasts: String,
    /// With "until": when it ends, in milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// Its time is over: it is passed over.
    pub over: bool,
    /// Connections, and requests over kept connections, that it decided.
    pub hits: u64,
    /// When it last did, in milliseconds since 1970; `null`: never.
    pub last_ms: Option<u64>,
    /// Since when that is counted, in milliseconds since 1970.
    pub since_ms: u64,
    /// Not empty: it can never match, since these earlier rules take all that it speaks of.
    pub shadowed_by: Vec<RulePlace>,
}

/// Where a rule stands in the file; both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RulePlace {
    pub number: u64,
    pub line: u64,
}

impl RuleView {
    fn of(state: RuleState, now: SystemTime) -> Self {
        let until = match state.lasts {
            RuleLifetime::Until(until) => Some(until),
            _ => None,
        };
        Self {
            id: state.id,
            number: state.place.number().map(|number| number as u64),
            line: state.place.line().map(|line| line as u64),
            rule: state.rule,
            lasts: match state.lasts {
                RuleLifetime::Permanent => "always",
                RuleLifetime::Until(_) => "until",
                RuleLifetime::Once => "once",
                RuleLifetime::UntilQuit => "until-quit",
            }
            .to_owned(),
            until_ms: until.map(|until| {
                let since = until.duration_since(SystemTime::UNIX_EPOCH);
                u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
            }),
            over: until.is_some_and(|until| until <= now),
            hits: state.count.hits,
            last_ms: (state.count.last_ms > 0).then_some(state.count.last_ms),
            since_ms: state.count.since_ms,
            shadowed_by: state
                .shadowed_by
                .into_iter()
                .map(|(number, line)| RulePlace {
                    number: number as u64,
                    line: line as u64,
                })
                .collect(),
        }
    }
}

/// A rule to be added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleWish {
    /// As in the configuration: `match`, `use`, and `until` (RFC 3339) for a rule that ends by itself.
    #[schema(value_type = Object, example = json!({"match": {"domain": ["example.com"]}, "use": "direct"}))]
    pub rule: Value,
    /// Before the rule at this place of the file, from 0 [default: before all].
    #[serde(default)]
    pub at: u32,
    /// How long: "once" (the next connection that matches) and "until-quit" stand in no file and go before all others;
    /// "always" and a time ("1h", "30m", "2d") stand in it. Absent or null: always, or what `until` says.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "1h",
        pattern = "^(once|until-quit|always|([0-9]{1,18}(d|h|m|s|ms)){1,5})$"
    )]
    pub lasts: Option<String>,
}

/// A place for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleMove {
    /// Its new place in the file, from 0; past the end it is the last.
    pub to: u32,
}

/// What a wish comes to.
enum Wished {
    File(Value),
    NoFile(Value, TemporaryLifetime),
}

/// The rules
#[utoipa::path(
    get,
    path = "/api/v1/rules",
    tag = "rules",
    responses((status = 200, description = "In the order in which they are asked", body = Rules))
)]
pub(crate) async fn list_rules(State(api): State<Api>) -> axum::Json<Rules> {
    let now = SystemTime::now();
    let states = api.engine.rules().into_iter();
    axum::Json(Rules {
        rules: states.map(|state| RuleView::of(state, now)).collect(),
    })
}

/// Add a rule
#[utoipa::path(
    post,
    path = "/api/v1/rules",
    tag = "rules",
    params(ChangeQuery),
    request_body = RuleWish,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 409, description = "A listener cannot be opened: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It is no sound rule: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn add_rule(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Query(how): Query<ChangeQuery>,
    Json(wish): Json<RuleWish>,
) -> Result<axum::Json<Change>, Problem> {
    if !wish.rule.is_object() {
        return Err(Problem::unprocessable(
            "rule",
            format!("{} is no rule.", escape(&wish.rule.to_string())),
        )
        .help(
            "Send {\"rule\": {\"match\": {\"domain\": [\"example.com\"]}, \"use\": \"direct\"}}.",
        ));
    }
    let at = usize::try_from(wish.at).unwrap_or(usize::MAX);
    match wished(wish)? {
        Wished::File(rule) => {
            config::edit(&api, door, how, move |document| {
                document.add_rule(at, &rule)
            })
            .await
        }
        Wished::NoFile(rule, span) => {
            // The file is read for the names in the rule: not while somebody edits it.
            let _turn = api.editing.lock().await;
            let made = api
                .engine
                .add_temporary_rule(door, rule, span, how.mode())
                .await;
            let mut done = made.map_err(config::refusal)?;
            if span == TemporaryLifetime::Once {
                // It decides one connection; played on all that were recorded it would seem to decide each.
                done.replay = None;
            }
            Ok(axum::Json(Change::of(done, !how.dry_run)))
        }
    }
}

fn wished(wish: RuleWish) -> Result<Wished, Problem> {
    let RuleWish {
        mut rule, lasts, ..
    } = wish;
    let span = match lasts.as_deref() {
        None => return Ok(Wished::File(rule)),
        Some("always") => None,
        Some("once") => return Ok(Wished::NoFile(rule, TemporaryLifetime::Once)),
        Some("until-quit") => return Ok(Wished::NoFile(rule, TemporaryLifetime::UntilQuit)),
        Some(text) => Some(span(text)?),
    };
    let until = span.map(|span| Value::String(format_timestamp_seconds(SystemTime::now() + span)));
    if let Some(object) = rule.as_object_mut() {
        match until {
            Some(until) => object.insert("until".to_owned(), until),
            None => object.remove("until"),
        };
    }
    Ok(Wished::File(rule))
}

fn span(text: &str) -> Result<Duration, Problem> {
    parse_duration(text)
        .filter(|span| !span.is_zero() && *span <= LONGEST)
        .ok_or_else(|| {
            Problem::unprocessable(
                "for",
                format!("\"{}\" is no time for a rule.", escape(text)),
            )
            .help("Write once, until-quit, always, or a time: 30m, 1h, 2d; at most 366d.")
        })
}

/// Move a rule
#[utoipa::path(
    patch,
    path = "/api/v1/rules/{id}",
    tag = "rules",
    params(("id" = String, Path, description = "What the rule is known by", max_length = 64), ChangeQuery),
    request_body = RuleMove,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 404, description = "The file has no such rule", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "A listener cannot be opened: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The file is not sound: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn move_rule(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Segment(id): Segment<String>,
    Query(how): Query<ChangeQuery>,
    Json(wish): Json<RuleMove>,
) -> Result<axum::Json<Change>, Problem> {
    known(&api, &id)?;
    let to = usize::try_from(wish.to).unwrap_or(usize::MAX);
    config::edit(&api, door, how, move |document| {
        let (from, count) = place(document, &id)?;
        document.move_rule(from, to.min(count.saturating_sub(1)))
    })
    .await
}

/// Take a rule out
#[utoipa::path(
    delete,
    path = "/api/v1/rules/{id}",
    tag = "rules",
    params(("id" = String, Path, description = "What the rule is known by", max_length = 64), ChangeQuery),
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 404, description = "There is no such rule", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "A listener cannot be opened: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The file is not sound, or a dry run is asked for what stands in no file: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn remove_rule(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Segment(id): Segment<String>,
    Query(how): Query<ChangeQuery>,
) -> Result<axum::Json<Change>, Problem> {
    known(&api, &id)?;
    let Some(number) = id.strip_prefix('t').and_then(|number| number.parse().ok()) else {
        return config::edit(&api, door, how, move |document| {
            let (at, _) = place(document, &id)?;
            document.remove_rule(at)
        })
        .await;
    };
    if how.dry_run {
        return Err(Problem::unprocessable(
            "dry-run",
            "What the end of a rule of no file would do is not worked out.",
        ));
    }
    let change = api.engine.remove_temporary_rule(door, number).await;
    let change = change.map_err(config::refusal)?;
    let change = change.ok_or_else(|| unknown(&id))?;
    Ok(axum::Json(Change {
        applied: true,
        change: Some(change),
        ..Change::default()
    }))
}

/// Whether a rule of that name is in force.
fn known(api: &Api, id: &str) -> Result<(), Problem> {
    extract::at_most(id, MAX_ID, "id")?;
    let rules = api.engine.rules();
    match rules.iter().any(|rule| rule.id == id) {
        true => Ok(()),
        false => Err(unknown(id)),
    }
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("There is no rule \"{}\".", escape(id)))
        .help("GET /api/v1/rules lists them; a rule that was changed is another one.")
}

/// Its place in the file as it stands, from 0, and how many rules there are.
fn place(document: &Document, id: &str) -> Result<(usize, usize), EditError> {
    let config = Config::parse(&document.text(), std::path::Path::new("/"));
    let rules = config.map(|loaded| loaded.config.rules).unwrap_or_default();
    let ids = rule_ids(&rules);
    let at = ids.iter().position(|known| known == id);
    at.map(|at| (at, ids.len()))
        .ok_or_else(|| EditError::NoSuchEntry {
            section: "rule".to_owned(),
            name: id.to_owned(),
        })
}
