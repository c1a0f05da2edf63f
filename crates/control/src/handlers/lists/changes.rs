//! POST /api/v1/lists, DELETE /api/v1/lists/{name}, POST /api/v1/lists/{name}/{action}: changes of the blocklists.

use axum::extract::State;
use privet_api::catalogue;
use privet_api::config::{Change, ChangeQuery};
use privet_api::lists::{List, ListAction, NewList};
use privet_api::{Problem, escape};
use privet_engine::{ChangeSource, ListActionError};
use serde_json::{Value, json};

use super::states::list;
use super::{find, unknown};
use crate::config_edit::edit;
use crate::extract::{Json, PathParam, Query};
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;

/// How long a new list only counts, unless the request says otherwise.
const PROBATION: &str = "24h";

/// Act on a list
///
/// Each can be reversed by another: `accept` and `rollback` by `resume` or `rollback`, `keep` by `accept`, `disable` by
/// `enable`; `block` by giving the list its `probation` again.
#[utoipa::path(
    post,
    path = "/api/v1/lists/{name}/{action}",
    tag = "lists",
    params(
        ("name" = String, Path, description = "The list's name", min_length = 1, max_length = 128),
        ("action" = inline(ListAction), Path, description = "What to do")
    ),
    responses(
        (status = 200, description = "The list as it is now", body = List),
        (status = 404, description = "There is no list with that name"),
        (status = 409, description = "The list is not in a state that allows it"),
        (status = 500, description = "A text or the file cannot be read or written")
    )
)]
pub(crate) async fn act_on_list(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    PathParam((name, action)): PathParam<(String, ListAction)>,
) -> Answer<List> {
    let engine_action = match action {
        ListAction::Accept => privet_engine::ListAction::Accept,
        ListAction::Keep => privet_engine::ListAction::Keep,
        ListAction::Rollback => privet_engine::ListAction::Rollback,
        ListAction::Resume => privet_engine::ListAction::Resume,
        ListAction::Block | ListAction::Enable | ListAction::Disable => {
            return change_in_file(&api, source, name, action).await;
        }
    };
    let done = api.engine.act_on_list(source, &name, engine_action).await;
    done.map_err(|error| match error {
        ListActionError::Unknown(_) => unknown(&api, &name),
        error @ ListActionError::NotApplicable(_) => {
            Problem::conflict(sentence(&error.to_string()))
        }
        error @ ListActionError::Failed(_) => Problem::internal(sentence(&error.to_string())),
    })?;
    Ok(axum::Json(list(find(&api, &name).await?)))
}

async fn change_in_file(
    api: &ApiState,
    source: ChangeSource,
    name: String,
    action: ListAction,
) -> Answer<List> {
    find(api, &name).await?;
    let of = name.clone();
    let edited = edit(
        api,
        source,
        ChangeQuery::default(),
        move |document| match action {
            ListAction::Block => document.end_probation(&of),
            action => document.enable_list(&of, action == ListAction::Enable),
        },
    );
    edited.await.map(drop)?;
    Ok(axum::Json(list(find(api, &name).await?)))
}

/// Add a list
///
/// For a day a new list only counts what it would block, unless `probation` says otherwise. It is fetched by the mode's
/// route, as a client's request would be.
#[utoipa::path(
    post,
    path = "/api/v1/lists",
    tag = "lists",
    params(ChangeQuery),
    request_body = NewList,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 404, description = "The catalogue has no list with that id"),
        (status = 409, description = "There is a list with that name")
    )
)]
pub(crate) async fn add_list(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    Query(query): Query<ChangeQuery>,
    Json(new): Json<NewList>,
) -> Answer<Change> {
    let (name, entry) = new_entry(new)?;
    if find(&api, &name).await.is_ok() {
        return Err(
            Problem::conflict(format!("There is already a list \"{}\".", escape(&name))).into(),
        );
    }
    let from = entry.get("source").and_then(Value::as_str);
    let from = from.unwrap_or_default();
    if let Some(fault) = source_problem(&api, from).await {
        let problem = Problem::unprocessable("list", fault)
            .help("A source is a file, relative to the configuration, or an http(s) address.");
        return Err(problem.into());
    }
    let edited = edit(&api, source, query, move |document| {
        document.put_entry("filter.list", &entry)
    });
    Ok(edited.await?)
}

/// Why a source is neither an address nor a file that can be read.
async fn source_problem(api: &ApiState, source: &str) -> Option<String> {
    if source.contains("://") {
        return None;
    }
    let config = &api.engine.options().config_path;
    let metadata = tokio::fs::metadata(config.with_file_name("").join(source));
    let shown = escape(source);
    match metadata.await {
        Ok(metadata) if metadata.is_file() => None,
        Ok(_) => Some(format!("\"{shown}\" is not a regular file.")),
        Err(_) => Some(format!("There is no file \"{shown}\".")),
    }
}

/// The name of a new list, and its entry in the configuration.
fn new_entry(new: NewList) -> Result<(String, Value), Problem> {
    let known = match &new.id {
        Some(id) => Some(catalogue::find(id).ok_or_else(|| {
            Problem::not_found(format!("The catalogue has no list \"{}\".", escape(id)))
                .help("`privet lists catalogue` lists them all.")
        })?),
        None => None,
    };
    let or = |given: Option<String>, known: Option<&str>| given.or(known.map(str::to_owned));
    let name = or(new.name, known.map(|known| known.name));
    let source = or(new.source, known.map(|known| known.source));
    let (Some(name), Some(source)) = (name, source) else {
        return Err(Problem::unprocessable(
            "list",
            "A list needs a `name` and a `source`, or the `id` of one of the catalogue.",
        ));
    };
    let mut entry = json!({
        "name": name,
        "source": source,
        "format": or(new.format, known.map(|known| known.format)).unwrap_or("auto".to_owned()),
        "refresh": or(new.refresh, known.map(|known| known.refresh)).unwrap_or("24h".to_owned()),
    });
    let probation = new.probation.as_deref().unwrap_or(PROBATION);
    if let (true, Some(entry)) = (probation != "0", entry.as_object_mut()) {
        entry.insert("probation".to_owned(), json!(probation));
    }
    Ok((name, entry))
}

/// Remove a list
#[utoipa::path(
    delete,
    path = "/api/v1/lists/{name}",
    tag = "lists",
    params(
        ("name" = String, Path, description = "The list's name", min_length = 1, max_length = 128),
        ChangeQuery
    ),
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 404, description = "There is no list with that name")
    )
)]
pub(crate) async fn remove_list(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    PathParam(name): PathParam<String>,
    Query(query): Query<ChangeQuery>,
) -> Answer<Change> {
    find(&api, &name).await?;
    let edited = edit(&api, source, query, move |document| {
        document.remove_entry("filter.list", &name)
    });
    Ok(edited.await?)
}

/// `text` with a capital at its start and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut letters = escape(text).chars().collect::<Vec<_>>();
    if let Some(first) = letters.first_mut() {
        *first = first.to_ascii_uppercase();
    }
    letters.push('.');
    letters.into_iter().collect()
}
