//! GET /api/v1/requests: pages of requests that could be read.

use axum::extract::State;
use privet_api::Problem;
use privet_api::requests::{RequestPage, RequestRow, RequestsQuery};
use privet_connection_log::RequestRow as RecordedRequest;
use privet_connection_log::requests::{
    MAX_REQUEST_ROWS, RequestFilter, RequestPageRequest, RequestSort,
};

use crate::extract::{self, Query};
use crate::rejection::Answer;
use crate::state::ApiState;

/// Longest filter, in characters.
const MAX_FILTER: usize = 1000;
/// Most rows that can be skipped.
const MAX_OFFSET: u32 = 10_000_000;

/// A page of requests
#[utoipa::path(
    get,
    path = "/api/v1/requests",
    tag = "connections",
    params(RequestsQuery),
    responses((status = 200, description = "The rows of the page, and how many match", body = RequestPage))
)]
pub(crate) async fn list_requests(
    State(api): State<ApiState>,
    Query(query): Query<RequestsQuery>,
) -> Answer<RequestPage> {
    if query.limit as usize > MAX_REQUEST_ROWS || query.offset > MAX_OFFSET {
        return Err(Problem::bad_request(format!(
            "A page has at most {MAX_REQUEST_ROWS} rows and skips at most {MAX_OFFSET}."
        ))
        .into());
    }
    let text = query.filter.as_deref().unwrap_or_default();
    extract::check_length(text, MAX_FILTER, "filter")?;
    let filter: RequestFilter = text
        .parse()
        .map_err(|error| Problem::bad_request(format!("The filter is invalid: {error}.")))?;
    let (sort, descending) = sort(query.sort.as_deref().unwrap_or("-started"))?;
    let wanted = RequestPageRequest {
        offset: query.offset as usize,
        limit: query.limit as usize,
        sort,
        descending,
    };
    let log = api.engine.connection_log();
    let page = log.requests(&filter, &wanted);
    Ok(axum::Json(RequestPage {
        total: page.total as u64,
        offset: u64::from(query.offset),
        recording: log.records_requests(),
        rows: page
            .rows
            .iter()
            .map(|one| row(one, query.queries))
            .collect(),
    }))
}

fn sort(text: &str) -> Result<(RequestSort, bool), Problem> {
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let key = match name {
        "started" => RequestSort::Started,
        "method" => RequestSort::Method,
        "url" => RequestSort::Url,
        "status" => RequestSort::Status,
        "type" => RequestSort::Type,
        "up" => RequestSort::Up,
        "down" => RequestSort::Down,
        "total_ms" => RequestSort::Total,
        _ => {
            return Err(Problem::bad_request(format!(
                "There is no column \"{name}\": the columns are started, method, url, status, type, up, down, total_ms."
            )));
        }
    };
    Ok((key, descending))
}

fn row(request: &RecordedRequest, queries: bool) -> RequestRow {
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    RequestRow {
        id: request.id,
        connection: request.connection,
        started: request.started,
        client: request.client.to_string(),
        user: request.user.as_deref().map(str::to_owned),
        method: request.method.to_string(),
        url: match queries {
            true => request.url.to_string(),
            false => request.masked_url().into_owned(),
        },
        status: request.status,
        media_type: request.media_type.as_deref().map(str::to_owned),
        route: request.route.to_string(),
        up: request.up,
        down: request.down,
        first_byte_ms: request.first_byte.map(ms),
        total_ms: ms(request.total),
        error: request.error.as_deref().map(str::to_owned),
        cache: request.cache.map(|used| used.word.to_owned()),
        cache_why: request.cache.and_then(|used| used.why).map(str::to_owned),
    }
}
