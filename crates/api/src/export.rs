//! `/api/v1/connections/export`: connections as a file for another program.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::connections::RowState;

/// The format of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// RFC 4180, times as ISO 8601 in UTC.
    Csv,
    /// HTTP archive 1.2: one entry per recorded request, and one per connection without any.
    Har,
}

/// Which rows, in which format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    #[param(inline)]
    pub format: ExportFormat,
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
    /// Show the queries of URLs in HAR, which may hold secrets [default: false: "?…" stands for each].
    #[serde(default)]
    #[param(default = false)]
    pub queries: bool,
}
