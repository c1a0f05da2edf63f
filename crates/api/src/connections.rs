//! `/api/v1/connections`: pages of connections, and closing them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most rows in one page.
pub const MAX_ROWS: u32 = 1000;

/// Which table a row is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// It is open.
    Active,
    /// It was open, or its dial failed.
    Closed,
    /// It was refused by a rule, a list or the mode.
    Blocked,
}

/// What rows and totals can be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    App,
    /// The registrable domain, or the address.
    Domain,
    Route,
    Verdict,
}

impl GroupBy {
    pub const ALL: [Self; 4] = [Self::App, Self::Domain, Self::Route, Self::Verdict];

    /// Its word in queries and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Domain => "domain",
            Self::Route => "route",
            Self::Verdict => "verdict",
        }
    }

    /// The variant with that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }
}

/// A page of the rows that match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConnectionsQuery {
    /// Which table [default: active].
    #[serde(default = "active")]
    #[param(inline)]
    pub state: RowState,
    /// Terms that must all match; `-` before one negates it: `app:firefox -host:*.corp up>1M`. A word without a field is
    /// searched for in host and app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        max_length = 1000,
        nullable = false,
        example = "app:firefox -host:*.corp up>1M"
    )]
    pub filter: Option<String>,
    /// Only connections with these ids, separated by commas: at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        nullable = false,
        example = "33,34",
        pattern = "^[0-9]{1,16}(,[0-9]{1,16}){0,999}$"
    )]
    pub ids: Option<String>,
    /// Add sums by group to the answer, and to each row the name of its group.
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
    /// Rows to skip.
    #[serde(default)]
    #[param(minimum = 0, maximum = 10_000_000, default = 0)]
    pub offset: u32,
    /// Most rows in the answer.
    #[serde(default = "default_limit")]
    #[param(minimum = 0, maximum = 1000, default = 100)]
    pub limit: u32,
}

impl Default for ConnectionsQuery {
    fn default() -> Self {
        Self {
            state: active(),
            filter: None,
            ids: None,
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

/// A page of connections, and the sums of all that match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionPage {
    /// All rows that match.
    pub total: u64,
    pub offset: u64,
    pub rows: Vec<ConnectionRow>,
    /// Of all rows that match, largest first; empty unless asked for.
    pub groups: Vec<ConnectionGroup>,
    /// Bytes from the clients, of all rows that match.
    pub up: u64,
    /// Bytes to the clients, of all rows that match.
    pub down: u64,
    /// Bytes per second now.
    pub up_speed: u64,
    /// Bytes per second now.
    pub down_speed: u64,
}

/// The sums of one group of connections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionGroup {
    pub key: String,
    pub rows: u64,
    /// Bytes.
    pub up: u64,
    /// Bytes.
    pub down: u64,
    /// Bytes per second now.
    pub up_speed: u64,
    /// Bytes per second now.
    pub down_speed: u64,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionRow {
    /// At most 2^53, so that every JSON reader keeps it exact.
    pub id: u64,
    pub state: RowState,
    /// "mixed", "socks", "http" or "https".
    pub listener: String,
    /// The client's address and port.
    pub client: String,
    /// The program's name, if it is known.
    pub app: Option<String>,
    pub app_path: Option<String>,
    pub pid: Option<u32>,
    pub user: Option<String>,
    /// "socks4", "socks5", "udp", "http" or "connect".
    pub protocol: String,
    pub host: String,
    pub port: u16,
    /// The destination's address, if it is known.
    pub remote: Option<String>,
    /// "direct", "routed", "blocked", "failed" or "cached".
    pub verdict: String,
    /// Why, in one sentence.
    pub reason: String,
    /// What decided: "loop", "own_network", "rule", "deny", "list", "mode", "kill_switch" or "undetermined".
    pub rule: String,
    pub route: String,
    /// Bytes from the client.
    pub up: u64,
    /// Bytes to the client.
    pub down: u64,
    /// Bytes per second now; 0 in the history.
    pub up_speed: u64,
    /// Bytes per second now; 0 in the history.
    pub down_speed: u64,
    /// Milliseconds since 1970.
    pub started: u64,
    /// How long it has been open, or was.
    pub age_ms: u64,
    /// Milliseconds since 1970; `null` while it is open.
    pub ended: Option<u64>,
    /// "finished", "broken", "idle", "closed", "reload", "shutdown", "blocked" or "failed".
    pub end: Option<String>,
    pub error: Option<String>,
    pub dns_ms: Option<f64>,
    pub connect_ms: Option<f64>,
    pub tls_ms: Option<f64>,
    pub first_byte_ms: Option<f64>,
    /// HTTP requests carried; 0 for a tunnel.
    pub requests: u32,
    /// "inspected"; "untouched" where its host would be inspected; "refused" where it could not be inspected, or the host's
    /// certificate is not acceptable. Not kept on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub inspection: Option<String>,
    /// Why it passed untouched or was refused, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub inspection_why: Option<String>,
    /// The group it is in, if the query asked for groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Which connections to close.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CloseQuery {
    /// As in GET; required, and `*` closes all.
    #[param(min_length = 1, max_length = 1000, example = "app:firefox")]
    pub filter: String,
    /// As in GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        nullable = false,
        example = "33,34",
        pattern = "^[0-9]{1,16}(,[0-9]{1,16}){0,999}$"
    )]
    pub ids: Option<String>,
}

/// How many connections are being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Closed {
    pub closed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_query_asks_for_the_newest_active_rows() {
        let query: ConnectionsQuery = serde_json::from_str("{}").unwrap();
        assert_eq!(query, ConnectionsQuery::default());
        assert_eq!(
            (query.limit, query.offset, query.state),
            (100, 0, RowState::Active)
        );
    }
}
