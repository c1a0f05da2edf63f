//! `/api/v1/events`: what a stream of events contains.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::connections::{ConnectionsQuery, GroupBy, RowState};
use crate::requests::RequestsQuery;

/// What to watch. The parameters of a table are those of GET /api/v1/connections or GET /api/v1/requests; one stream watches
/// one table.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Any of "status", "logs", and "connections" or "requests", separated by commas [default: status,connections].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        nullable = false,
        pattern = "^(status|connections|requests|logs)(,(status|connections|requests|logs)){0,2}$",
        example = "status,logs"
    )]
    pub topics: Option<String>,
    /// Log lines of this level and more severe ones [default: info].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(nullable = false, inline)]
    pub level: Option<LogLevel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, nullable = false)]
    pub state: Option<RowState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 1000, nullable = false)]
    pub filter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, nullable = false)]
    pub group: Option<GroupBy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(nullable = false)]
    pub sort: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 10_000_000, nullable = false)]
    pub offset: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 1000, nullable = false)]
    pub limit: Option<u32>,
    /// Show the queries of URLs of requests.
    #[serde(default)]
    #[param(default = false)]
    pub queries: bool,
}

impl EventsQuery {
    /// Watches one page of connections only.
    pub fn for_connections(query: ConnectionsQuery) -> Self {
        Self {
            topics: Some("connections".to_owned()),
            level: None,
            state: Some(query.state),
            filter: query.filter,
            group: query.group,
            sort: query.sort,
            offset: Some(query.offset),
            limit: Some(query.limit),
            queries: false,
        }
    }

    /// The page of requests that is watched.
    pub fn requests(&self) -> RequestsQuery {
        let default = RequestsQuery::default();
        RequestsQuery {
            filter: self.filter.clone(),
            sort: self.sort.clone(),
            offset: self.offset.unwrap_or(default.offset),
            limit: self.limit.unwrap_or(default.limit),
            queries: self.queries,
        }
    }

    /// The page of connections that is watched.
    pub fn connections(&self) -> ConnectionsQuery {
        let default = ConnectionsQuery::default();
        ConnectionsQuery {
            state: self.state.unwrap_or(default.state),
            filter: self.filter.clone(),
            ids: None,
            group: self.group,
            sort: self.sort.clone(),
            offset: self.offset.unwrap_or(default.offset),
            limit: self.limit.unwrap_or(default.limit),
        }
    }
}

/// How severe a log line is, the most severe first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// "error", "warn", "info", "debug" or "trace".
    pub level: String,
    /// The module that logged it.
    pub target: String,
    pub message: String,
    /// The line's other fields. Control characters are escaped.
    pub fields: BTreeMap<String, String>,
}
