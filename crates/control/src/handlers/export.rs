//! GET /api/v1/connections/export and /api/v1/requests/export: what matches, as a file for another program.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use privet_api::Problem;
use privet_api::connections::{ConnectionRow, ConnectionsQuery, MAX_ROWS, RowState};
use privet_api::export::{ExportFormat, ExportQuery};
use privet_api::requests::RequestExportQuery;
use privet_engine::Engine;

use crate::connection_view::ConnectionViewer;
use crate::export::har::ExportedRow;
use crate::export::{csv, har};
use crate::extract::Query;
use crate::rejection::Rejection;
use crate::request_view;
use crate::state::ApiState;

/// Most rows of one file.
const MAX_EXPORTED: usize = 20_000;

/// Export connections
///
/// At most 20,000 rows, the first ones in the order of `sort`. HAR has an entry for each recorded request of a connection
/// instead of one for the connection.
#[utoipa::path(
    get,
    path = "/api/v1/connections/export",
    tag = "connections",
    params(ExportQuery),
    responses((status = 200, description = "The file", content((String = "text/csv"), (Object = "application/json"))))
)]
pub(crate) async fn export_connections(
    State(api): State<ApiState>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Rejection> {
    let rows = matching_rows(&api.engine, &query).await?;
    let (media_type, body) = match query.format {
        ExportFormat::Csv => (
            "text/csv; charset=utf-8; header=present",
            csv::write(&rows).map_err(|error| Problem::internal(error.to_string()))?,
        ),
        ExportFormat::Har => (
            "application/json",
            write_har(with_requests(&api.engine, rows, query.queries))?,
        ),
    };
    let media_type = HeaderValue::from_static(media_type);
    Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
}

/// Export requests as HAR
///
/// At most 20,000 requests, the first ones in the order of `sort`.
#[utoipa::path(
    get,
    path = "/api/v1/requests/export",
    tag = "connections",
    params(RequestExportQuery),
    responses((status = 200, description = "The file", content((Object = "application/json"))))
)]
pub(crate) async fn export_requests(
    State(api): State<ApiState>,
    Query(query): Query<RequestExportQuery>,
) -> Result<Response, Rejection> {
    let (filter, sort) = (query.filter.as_deref(), query.sort.as_deref());
    let rows = request_view::matching(&api.engine, filter, sort, MAX_EXPORTED)?;
    let entries = rows
        .iter()
        .map(|row| ExportedRow::Request(request_view::row(row, query.queries)));
    let media_type = HeaderValue::from_static("application/json");
    let body = write_har(entries.collect())?;
    Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
}

fn write_har(entries: Vec<ExportedRow>) -> Result<Vec<u8>, Problem> {
    har::write(&entries).map_err(|error| Problem::internal(error.to_string()))
}

/// The recorded requests of each connection, or the connection itself where it has none.
fn with_requests(engine: &Engine, rows: Vec<ConnectionRow>, queries: bool) -> Vec<ExportedRow> {
    let mut requests = engine.connection_log().requests_by_connection();
    let mut entries = Vec::new();
    for row in rows {
        match requests.remove(&row.id) {
            Some(recorded) => entries.extend(
                recorded
                    .iter()
                    .map(|one| ExportedRow::Request(request_view::row(one, queries))),
            ),
            None => entries.push(ExportedRow::Connection(row)),
        }
        if entries.len() >= MAX_EXPORTED {
            break;
        }
    }
    entries.truncate(MAX_EXPORTED);
    entries
}

/// Reads page after page. Rows may move to a later page meanwhile: each is exported once.
async fn matching_rows(
    engine: &Engine,
    query: &ExportQuery,
) -> Result<Vec<ConnectionRow>, Problem> {
    let mut page_query = ConnectionsQuery {
        state: query.state.unwrap_or(RowState::Active),
        filter: query.filter.clone(),
        sort: query.sort.clone(),
        limit: MAX_ROWS,
        ..ConnectionsQuery::default()
    };
    let mut seen = HashSet::new();
    let mut rows = Vec::new();
    loop {
        let page = ConnectionViewer::new(&page_query)?.view(engine);
        let is_last = page.rows.len() < MAX_ROWS as usize;
        rows.extend(page.rows.into_iter().filter(|row| seen.insert(row.id)));
        rows.truncate(MAX_EXPORTED);
        if is_last || rows.len() == MAX_EXPORTED {
            return Ok(rows);
        }
        page_query.offset = page_query.offset.saturating_add(MAX_ROWS);
        // Other tasks need this thread too.
        tokio::task::yield_now().await;
    }
}
