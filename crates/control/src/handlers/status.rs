//! GET /api/v1/status, PUT /api/v1/mode: the engine's state, and its mode.

use std::time::SystemTime;

use axum::extract::State;
use privet_api::status::{
    ByteCounts, EngineProblem, Listener, ListenerAuthority, ListenerCertificate, Mode, ModeRequest,
    Route, Status, Totals,
};
use privet_api::system_proxy::SystemProxy;
use privet_api::{Problem, escape};
use privet_config::{Config, RouteRef};
use privet_engine::{
    ApplyError, Engine, HttpsStatus, LONGEST_PAUSE, ListenerKind, ModeState, PauseLength, Snapshot,
};
use privet_net::outbound_health::{OutboundHealth, OutboundState};

use crate::config_edit::apply_problem;
use crate::convert::{json_name, system_proxy};
use crate::extract::Json;
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;

/// The value of `for` that lasts until the engine restarts.
const UNTIL_RESTART: &str = "restart";

/// Read the engine's state
#[utoipa::path(
    get,
    path = "/api/v1/status",
    tag = "status",
    responses((status = 200, description = "The engine's state", body = Status))
)]
pub(crate) async fn read_status(State(api): State<ApiState>) -> axum::Json<Status> {
    axum::Json(status(&api))
}

/// Set the mode
#[utoipa::path(
    put,
    path = "/api/v1/mode",
    tag = "status",
    request_body = ModeRequest,
    responses(
        (status = 200, description = "The mode that is set now", body = Mode),
        (status = 422, description = "There is no such mode, or the duration is invalid")
    )
)]
pub(crate) async fn set_mode(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    Json(request): Json<ModeRequest>,
) -> Answer<Mode> {
    let duration = request.duration.as_deref().map(parse_time).transpose()?;
    let set = api.engine.set_mode(source, &request.mode, duration).await;
    let (state, change) = set.map_err(|error| match error {
        error @ ApplyError::Mode { .. } => {
            Problem::unprocessable("mode", escape(&error.to_string()))
        }
        error => apply_problem(error),
    })?;
    Ok(axum::Json(Mode {
        change,
        ..mode(&api.engine.snapshot(), state)
    }))
}

fn parse_time(text: &str) -> Result<PauseLength, Problem> {
    if text == UNTIL_RESTART {
        return Ok(PauseLength::UntilRestart);
    }
    privet_config::parse_duration(text)
        .filter(|time| !time.is_zero() && *time <= LONGEST_PAUSE)
        .map(PauseLength::For)
        .ok_or_else(|| {
            Problem::unprocessable(
                "for",
                format!("\"{}\" is not a valid duration.", escape(text)),
            )
            .help("Write 90s, 15m or 1h, at most 168h, or restart.")
        })
}

/// The engine's state now.
pub(super) fn status(api: &ApiState) -> Status {
    let engine = &api.engine;
    let config = engine.config();
    let mode = mode(&engine.snapshot(), engine.mode());
    let system_proxy = api.system_proxy.last_report().map(system_proxy);
    let problems = engine.problems().into_iter().map(|problem| EngineProblem {
        about: problem.about,
        text: problem.text,
        fix: problem.fix,
    });
    let proxy_problem = system_proxy.as_ref().and_then(proxy_problem);
    let https = engine.https().map(certificate);
    let listeners = engine.listeners().into_iter().map(|listener| Listener {
        certificate: https
            .clone()
            .filter(|_| listener.kind == ListenerKind::Https),
        kind: json_name(&listener.kind),
        address: listener.address.to_string(),
    });
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_ms: api.started_ms,
        route: route(&config, &mode.name, &engine.upstreams()),
        mode,
        listeners: listeners.collect(),
        problems: problems.chain(proxy_problem).collect(),
        system_proxy,
        totals: totals(engine),
        inspection: engine.inspection().is_some() && inspects_something(&config),
        config: Some(engine.options().config_path.display().to_string()),
    }
}

