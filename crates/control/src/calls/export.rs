//! GET /api/v1/connections/export: the rows that match, as a file for another program.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use privet_connection_log::{RowState, RowView};
use privet_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::connections::{Looker, MAX_LIMIT, WindowQuery};
use crate::api::Api;
use crate::export::{csv, har};
use crate::extract::Query;
use crate::problem::Problem;

/// Rows of one file: what people open in a spreadsheet or a waterfall.
pub const MAX_EXPORTED: usize = 20_000;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RFC 4180, times as ISO 8601 in UTC.
    Csv,
    /// HTTP archive 1.2: one entry a connection.
    Har,
}

impl Format {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Har => "application/json",
        }
    }
}

/// Which rows, in which format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    #[param(inline)]
    pub format: Format,
    /// Which table [default: active].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, nullable = false)]
    pub state: Option<RowState>,
    /// As in GET /connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 1000, nullable = false, example = "app:firefox")]
    pub filter: Option<String>,
    /// As in GET /connections [default: -started].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, example = "-down")]
    pub sort: Option<String>,
}

/// Connections as a file
///
/// At most 20,000 rows, the first of the order that was asked for.
#[utoipa::path(
    get,
    path = "/api/v1/connections/export",
    tag = "connections",
    params(ExportQuery),
    responses((status = 200, description = "The file", content((String = "text/csv"), (Object = "application/json"))))
)]
pub(crate) async fn export_connections(
    State(api): State<Api>,
    Query(asked): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let rows = rows(&api.engine, &asked).await?;
    let body = match asked.format {
        Format::Csv => csv::write(&rows).into_bytes(),
        Format::Har => har::write(&rows).map_err(|error| Problem::internal(error.to_string()))?,
    };
    let kind = HeaderValue::from_static(asked.format.media_type());
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// Window after window. The live table moves meanwhile: a row that slides into a later window is told once.
async fn rows(engine: &Engine, asked: &ExportQuery) -> Result<Vec<RowView>, Problem> {
    let mut window = WindowQuery {
        state: asked.state.unwrap_or(RowState::Active),
        filter: asked.filter.clone(),
        sort: asked.sort.clone(),
        limit: MAX_LIMIT,
        ..WindowQuery::default()
    };
    let mut told = HashSet::new();
    let mut rows = Vec::new();
    loop {
        let page = Looker::new(&window)?.look(engine);
        let last = page.rows.len() < MAX_LIMIT as usize;
        rows.extend(page.rows.into_iter().filter(|row| told.insert(row.id)));
        rows.truncate(MAX_EXPORTED);
        if last || rows.len() == MAX_EXPORTED {
            return Ok(rows);
        }
        window.offset = window.offset.saturating_add(MAX_LIMIT);
        // Others want this thread too.
        tokio::task::yield_now().await;
    }
}
