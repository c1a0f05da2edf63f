//! `/api/v1/requests`: requests that could be read, one row each.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A page of the requests that match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RequestsQuery {
    /// Terms that must all match; `-` before one negates it: `method:POST status>=400 -host:a.test`. A word without a field is
    /// searched for in method, URL, type, status and error. GET /api/v1/query?table=requests lists the fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        max_length = 1000,
        nullable = false,
        example = "method:POST status>=400"
    )]
    pub filter: Option<String>,
    /// A column, with `-` before it for the largest first [default: -started].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        nullable = false,
        example = "-total_ms",
        pattern = "^-?(started|method|url|status|type|up|down|first_byte_ms|total_ms|cache|scan)$"
    )]
    pub sort: Option<String>,
    /// Rows to skip.
    #[serde(default)]
    #[param(minimum = 0, maximum = 10_000_000, default = 0)]
    pub offset: u32,
    /// Most rows in the answer.
    #[serde(default = "default_limit")]
    #[param(minimum = 0, maximum = 1000, default = 100)]
    pub limit: u32,
    /// Show the queries of URLs, which may hold secrets [default: false: "?…" stands for each].
    #[serde(default)]
    #[param(default = false)]
    pub queries: bool,
}

impl Default for RequestsQuery {
    fn default() -> Self {
        Self {
            filter: None,
            sort: None,
            offset: 0,
            limit: default_limit(),
            queries: false,
        }
    }
}

const fn default_limit() -> u32 {
    100
}

/// A page of requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestPage {
    /// All rows that match.
    pub total: u64,
    pub offset: u64,
    /// Whether requests are recorded at all: `[log] requests`, and a mode that keeps history.
    pub recording: bool,
    /// Why they are not.
    pub not_recorded: Option<NotRecorded>,
    pub rows: Vec<RequestRow>,
}

/// The setting by which no requests are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotRecorded {
    /// `[log] requests = "none"`.
    LogRequests,
    /// `[log] connections = "none"`.
    LogConnections,
    /// The mode has `history = false`.
    ModeHistory,
}

/// Which requests to export.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RequestExportQuery {
    /// As in GET /requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 1000, nullable = false, example = "status>=400")]
    pub filter: Option<String>,
    /// As in GET /requests [default: started].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        nullable = false,
        example = "-total_ms",
        pattern = "^-?(started|method|url|status|type|up|down|first_byte_ms|total_ms|cache|scan)$"
    )]
    pub sort: Option<String>,
    /// Show the queries of URLs, which may hold secrets [default: false: "?…" stands for each].
    #[serde(default)]
    #[param(default = false)]
    pub queries: bool,
}

/// A request that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestRow {
    /// Unique in this run.
    pub id: u64,
    /// The id of its connection.
    pub connection: u64,
    /// Milliseconds since 1970.
    pub started: u64,
    /// The client's address.
    pub client: String,
    /// The user that logged in.
    pub user: Option<String>,
    pub method: String,
    /// In normal form; cut at 2 KiB.
    pub url: String,
    /// The version of HTTP that the client speaks: "HTTP/1.0", "HTTP/1.1" or "HTTP/2".
    pub http_version: String,
    /// The destination's IP address, if it is known.
    pub remote: Option<String>,
    /// `null`: no response began.
    pub status: Option<u16>,
    /// `Content-Type` without its parameters.
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    pub route: String,
    /// Bytes of the request, head included.
    pub up: u64,
    /// Bytes of the response, head included.
    pub down: u64,
    /// Of `up`, bytes of the head.
    pub up_head: u64,
    /// Of `down`, bytes of the head.
    pub down_head: u64,
    /// Of the connection that was opened for this request; `null` on one that was open.
    pub dns_ms: Option<f64>,
    pub connect_ms: Option<f64>,
    pub tls_ms: Option<f64>,
    /// From the request's head to the response's, with the phases above; `null`: no response began.
    pub first_byte_ms: Option<f64>,
    /// From the request's head to the end of the response.
    pub total_ms: f64,
    /// What the cache did for it: `hit`, `stale`, `revalidated`, `miss` or `bypass`; `null`: there is no cache for it.
    pub cache: Option<String>,
    /// Why the cache was not used.
    pub cache_why: Option<String>,
    /// What the scan found: `clean`, `bad`, `error`, `oversize`, `bad passed`, `error passed`, `oversize passed`, `unscannable passed` or `stream passed`;
    /// `null`: nothing was scanned.
    pub scan: Option<String>,
    /// What found something: `yara`, `clamd` or `icap`.
    pub scan_engine: Option<String>,
    /// The rule or signature that matched.
    pub scan_rule: Option<String>,
    /// Of the body that was stopped, in hexadecimal.
    pub scan_sha256: Option<String>,
    /// How long the verdict took.
    pub scan_ms: Option<f64>,
    /// Why it failed.
    pub error: Option<String>,
}
