//! GET /api/v1/upstreams, POST /api/v1/upstreams/{name}/test: upstreams, groups and their health.

use axum::extract::State;
use privet_api::upstreams::{Outbounds, Upstream, UpstreamGroup, UpstreamTest};
use privet_api::{Problem, escape};
use privet_config::{Config, Isolation, upstream_url};
use privet_net::outbound_health::{OutboundHealth, OutboundKind};

use crate::convert::json_name;
use crate::extract::PathParam;
use crate::known_names::known_names;
use crate::rejection::Answer;
use crate::state::ApiState;

/// List upstreams and groups with their health
#[utoipa::path(
    get,
    path = "/api/v1/upstreams",
    tag = "upstreams",
    responses((status = 200, description = "In the file's order", body = Outbounds))
)]
pub(crate) async fn list_upstreams(State(api): State<ApiState>) -> axum::Json<Outbounds> {
    let (config, health) = (api.engine.config(), api.engine.upstreams());
    let (groups, upstreams): (Vec<_>, Vec<_>) = health
        .into_iter()
        .partition(|outbound| outbound.kind == OutboundKind::Group);
    let upstreams = upstreams.into_iter();
    axum::Json(Outbounds {
        upstreams: upstreams.map(|health| upstream(&config, health)).collect(),
        groups: groups.into_iter().map(group).collect(),
    })
}

/// Test an upstream or group
///
/// Opens one connection through it and, if the group has a check, fetches the check's URL.
#[utoipa::path(
    post,
    path = "/api/v1/upstreams/{name}/test",
    tag = "upstreams",
    params(("name" = String, Path, description = "An upstream or a group", min_length = 1, max_length = 128)),
    responses(
        (status = 200, description = "The result; a failed test is answered with 200 too", body = UpstreamTest),
        (status = 404, description = "There is none with that name")
    )
)]
pub(crate) async fn test_upstream(
    State(api): State<ApiState>,
    PathParam(name): PathParam<String>,
) -> Answer<UpstreamTest> {
    let Some(report) = api.engine.test_upstream(&name).await else {
        let config = api.engine.config();
        let upstreams = config.upstreams.iter().map(|upstream| &upstream.name);
        let groups = config.groups.iter().map(|group| &group.name);
        let known = known_names(upstreams.chain(groups));
        let name = escape(&name);
        let text = format!("There is no upstream or group \"{name}\"{known}.");
        return Err(Problem::not_found(text).into());
    };
    Ok(axum::Json(UpstreamTest {
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
        state: json_name(&health.state),
        latency_ms: health.latency_ms,
        failures: health.failures,
        last_error: health.last_error,
    }
}

fn group(health: OutboundHealth) -> UpstreamGroup {
    UpstreamGroup {
        name: health.name,
        policy: health.route,
        members: health.members,
        state: json_name(&health.state),
        current: health.current,
        last_error: health.last_error,
    }
}
