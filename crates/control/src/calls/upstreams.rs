//! GET /api/v1/upstreams, POST /api/v1/upstreams/{name}/test: the ways out and their health.

use axum::extract::State;
use privet_config::{Config, Isolation, upstream_url};
use privet_net::outbound_health::{OutboundHealth, OutboundKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Api;
use crate::extract::Segment;
use crate::problem::Problem;

/// All ways out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outlets {
    pub upstreams: Vec<Upstream>,
    pub groups: Vec<Group>,
}

/// One upstream. Its credentials are never shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Upstream {
    #[schema(example = "tor")]
    pub name: String,
    /// Without credentials.
    #[schema(example = "socks5://127.0.0.1:9050")]
    pub url: String,
    /// The hops from here to it, itself last: "office → tor".
    pub route: String,
    /// "none", "host" or "app".
    pub isolate: String,
    /// "up", "down" or "unknown" (not tried yet).
    #[schema(example = "up")]
    pub state: String,
    /// Milliseconds that connecting through it takes, smoothed.
    pub latency_ms: Option<f64>,
    /// Failures since it was last seen working.
    pub failures: u32,
    /// The last failure in one sentence.
    pub last_error: Option<String>,
}

/// A group of upstreams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
// Its name in the document: the rows' groups have the plain one.
#[schema(as = OutletGroup)]
pub struct Group {
    pub name: String,
    /// "failover", "latency", "round-robin" or "sticky".
    pub policy: String,
    pub members: Vec<String>,
    /// "up", "down" or "unknown".
    pub state: String,
    /// The member that the next connection would take.
    pub current: Option<String>,
    pub last_error: Option<String>,
}

/// One test of one upstream or group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tested {
    pub name: String,
    pub ok: bool,
    /// Milliseconds until the connection through it stood.
    pub connect_ms: Option<f64>,
    /// Milliseconds from the request to the first byte of its answer.
    pub first_byte_ms: Option<f64>,
    pub error: Option<String>,
}

/// The ways out and their health
#[utoipa::path(
    get,
    path = "/api/v1/upstreams",
    tag = "upstreams",
    responses((status = 200, description = "Upstreams and groups, in the file's order", body = Outlets))
)]
pub(crate) async fn list_upstreams(State(api): State<Api>) -> axum::Json<Outlets> {
    let (config, health) = (api.engine.config(), api.engine.upstreams());
    let (groups, upstreams): (Vec<_>, Vec<_>) = health
        .into_iter()
        .partition(|outlet| outlet.kind == OutboundKind::Group);
    axum::Json(Outlets {
        upstreams: upstreams
            .into_iter()
            .map(|outlet| upstream(&config, outlet))
            .collect(),
        groups: groups.into_iter().map(group).collect(),
    })
}

/// Test one
///
/// Opens one connection through it and, where the group has a check, fetches the check's URL.
#[utoipa::path(
    post,
    path = "/api/v1/upstreams/{name}/test",
    tag = "upstreams",
    params(("name" = String, Path, description = "An upstream or a group", min_length = 1, max_length = 128)),
    responses(
        (status = 200, description = "What came of it; a failed test is an answer too", body = Tested),
        (status = 404, description = "There is none of that name", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn test_upstream(
    State(api): State<Api>,
    Segment(name): Segment<String>,
) -> Result<axum::Json<Tested>, Problem> {
    let Some(report) = api.engine.test_upstream(&name).await else {
        return Err(Problem::not_found(format!(
            "There is no upstream or group \"{}\".",
            crate::logs::escape(&name)
        )));
    };
    Ok(axum::Json(Tested {
        name: report.name,
        ok: report.error.is_none(),
        connect_ms: report.connect_ms,
        first_byte_ms: report.first_byte_ms,
        error: report.error,
    }))
}

fn upstream(config: &Config, health: OutboundHealth) -> Upstream {
    let known = config
        .upstreams
        .iter()
        .find(|upstream| upstream.name == health.name);
    Upstream {
        url: known.map(upstream_url).unwrap_or_default(),
        isolate: known
            .map_or(Isolation::None, |upstream| upstream.isolate)
            .as_str()
            .to_owned(),
        name: health.name,
        route: health.route,
        state: super::word(&health.state),
        latency_ms: health.latency_ms,
        failures: health.failures,
        last_error: health.last_error,
    }
}

fn group(health: OutboundHealth) -> Group {
    Group {
        name: health.name,
        policy: health.route,
        members: health.members,
        state: super::word(&health.state),
        current: health.current,
        last_error: health.last_error,
    }
}
