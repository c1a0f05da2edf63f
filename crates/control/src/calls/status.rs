//! GET /api/v1/status, PUT /api/v1/mode: how the engine is, and the big switch.

use std::time::Duration;

use axum::extract::State;
use privet_config::{Config, RouteRef};
use privet_connection_log::ByteCounts;
use privet_engine::{ApplyError, ModeState};
use privet_net::outbound_health::{OutboundHealth, OutboundState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::system_proxy::SystemProxy;
use crate::api::Api;
use crate::door::From as CameBy;
use crate::extract::Json;
use crate::problem::Problem;

/// The longest pause into a mode.
const LONGEST_PAUSE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The engine at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The engine's process.
    pub pid: u32,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    pub mode: Mode,
    pub listeners: Vec<Listener>,
    /// The desktop's proxy as measured; `null`: this engine leaves the desktop alone.
    pub system_proxy: Option<SystemProxy>,
    /// Where the mode sends what no rule matches.
    pub route: Route,
    pub totals: Totals,
    /// What is wrong now, each with its mend.
    pub problems: Vec<Trouble>,
    /// The configuration file in force; it need not exist.
    pub config: Option<String>,
}

/// The mode that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mode {
    #[schema(example = "standard")]
    pub name: String,
    /// All that can be chosen.
    pub available: Vec<String>,
    /// When the route is down: refuse, never go direct, never resolve a name here.
    pub kill_switch: bool,
    /// When it ends, in milliseconds since 1970; `null`: it stays.
    pub until_ms: Option<u64>,
    /// What follows then.
    pub then: Option<String>,
    /// Where this answers a choice: its number in the timeline, by which it can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub change: Option<u64>,
}

/// A listener as it really stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listener {
    /// "mixed", "socks", "http" or "pac".
    #[schema(example = "mixed")]
    pub kind: String,
    #[schema(example = "127.0.0.1:7280")]
    pub address: String,
}

/// The mode's way out and its health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// "direct", or an upstream's or group's name; "none": all is refused.
    #[schema(example = "direct")]
    pub name: String,
    /// `null`: not known yet, or direct.
    pub healthy: Option<bool>,
    /// Milliseconds to the last check's first byte.
    pub latency_ms: Option<f64>,
}

/// Since the engine started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Connections that stand now.
    pub active: u64,
    /// All that was asked for, blocked and failed ones included.
    pub connections: u64,
    pub blocked: u64,
    pub failed: u64,
    /// Bytes that went without an upstream.
    pub direct: ByteCounts,
    /// Bytes that went through an upstream.
    pub routed: ByteCounts,
    /// Bytes from clients to far ends, in all.
    pub up: u64,
    /// Bytes from far ends to clients, in all.
    pub down: u64,
    /// Bytes a second, up.
    pub up_speed: u64,
    /// Bytes a second, down.
    pub down_speed: u64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    /// A stable key: "list:ads", "listen:pac".
    pub about: String,
    pub text: String,
    /// What to do.
    pub mend: String,
}

/// A wish for another mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeWish {
    /// "off", "standard", "strict", or the name of a `[modes.NAME]`.
    #[schema(example = "strict", min_length = 1, max_length = 128)]
    pub mode: String,
    /// For so long, then back to the mode before: "90s", "15m", "1h", "2d". Absent or null: until changed.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schema(example = "15m", pattern = "^[1-9][0-9]{0,2}(s|m|h)$")]
    pub duration: Option<String>,
}

/// The engine now
#[utoipa::path(
    get,
    path = "/api/v1/status",
    tag = "status",
    responses((status = 200, description = "How the engine is", body = Status))
)]
pub(crate) async fn get_status(State(api): State<Api>) -> axum::Json<Status> {
    axum::Json(of(&api))
}

