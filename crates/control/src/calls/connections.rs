//! GET and DELETE /api/v1/connections: windows of rows, and closing them.

use axum::extract::State;
use privet_connection_log::{
    CloseReason, GroupBy, Page, PageRequest, Query as RowQuery, RowState, SortKey,
};
use privet_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::extract::{self, Query, Segment};
use crate::problem::Problem;

/// Most rows in one window.
pub const MAX_LIMIT: u32 = 1000;
/// Characters of a filter.
const MAX_FILTER: usize = 1000;
/// Rows that can be passed over.
const MAX_OFFSET: u32 = 10_000_000;

/// A window on the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WindowQuery {
    /// Which table [default: active].
    #[serde(default = "active")]
    #[param(inline)]
    pub state: RowState,
    /// Words that all have to fit; `-` before one turns it round: `app:firefox -host:*.corp up>1M`. A word without a field
    /// is looked for in host and app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        max_length = 1000,
        nullable = false,
        example = "app:firefox -host:*.corp up>1M"
    )]
    pub filter: Option<String>,
    /// Gather: the answer has sums by group too, and each row names its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, nullable = false)]
    pub group: Option<GroupBy>,
    /// A column, with `-` before it for the largest first [default: -started].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        nullable = false,
        example = "-down",
        pattern = "^-?(started|ended|age|app|host|port|client|user|protocol|verdict|reason|route|up|down|up_speed|down_speed|dns_ms|connect_ms|tls_ms|first_byte_ms|requests|id)$"
    )]
    pub sort: Option<String>,
    /// Rows to pass over.
    #[serde(default)]
    #[param(minimum = 0, maximum = 10_000_000, default = 0)]
    pub offset: u32,
    /// Rows in the answer.
    #[serde(default = "default_limit")]
    #[param(minimum = 0, maximum = 1000, default = 100)]
    pub limit: u32,
}

impl Default for WindowQuery {
    fn default() -> Self {
        Self {
            state: active(),
            filter: None,
            group: None,
            sort: None,
            offset: 0,
            limit: default_limit(),
        }
    }
}

const fn active() -> RowState {
    RowState::Active
}

const fn default_limit() -> u32 {
    100
}

/// Which connections to close.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CloseQuery {
    /// As in GET; it has to be there, and `*` is all.
    #[param(min_length = 1, max_length = 1000, example = "app:firefox")]
    pub filter: String,
}

/// How many were told to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Closed {
    pub closed: u64,
}

/// A window that was understood, ready to be looked through again and again.
pub(crate) struct Looker {
    state: RowState,
    query: RowQuery,
    window: PageRequest,
}

impl Looker {
    pub(crate) fn new(asked: &WindowQuery) -> Result<Self, Problem> {
        if asked.limit > MAX_LIMIT || asked.offset > MAX_OFFSET {
            return Err(Problem::bad_request(format!(
                "A window has at most {MAX_LIMIT} rows and passes over at most {MAX_OFFSET}."
            )));
        }
        let mut window = PageRequest {
            offset: asked.offset as usize,
            limit: asked.limit as usize,
            group: asked.group,
            ..PageRequest::default()
        };
        if let Some(sort) = &asked.sort {
            (window.sort, window.descending) =
                SortKey::parse(sort).map_err(Problem::bad_request)?;
        }
        Ok(Self {
            state: asked.state,
            query: filter(asked.filter.as_deref().unwrap_or_default())?,
            window,
        })
    }

    pub(crate) fn look(&self, engine: &Engine) -> Page {
        engine
            .connection_log()
            .page(self.state, &self.query, &self.window)
    }
}

fn filter(text: &str) -> Result<RowQuery, Problem> {
    extract::at_most(text, MAX_FILTER, "filter")?;
    RowQuery::parse(text)
        .map_err(|error| Problem::bad_request(format!("The filter is not understood: {error}.")))
}

