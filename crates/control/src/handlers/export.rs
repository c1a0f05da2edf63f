//! GET /api/v1/connections/export: the connections that match, as a file for another program.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use privet_api::Problem;
use privet_api::connections::{ConnectionRow, ConnectionsQuery, MAX_ROWS, RowState};
use privet_api::export::{ExportFormat, ExportQuery};
use privet_engine::Engine;

use crate::connection_view::Viewer;
use crate::export::{csv, har};
use crate::extract::Query;
use crate::rejection::Rejection;
use crate::state::ApiState;

/// Most rows of one file.
const MAX_EXPORTED: usize = 20_000;

/// Connections as a file
///
/// At most 20,000 rows, the first ones in the order of `sort`.
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
    let rows = rows(&api.engine, &query).await?;
    let (media_type, body) = match query.format {
        ExportFormat::Csv => (
            "text/csv; charset=utf-8; header=present",
            csv::write(&rows).map_err(|error| Problem::internal(error.to_string()))?,
        ),
        ExportFormat::Har => (
            "application/json",
            har::write(&rows).map_err(|error| Problem::internal(error.to_string()))?,
        ),
    };
    let media_type = HeaderValue::from_static(media_type);
    Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
}

/// Reads page after page. Rows may move to a later page meanwhile: each is exported once.
async fn rows(engine: &Engine, query: &ExportQuery) -> Result<Vec<ConnectionRow>, Problem> {
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
        let page = Viewer::new(&page_query)?.view(engine);
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
