//! GET, PUT /api/v1/system-proxy: the desktop's proxy as measured, and its switch.

use axum::extract::State;
use privet_engine::{ChangeDetail, ChangeOrigin, UndoAction};
use privet_system::proxy::{SystemProxyReport, SystemProxyState as Found};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Api;
use crate::door::From as CameBy;
use crate::extract::Json;
use crate::problem::Problem;
use crate::system_proxy::{Means, SwitchError};

/// The desktop's proxy, as it was found just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemProxy {
    /// Our switch is on; whether the desktop still follows it is `state`.
    pub enabled: bool,
    /// "on", "off", "changed" (by something else, since we turned it on), "leftover" (another program's, on a dead port),
    /// "unsupported" (this desktop has none that we know) or "unknown" (it could not be read).
    #[schema(example = "on")]
    pub state: String,
    /// Whose settings they are: "gnome", "kde", "macos" or "windows".
    pub desktop: Option<String>,
    /// Where the desktop points now, in words.
    #[schema(example = "the PAC file http://127.0.0.1:7281/proxy.pac")]
    pub pointing: Option<String>,
    /// The state in one sentence.
    pub text: String,
    /// What to do, where something is to be done.
    pub mend: Option<String>,
    /// The process that puts the settings back should the engine die.
    pub guardian: Option<u32>,
    /// Where this answers a switch: its number in the timeline, by which it can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub change: Option<u64>,
}

impl From<SystemProxyReport> for SystemProxy {
    fn from(report: SystemProxyReport) -> Self {
        Self {
            enabled: matches!(report.state, Found::On | Found::Changed),
            state: super::word(&report.state),
            desktop: report.desktop.map(|desktop| desktop.name().to_owned()),
            pointing: report.target.as_ref().map(ToString::to_string),
            text: report.text,
            mend: report.fix,
            guardian: report.guardian,
            change: None,
        }
    }
}

impl SystemProxy {
    /// Of an engine that leaves the desktop alone.
    fn not_looked_at() -> Self {
        Self {
            enabled: false,
            state: super::word(&Found::Unsupported),
            desktop: None,
            pointing: None,
            text: SwitchError::NotOurs.to_string(),
            mend: None,
            guardian: None,
            change: None,
        }
    }
}

/// A wish for the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemProxyWish {
    /// On, or on again where something changed it; off puts back what was there before.
    pub enabled: bool,
    /// How the desktop is pointed at the engine; absent or null: by PAC where there is a listener for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<Means>,
    /// With `enabled: false`: turn off a dead proxy that another program left behind.
    #[serde(default)]
    pub repair: bool,
}

/// The system proxy
#[utoipa::path(
    get,
    path = "/api/v1/system-proxy",
    tag = "system proxy",
    responses((status = 200, description = "As it was measured", body = SystemProxy))
)]
pub(crate) async fn read_system_proxy(
    axum::extract::State(api): State<Api>,
) -> axum::Json<SystemProxy> {
    axum::Json(measured(&api).await)
}

/// As measured.
pub(crate) async fn measured(api: &Api) -> SystemProxy {
    match api.system_proxy.look().await {
        Some(report) => report.into(),
        None => SystemProxy::not_looked_at(),
    }
}

/// Switch it
///
/// The exact prior settings are on disk before the first change, and come back with `enabled: false`, at the engine's end
/// and after its death; what something else changed meanwhile stays.
#[utoipa::path(
    put,
    path = "/api/v1/system-proxy",
    tag = "system proxy",
    request_body = SystemProxyWish,
    responses(
        (status = 200, description = "As it was measured after the switch", body = SystemProxy),
        (status = 409, description = "It cannot be switched here, and why", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The wish contradicts itself", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn switch_system_proxy(
    State(api): State<Api>,
    CameBy(door): CameBy,
    Json(wish): Json<SystemProxyWish>,
) -> Result<axum::Json<SystemProxy>, Problem> {
    let was_on = measured(&api).await.enabled;
    let done = match wish {
        SystemProxyWish {
            repair: true,
            enabled: true,
            ..
        } => {
            return Err(Problem::unprocessable(
                "repair",
                "A leftover is repaired by turning it off.",
            )
            .help("Send \"enabled\": false with \"repair\": true."));
        }
        SystemProxyWish { repair: true, .. } => api.system_proxy.repair().await,
        SystemProxyWish {
            enabled: true,
            means,
            ..
        } => api.system_proxy.turn_on(&api.engine, means).await,
        SystemProxyWish { .. } => api.system_proxy.turn_off().await,
    };
    let report =
        done.map_err(|error| Problem::conflict(crate::logs::escape(&error.to_string())))?;
    api.engine.clear_problem("system-proxy");
    let change = match wish.repair {
        true => {
            let what = ChangeDetail::new("system-proxy-repaired", []);
            api.engine
                .record_change(door.into(), vec![what], UndoAction::Never)
                .await
        }
        false if wish.enabled == was_on => None,
        false => note_switch(&api, door.into(), wish.enabled).await,
    };
    Ok(axum::Json(SystemProxy {
        change,
        ..report.into()
    }))
}

/// Notes that the switch is on or off now, and was the other before.
pub(super) async fn note_switch(api: &Api, by: ChangeOrigin, on: bool) -> Option<u64> {
    let kind = match on {
        true => "system-proxy-on",
        false => "system-proxy-off",
    };
    let undo = UndoAction::SystemProxy { was_on: !on };
    api.engine
        .record_change(by, vec![ChangeDetail::new(kind, [])], undo)
        .await
}