/// Choose a mode
#[utoipa::path(
    put,
    path = "/api/v1/mode",
    tag = "status",
    request_body = ModeWish,
    responses(
        (status = 200, description = "The mode that is on now", body = Mode),
        (status = 422, description = "There is no such mode, or no such time", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn set_mode(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Json(wish): Json<ModeWish>,
) -> Result<axum::Json<Mode>, Problem> {
    let span = wish.duration.as_deref().map(span).transpose()?;
    // The mode is written into the file: an edit that was begun on the text of before would take it back.
    let _turn = api.editing.lock().await;
    let (state, change) = match api.engine.set_mode(door, &wish.mode, span).await {
        Ok(chosen) => chosen,
        Err(error @ ApplyError::Mode { .. }) => {
            return Err(Problem::unprocessable(
                "mode",
                crate::logs::escape(&error.to_string()),
            ));
        }
        Err(error) => return Err(super::config::refusal(error)),
    };
    Ok(axum::Json(Mode {
        change,
        ..mode(&api.engine.config(), state)
    }))
}

fn span(text: &str) -> Result<Duration, Problem> {
    privet_config::parse_duration(text)
        .filter(|span| !span.is_zero() && *span <= LONGEST_PAUSE)
        .ok_or_else(|| {
            Problem::unprocessable(
                "for",
                format!(
                    "\"{}\" is not a time for a pause.",
                    crate::logs::escape(text)
                ),
            )
            .help("Write 90s, 15m or 1h; at most 168h.")
        })
}

/// The engine as it is now.
pub(crate) fn of(api: &Api) -> Status {
    let engine = &api.engine;
    let config = engine.config();
    let mode = mode(&config, engine.mode());
    let system_proxy = api.system_proxy.last_look().map(SystemProxy::from);
    let mut problems: Vec<Trouble> = engine.problems().into_iter().map(trouble).collect();
    problems.extend(system_proxy.as_ref().and_then(astray));
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started_ms: api.started_ms,
        route: route(&config, &mode.name, &engine.upstreams()),
        mode,
        listeners: engine
            .listeners()
            .into_iter()
            .map(|listener| Listener {
                kind: super::word(&listener.kind),
                address: listener.address.to_string(),
            })
            .collect(),
        system_proxy,
        totals: totals(engine),
        problems,
        config: Some(engine.options().config_path.display().to_string()),
    }
}

fn trouble(problem: privet_engine::Problem) -> Trouble {
    Trouble {
        about: problem.about,
        text: problem.text,
        mend: problem.fix,
    }
}

/// A desktop that something else changed, or that another program left on a dead port.
fn astray(proxy: &SystemProxy) -> Option<Trouble> {
    matches!(proxy.state.as_str(), "changed" | "leftover").then(|| Trouble {
        about: "system-proxy".to_owned(),
        text: proxy.text.clone(),
        mend: proxy.mend.clone().unwrap_or_default(),
    })
}

fn mode(config: &Config, state: ModeState) -> Mode {
    Mode {
        available: config.modes.keys().cloned().collect(),
        kill_switch: config
            .modes
            .get(&state.name)
            .is_some_and(|mode| mode.kill_switch),
        until_ms: state.until_ms,
        then: state.then,
        name: state.name,
        change: None,
    }
}

fn route(config: &Config, mode: &str, health: &[OutboundHealth]) -> Route {
    let first_outlet = || {
        let group = config.groups.first().map(|group| group.name.clone());
        group.or_else(|| {
            config
                .upstreams
                .first()
                .map(|upstream| upstream.name.clone())
        })
    };
    let name = match config.modes.get(mode).map(|mode| &mode.route) {
        Some(RouteRef::Outbound(name)) => Some(name.clone()),
        Some(RouteRef::FirstOutbound) => first_outlet(),
        Some(RouteRef::Direct) => Some("direct".to_owned()),
        None => None,
    };
    let found = health
        .iter()
        .find(|outlet| Some(&outlet.name) == name.as_ref());
    Route {
        name: name.unwrap_or_else(|| "none".to_owned()),
        healthy: found.and_then(|outlet| match outlet.state {
            OutboundState::Up => Some(true),
            OutboundState::Down => Some(false),
            OutboundState::Unknown => None,
        }),
        latency_ms: found.and_then(|outlet| outlet.latency_ms),
    }
}

fn totals(engine: &privet_engine::Engine) -> Totals {
    let totals = engine.connection_log().totals();
    let (up_speed, down_speed) =
        engine
            .connection_log()
            .live_rows()
            .iter()
            .fold((0.0, 0.0), |(up, down), row| {
                (
                    up + f64::from(row.up_speed()),
                    down + f64::from(row.down_speed()),
                )
            });
    Totals {
        active: totals.active,
        connections: totals.connections,
        blocked: totals.blocked,
        failed: totals.failed,
        up: totals.direct.up + totals.routed.up + totals.cached.up,
        down: totals.direct.down + totals.routed.down + totals.cached.down,
        direct: totals.direct,
        routed: totals.routed,
        up_speed: up_speed as u64,
        down_speed: down_speed as u64,
    }
}
