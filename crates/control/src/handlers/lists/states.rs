//! GET /api/v1/lists, POST /api/v1/lists/{name}/refresh, GET /api/v1/catalogue: the state of the blocklists.

use axum::extract::State;
use privet_api::catalogue::{CATALOGUE, Catalogue};
use privet_api::lists::{
    HeldUpdate, HostCount, List, ListLines, ListVersion, Lists, SkippedLine, WouldBlock,
};
use privet_api::{Problem, escape};
use privet_engine::{ListPhase, ListState};

use super::{find, unknown};
use crate::extract::PathParam;
use crate::rejection::Answer;
use crate::state::ApiState;

/// List blocklists
#[utoipa::path(
    get,
    path = "/api/v1/lists",
    tag = "lists",
    responses((status = 200, description = "In the file's order", body = Lists))
)]
pub(crate) async fn list_lists(State(api): State<ApiState>) -> axum::Json<Lists> {
    let lists = api.engine.lists().await.into_iter();
    axum::Json(Lists {
        lists: lists.map(list).collect(),
    })
}

/// Refresh a list
#[utoipa::path(
    post,
    path = "/api/v1/lists/{name}/refresh",
    tag = "lists",
    params(("name" = String, Path, description = "The list's name", min_length = 1, max_length = 128)),
    responses(
        (status = 200, description = "The list as it is now; with `error` the last good text stays active", body = List),
        (status = 404, description = "There is no list with that name")
    )
)]
pub(crate) async fn refresh_list(
    State(api): State<ApiState>,
    PathParam(name): PathParam<String>,
) -> Answer<List> {
    match api.engine.refresh_list(&name).await {
        true => Ok(axum::Json(list(find(&api, &name).await?))),
        false => Err(unknown(&api, &name).into()),
    }
}

/// List the lines of a list that could not be used
///
/// Each with its number, text and reason.
#[utoipa::path(
    get,
    path = "/api/v1/lists/{name}/lines",
    tag = "lists",
    params(("name" = String, Path, description = "The list's name", min_length = 1, max_length = 128)),
    responses(
        (status = 200, description = "The first thousand, in the order of the list", body = ListLines),
        (status = 404, description = "No list in use has that name")
    )
)]
pub(crate) async fn list_lines(
    State(api): State<ApiState>,
    PathParam(name): PathParam<String>,
) -> Answer<ListLines> {
    let Some(found) = api.engine.list_lines(&name).await else {
        return Err(not_in_use(find(&api, &name).await?).into());
    };
    let lines = found.lines.into_iter();
    Ok(axum::Json(ListLines {
        entries: found.entries,
        host_entries: found.host_entries,
        ignored: found.ignored,
        skipped: found.skipped,
        lines: lines
            .map(|line| SkippedLine {
                line: line.line,
                text: line.text,
                reason: line.reason,
            })
            .collect(),
    }))
}

/// A list of which no line was read yet.
fn not_in_use(list: ListState) -> Problem {
    let name = escape(&list.name);
    let why = match (list.error, list.phase) {
        (Some(error), _) => error,
        (None, ListPhase::Off) => "it is off".to_owned(),
        (None, _) => "it has not arrived yet".to_owned(),
    };
    Problem::not_found(format!("The list \"{name}\" is not in use: {why}."))
}

/// List well-known lists
///
/// Each with what it does, what it may break, its licence and address. No list is fetched before it is added.
#[utoipa::path(
    get,
    path = "/api/v1/catalogue",
    tag = "lists",
    responses((status = 200, description = "Lists that can be added by their id", body = Catalogue))
)]
pub(crate) async fn read_catalogue() -> axum::Json<Catalogue> {
    axum::Json(Catalogue {
        lists: CATALOGUE.to_vec(),
    })
}

pub(super) fn list(state: ListState) -> List {
    let phase = match state.phase {
        ListPhase::Off => "off",
        ListPhase::Waiting => "waiting",
        ListPhase::Counting => "counting",
        ListPhase::Blocking => "blocking",
    };
    List {
        name: state.name,
        source: state.source,
        format: state.format,
        enabled: state.enabled,
        state: phase.to_owned(),
        entries: state.entries,
        host_entries: state.host_entries,
        skipped: state.skipped,
        bytes: state.bytes,
        hits: state.hits,
        hits_day: state.hits_day,
        since_ms: state.since,
        updated_ms: state.updated,
        checked_ms: state.checked,
        next_refresh_ms: state.next,
        error: state.error,
        fix: state.fix,
        not_stored: state.not_stored,
        counting_until_ms: state.counting_until,
        would_block: WouldBlock {
            connections: state.would_block,
            hosts: counts(state.would_block_hosts),
        },
        held: state.held.map(|held| HeldUpdate {
            arrived_ms: held.arrived,
            entries: held.entries,
            declined: held.declined,
            text: held.text,
            sites: counts(held.sites),
        }),
        pinned: state.pinned,
        versions: state.versions.into_iter().map(version).collect(),
    }
}

fn version(version: privet_engine::ListVersion) -> ListVersion {
    ListVersion {
        arrived_ms: version.arrived,
        entries: version.entries,
        bytes: version.bytes,
        active: version.active,
    }
}

fn counts(hosts: Vec<(String, u64)>) -> Vec<HostCount> {
    let hosts = hosts.into_iter();
    hosts
        .map(|(host, connections)| HostCount { host, connections })
        .collect()
}
