//! GET /api/v1/lists, POST /api/v1/lists/{name}/refresh and the other calls on blocklists.

mod told;

use axum::extract::State;
use privet_engine::{ChangeSource, ListAction, ListActionError};
use serde_json::json;

use super::config::{self, Change, ChangeQuery};
use crate::api::Api;
use crate::catalogue;
use crate::door::From as CameBy;
use crate::extract::{Json, Query, Segment};
use crate::logs::escape;
use crate::problem::Problem;

pub use told::{
    Act, Catalogue, HeldUpdate, HostCount, List, ListVersion, ListWish, Lists, WouldBlock,
};

/// So long a list that is added only counts, where nothing else is asked for.
const PROBATION: &str = "24h";

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
    match api.engine.refresh_list(&name).await {
        true => of_name(&api, &name).await,
        false => Err(unknown(&name)),
    }
}

/// Do something with a list
///
/// Each can be taken back by another: `accept` and `rollback` by `resume` or `rollback`, `keep` by `accept`, `disable` by
/// `enable`; `block` by giving the list its `probation` again.
#[utoipa::path(
    post,
    path = "/api/v1/lists/{name}/{act}",
    tag = "lists",
    params(
        ("name" = String, Path, description = "The list's name", min_length = 1, max_length = 128),
        ("act" = inline(Act), Path, description = "What to do")
    ),
    responses(
        (status = 200, description = "The list as it is now", body = List),
        (status = 404, description = "There is none of that name", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is nothing to do it with", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "A text or the file cannot be read or written", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn act_on_list(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Segment((name, act)): Segment<(String, Act)>,
) -> Result<axum::Json<List>, Problem> {
    let wish = match act {
        Act::Accept => ListAction::Accept,
        Act::Keep => ListAction::Keep,
        Act::Rollback => ListAction::Rollback,
        Act::Resume => ListAction::Resume,
        Act::Block | Act::Enable | Act::Disable => return change(&api, door, name, act).await,
    };
    match api.engine.act_on_list(door, &name, wish).await {
        Ok(()) => of_name(&api, &name).await,
        Err(ListActionError::Unknown(_)) => Err(unknown(&name)),
        Err(refusal @ ListActionError::NotApplicable(_)) => {
            Err(Problem::conflict(sentence(&refusal.to_string())))
        }
        Err(refusal @ ListActionError::Failed(_)) => {
            Err(Problem::internal(sentence(&refusal.to_string())))
        }
    }
}

/// Changes the list in the file.
async fn change(
    api: &Api,
    door: ChangeSource,
    name: String,
    act: Act,
) -> Result<axum::Json<List>, Problem> {
    if !is_there(api, &name).await {
        return Err(unknown(&name));
    }
    let of = name.clone();
    let edited = config::edit(
        api,
        door,
        ChangeQuery::default(),
        move |document| match act {
            Act::Block => document.end_probation(&of),
            act => document.enable_list(&of, act == Act::Enable),
        },
    );
    edited.await.map(drop)?;
    of_name(api, &name).await
}

/// Add a list
///
/// A new list only counts for a day what it would block, unless `probation` says otherwise. It is fetched the way that
/// the mode prescribes, as a client's request would go.
#[utoipa::path(
    post,
    path = "/api/v1/lists",
    tag = "lists",
    params(ChangeQuery),
    request_body = ListWish,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 404, description = "The catalogue has none of that id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is one of that name already", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It is no sound list: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn add_list(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Query(how): Query<ChangeQuery>,
    Json(wish): Json<ListWish>,
) -> Result<axum::Json<Change>, Problem> {
    let known = match &wish.id {
        Some(id) => Some(catalogue::find(id).ok_or_else(|| {
            Problem::not_found(format!("The catalogue has no list \"{}\".", escape(id)))
                .help("GET /api/v1/catalogue names them all.")
        })?),
        None => None,
    };
    let or = |wished: Option<String>, known: Option<&str>| wished.or(known.map(str::to_owned));
    let name = or(wish.name, known.map(|known| known.name));
    let source = or(wish.source, known.map(|known| known.source));
    let (Some(name), Some(source)) = (name, source) else {
        return Err(Problem::unprocessable(
            "list",
            "A list needs a `name` and a `source`, or the `id` of one of the catalogue.",
        ));
    };
    if is_there(&api, &name).await {
        return Err(Problem::conflict(format!(
            "There is a list \"{}\" already.",
            escape(&name)
        )));
    }
    let mut entry = json!({
        "name": name,
        "source": source,
        "format": or(wish.format, known.map(|known| known.format)).unwrap_or("auto".to_owned()),
        "refresh": or(wish.refresh, known.map(|known| known.refresh)).unwrap_or("24h".to_owned()),
    });
    let probation = wish.probation.as_deref().unwrap_or(PROBATION);
    if let (true, Some(entry)) = (probation != "0", entry.as_object_mut()) {
        entry.insert("probation".to_owned(), json!(probation));
    }
    config::edit(&api, door, how, move |document| {
        document.put_entry("filter.list", &entry)
    })
    .await
}

/// Take a list out
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
        (status = 404, description = "There is none of that name", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "What stays is no sound configuration: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn remove_list(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Segment(name): Segment<String>,
    Query(how): Query<ChangeQuery>,
) -> Result<axum::Json<Change>, Problem> {
    if !is_there(&api, &name).await {
        return Err(unknown(&name));
    }
    config::edit(&api, door, how, move |document| {
        document.remove_entry("filter.list", &name)
    })
    .await
}

/// Well-known lists
///
/// Each with what it does, what it may break, its licence and address. Nothing of them is fetched before one is added.
#[utoipa::path(
    get,
    path = "/api/v1/catalogue",
    tag = "lists",
    responses((status = 200, description = "Lists that can be added by their id", body = Catalogue))
)]
pub(crate) async fn read_catalogue() -> axum::Json<Catalogue> {
    axum::Json(Catalogue {
        lists: catalogue::CATALOGUE.to_vec(),
    })
}

async fn is_there(api: &Api, name: &str) -> bool {
    let lists = api.engine.lists().await;
    lists.iter().any(|list| list.name == name)
}

async fn of_name(api: &Api, name: &str) -> Result<axum::Json<List>, Problem> {
    let lists = api.engine.lists().await;
    let found = lists.into_iter().find(|list| list.name == name);
    found
        .map(|list| axum::Json(list.into()))
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("There is no list \"{}\".", escape(name)))
}

/// With a capital at its start and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut letters = escape(text).chars().collect::<Vec<_>>();
    if let Some(first) = letters.first_mut() {
        *first = first.to_ascii_uppercase();
    }
    letters.push('.');
    letters.into_iter().collect()
}