/// Whether some host is named to be inspected, by `[inspect]` or by a rule.
fn inspects_something(config: &Config) -> bool {
    !config.inspect.hosts.is_empty() || config.rules.iter().any(|rule| rule.inspect == Some(true))
}

fn certificate(https: HttpsStatus) -> ListenerCertificate {
    let facts = &https.certificate.facts;
    let not_after = facts.not_after.duration_since(SystemTime::UNIX_EPOCH);
    ListenerCertificate {
        names: https
            .certificate
            .names
            .iter()
            .map(ToString::to_string)
            .collect(),
        not_after_ms: not_after.map_or(0, |since| since.as_millis() as u64),
        fingerprint: facts.fingerprint.to_string(),
        authority: https.authority.map(|authority| ListenerAuthority {
            fingerprint: authority.fingerprint.to_string(),
            path: authority.path.display().to_string(),
        }),
    }
}

/// Something else changed the desktop's proxy, or another program left it on a port where nothing listens.
fn proxy_problem(proxy: &SystemProxy) -> Option<EngineProblem> {
    matches!(proxy.state.as_str(), "changed" | "leftover").then(|| EngineProblem {
        about: "system-proxy".to_owned(),
        text: proxy.text.clone(),
        fix: proxy.fix.clone().unwrap_or_default(),
    })
}

fn mode(snapshot: &Snapshot, state: ModeState) -> Mode {
    let (config, current) = (&snapshot.config, snapshot.policy.mode());
    let kill_switch = match *current.name == *state.name {
        // It may hold before the configuration that has it.
        true => current.kill_switch,
        false => config
            .modes
            .get(&state.name)
            .is_some_and(|mode| mode.kill_switch),
    };
    Mode {
        available: config.modes.keys().cloned().collect(),
        kill_switch,
        until_ms: state.until_ms,
        then: state.then,
        name: state.name,
        change: None,
    }
}

fn route(config: &Config, mode: &str, health: &[OutboundHealth]) -> Route {
    let first_outbound = || {
        let group = config.groups.first().map(|group| group.name.clone());
        let upstream = config.upstreams.first();
        group.or_else(|| upstream.map(|upstream| upstream.name.clone()))
    };
    let name = match config.modes.get(mode).map(|mode| &mode.route) {
        Some(RouteRef::Outbound(name)) => Some(name.clone()),
        Some(RouteRef::FirstOutbound) => first_outbound(),
        Some(RouteRef::Direct) => Some("direct".to_owned()),
        None => None,
    };
    let found = health
        .iter()
        .find(|outbound| Some(&outbound.name) == name.as_ref());
    Route {
        name: name.unwrap_or_else(|| "none".to_owned()),
        healthy: found.and_then(|outbound| match outbound.state {
            OutboundState::Up => Some(true),
            OutboundState::Down => Some(false),
            OutboundState::Unknown => None,
        }),
        latency_ms: found.and_then(|outbound| outbound.latency_ms),
    }
}

fn totals(engine: &Engine) -> Totals {
    let log = engine.connection_log();
    let totals = log.totals();
    let (mut up_speed, mut down_speed) = (0.0, 0.0);
    for row in log.live_rows() {
        up_speed += f64::from(row.up_speed());
        down_speed += f64::from(row.down_speed());
    }
    Totals {
        active: totals.active,
        connections: totals.connections,
        blocked: totals.blocked,
        failed: totals.failed,
        up: totals.direct.up + totals.routed.up + totals.cached.up,
        down: totals.direct.down + totals.routed.down + totals.cached.down,
        direct: byte_counts(totals.direct),
        routed: byte_counts(totals.routed),
        up_speed: up_speed as u64,
        down_speed: down_speed as u64,
    }
}

const fn byte_counts(counts: privet_connection_log::ByteCounts) -> ByteCounts {
    ByteCounts {
        up: counts.up,
        down: counts.down,
    }
}
