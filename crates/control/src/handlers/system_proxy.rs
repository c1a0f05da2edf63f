//! GET, PUT /api/v1/system-proxy: the desktop's proxy settings as measured, and the switch.

use axum::extract::State;
use privet_api::system_proxy::{SystemProxy, SystemProxyRequest};
use privet_api::{Problem, escape};
use privet_engine::{ChangeDetail, ChangeOrigin, UndoAction};
use privet_system::proxy::SystemProxyState;

use crate::convert::{json_name, system_proxy};
use crate::extract::Json;
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;
use crate::system_proxy::SwitchError;

/// Read the state of the system proxy
#[utoipa::path(
    get,
    path = "/api/v1/system-proxy",
    tag = "system proxy",
    responses((status = 200, description = "As it was measured", body = SystemProxy))
)]
pub(crate) async fn read_system_proxy(State(api): State<ApiState>) -> axum::Json<SystemProxy> {
    axum::Json(measure(&api).await)
}

/// Switch the system proxy
///
/// The exact prior settings are written to disk before the first change. They are restored with `enabled: false`, when the
/// engine ends, and after it died; what something else changed meanwhile is left alone.
#[utoipa::path(
    put,
    path = "/api/v1/system-proxy",
    tag = "system proxy",
    request_body = SystemProxyRequest,
    responses(
        (status = 200, description = "As it was measured after the switch", body = SystemProxy),
        (status = 409, description = "It cannot be switched here, and why"),
        (status = 422, description = "The request contradicts itself")
    )
)]
pub(crate) async fn switch_system_proxy(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    Json(request): Json<SystemProxyRequest>,
) -> Answer<SystemProxy> {
    let was_on = measure(&api).await.enabled;
    let done = match (request.enabled, request.repair) {
        (true, true) => {
            return Err(Problem::unprocessable(
                "repair",
                "A leftover is repaired by turning it off.",
            )
            .help("Send \"enabled\": false with \"repair\": true.")
            .into());
        }
        (false, true) => api.system_proxy.repair().await,
        (true, false) => {
            let control = &api.system_proxy;
            control.turn_on(&api.engine, request.method).await
        }
        (false, false) => api.system_proxy.turn_off().await,
    };
    let report = done.map_err(|error| Problem::conflict(escape(&error.to_string())))?;
    api.engine.clear_problem("system-proxy");
    let change = match request.repair {
        true => {
            let detail = ChangeDetail::new("system-proxy-repaired", []);
            let undo = UndoAction::Never;
            api.engine
                .record_change(source.into(), vec![detail], undo)
                .await
        }
        false if request.enabled == was_on => None,
        false => record_switch(&api, source.into(), request.enabled).await,
    };
    Ok(axum::Json(SystemProxy {
        change,
        ..system_proxy(report)
    }))
}

/// Records in the timeline that the switch was turned on or off.
pub(super) async fn record_switch(api: &ApiState, by: ChangeOrigin, on: bool) -> Option<u64> {
    let kind = match on {
        true => "system-proxy-on",
        false => "system-proxy-off",
    };
    let undo = UndoAction::SystemProxy { was_on: !on };
    api.engine
        .record_change(by, vec![ChangeDetail::new(kind, [])], undo)
        .await
}

async fn measure(api: &ApiState) -> SystemProxy {
    match api.system_proxy.measure().await {
        Some(report) => system_proxy(report),
        None => not_managed(),
    }
}

/// The answer of an engine that does not manage the desktop's proxy.
fn not_managed() -> SystemProxy {
    SystemProxy {
        enabled: false,
        state: json_name(&SystemProxyState::Unsupported),
        desktop: None,
        target: None,
        text: SwitchError::NotManaged.to_string(),
        fix: None,
        guardian: None,
        change: None,
    }
}