/// Connections, windowed
#[utoipa::path(
    get,
    path = "/api/v1/connections",
    tag = "connections",
    params(WindowQuery),
    responses((status = 200, description = "The rows of the window, and what they were cut from", body = Page))
)]
pub(crate) async fn list_connections(
    State(api): State<Api>,
    Query(asked): Query<WindowQuery>,
) -> Result<axum::Json<Page>, Problem> {
    Ok(axum::Json(Looker::new(&asked)?.look(&api.engine)))
}

/// Close all that match
#[utoipa::path(
    delete,
    path = "/api/v1/connections",
    tag = "connections",
    params(CloseQuery),
    responses((status = 200, description = "How many were told to close", body = Closed))
)]
pub(crate) async fn close_matching(
    State(api): State<Api>,
    Query(which): Query<CloseQuery>,
) -> Result<axum::Json<Closed>, Problem> {
    let query = filter(&which.filter)?;
    if query.is_empty() {
        return Err(
            Problem::bad_request("An empty filter would close everything.")
                .help("Ask for it: filter=* closes all."),
        );
    }
    let closed = api
        .engine
        .connection_log()
        .cancel_matching(&query, CloseReason::Closed);
    Ok(axum::Json(Closed {
        closed: closed as u64,
    }))
}

/// Close one
#[utoipa::path(
    delete,
    path = "/api/v1/connections/{id}",
    tag = "connections",
    params(("id" = u64, Path, description = "The row's number", minimum = 0, maximum = 9_007_199_254_740_991_i64)),
    responses(
        (status = 200, description = "It was told to close", body = Closed),
        (status = 404, description = "No connection with that number stands", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn close_connection(
    State(api): State<Api>,
    Segment(id): Segment<u64>,
) -> Result<axum::Json<Closed>, Problem> {
    if api.engine.connection_log().cancel(id, CloseReason::Closed) {
        Ok(axum::Json(Closed { closed: 1 }))
    } else {
        Err(Problem::not_found(format!("No connection {id} stands.")))
    }
}

#[cfg(test)]
mod tests {
    use utoipa::IntoParams;

    use super::*;

    #[test]
    fn the_document_names_every_column_that_sorts() {
        let parameters = WindowQuery::into_params(|| None);
        let sort = parameters
            .iter()
            .find(|parameter| parameter.name == "sort")
            .unwrap();
        let columns: Vec<&str> = SortKey::ALL.iter().map(|(name, _)| *name).collect();
        let pattern = format!("^-?({})$", columns.join("|"));
        assert_eq!(
            serde_json::to_value(&sort.schema).unwrap()["pattern"],
            pattern
        );
    }

    #[test]
    fn an_empty_window_query_is_the_newest_active_rows() {
        let asked: WindowQuery = serde_json::from_str("{}").unwrap();
        assert_eq!(asked, WindowQuery::default());
        assert_eq!(
            (asked.limit, asked.offset, asked.state),
            (100, 0, RowState::Active)
        );
    }

    #[test]
    fn what_a_window_cannot_be_is_refused() {
        let with = |change: fn(&mut WindowQuery)| {
            let mut asked = WindowQuery::default();
            change(&mut asked);
            Looker::new(&asked)
                .map(|_| ())
                .map_err(|problem| problem.status)
        };
        assert_eq!(with(|asked| asked.limit = 1001), Err(400));
        assert_eq!(with(|asked| asked.offset = u32::MAX), Err(400));
        assert_eq!(with(|asked| asked.sort = Some("nonsense".into())), Err(400));
        assert_eq!(
            with(|asked| asked.filter = Some("nosuch:x".into())),
            Err(400)
        );
        assert_eq!(
            with(|asked| asked.filter = Some("x".repeat(1001))),
            Err(400)
        );
        assert_eq!(
            with(|asked| asked.filter = Some("app:firefox up>1M".into())),
            Ok(())
        );
    }
}
