//! GET and DELETE /api/v1/connections: pages of connections, and closing them.

use axum::extract::State;
use privet_api::Problem;
use privet_api::connections::{CloseQuery, Closed, ConnectionPage, ConnectionsQuery};
use privet_connection_log::CloseReason;

use crate::connection_view::{ConnectionViewer, parse_filter};
use crate::extract::{PathParam, Query};
use crate::rejection::Answer;
use crate::state::ApiState;

/// List connections
#[utoipa::path(
    get,
    path = "/api/v1/connections",
    tag = "connections",
    params(ConnectionsQuery),
    responses((status = 200, description = "The rows of the page, and the sums of all that match", body = ConnectionPage))
)]
pub(crate) async fn list_connections(
    State(api): State<ApiState>,
    Query(query): Query<ConnectionsQuery>,
) -> Answer<ConnectionPage> {
    Ok(axum::Json(ConnectionViewer::new(&query)?.view(&api.engine)))
}

/// Close connections
#[utoipa::path(
    delete,
    path = "/api/v1/connections",
    tag = "connections",
    params(CloseQuery),
    responses((status = 200, description = "How many are being closed", body = Closed))
)]
pub(crate) async fn close_matching(
    State(api): State<ApiState>,
    Query(query): Query<CloseQuery>,
) -> Answer<Closed> {
    let filter = parse_filter(&query.filter, query.ids.as_deref())?;
    if filter.is_empty() {
        return Err(
            Problem::bad_request("An empty filter would close everything.")
                .help("To close all, write filter=*.")
                .into(),
        );
    }
    let log = api.engine.connection_log();
    let closed = log.cancel_matching(&filter, CloseReason::Closed) as u64;
    Ok(axum::Json(Closed { closed }))
}

/// Close a connection
#[utoipa::path(
    delete,
    path = "/api/v1/connections/{id}",
    tag = "connections",
    params(("id" = u64, Path, description = "The connection's id", minimum = 0, maximum = 9_007_199_254_740_991_i64)),
    responses(
        (status = 200, description = "It is being closed", body = Closed),
        (status = 404, description = "No open connection has that id")
    )
)]
pub(crate) async fn close_connection(
    State(api): State<ApiState>,
    PathParam(id): PathParam<u64>,
) -> Answer<Closed> {
    match api.engine.connection_log().cancel(id, CloseReason::Closed) {
        true => Ok(axum::Json(Closed { closed: 1 })),
        false => Err(Problem::not_found(format!("There is no open connection {id}.")).into()),
    }
}
