//! GET /api/v1/sites: sites, backends, health and load. PATCH of a backend: drain and weight by hand.

use std::time::{Duration, Instant, SystemTime};

use axum::extract::State;
use privet_api::sites::{
    BackendStateChange, BackendUpdate, HealthCheck, ResponseCounts, Site, SiteBackend, SiteRoute,
    Sites,
};
use privet_api::{Problem, escape, now_ms};
use privet_balance::{Cause, MemberState, MemberView, StateChange};
use privet_engine::{BackendChange, BackendChangeError, Engine};
use privet_sites::backend_pool::{Backend, BackendPool, CheckResult};

use crate::extract::{Json, PathParam};
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;

/// The largest weight that can be set by hand, as in the configuration.
const MAX_WEIGHT: u32 = 1000;

/// List sites with their backends
#[utoipa::path(
    get,
    path = "/api/v1/sites",
    tag = "sites",
    responses((status = 200, description = "In the file's order", body = Sites))
)]
pub(crate) async fn list_sites(State(api): State<ApiState>) -> axum::Json<Sites> {
    axum::Json(sites(&api.engine))
}

/// Drain a backend or set its weight
///
/// Drains a backend, takes it back or sets its weight. What is set by hand holds over reloads, until the engine ends.
#[utoipa::path(
    patch,
    path = "/api/v1/sites/{site}/backends/{backend}",
    tag = "sites",
    params(
        ("site" = String, Path, description = "The site's name", min_length = 1, max_length = 128),
        ("backend" = String, Path, description = "The backend's id", min_length = 1, max_length = 64)
    ),
    request_body = BackendUpdate,
    responses(
        (status = 200, description = "The backend as it is now", body = SiteBackend),
        (status = 404, description = "There is no such site or backend"),
        (status = 422, description = "The weight is not in range")
    )
)]
pub(crate) async fn change_backend(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    PathParam((site, backend)): PathParam<(String, String)>,
    Json(update): Json<BackendUpdate>,
) -> Answer<SiteBackend> {
    if update
        .weight
        .flatten()
        .is_some_and(|weight| weight > MAX_WEIGHT)
    {
        let text = format!("A weight is from 0 to {MAX_WEIGHT}.");
        return Err(Problem::unprocessable("weight", text).into());
    }
    let change = BackendChange {
        draining: update.draining,
        weight: update.weight,
    };
    let changed = api
        .engine
        .change_backend(source, &site, &backend, change)
        .await;
    changed.map_err(|error| match error {
        BackendChangeError::NoSite(_) | BackendChangeError::NoBackend { .. } => {
            Problem::not_found(format!("{}.", escape(&error.to_string())))
        }
        BackendChangeError::Stopping => Problem::internal(error.to_string()),
    })?;
    let sites = sites(&api.engine);
    match sites.backends(&site, &backend).first() {
        Some(backend) => Ok(axum::Json((*backend).clone())),
        None => Err(Problem::not_found("The backend was removed meanwhile.").into()),
    }
}

pub(crate) fn sites(engine: &Engine) -> Sites {
    let table = engine.sites();
    Sites {
        sites: table.sites().iter().map(|it| site(it)).collect(),
    }
}

fn site(site: &privet_sites::Site) -> Site {
    let routes: Vec<SiteRoute> = site
        .pools()
        .iter()
        .filter(|pool| pool.route_path().is_some() || !pool.backends().is_empty())
        .map(|pool| route(pool))
        .collect();
    let figures = site.counters.figures();
    let [
        informational,
        successful,
        redirection,
        client_error,
        server_error,
    ] = figures.responses;
    Site {
        name: site.name.to_string(),
        listen: site.config.listen.iter().map(ToString::to_string).collect(),
        hosts: site.config.hosts.clone(),
        tls: site.config.tls.is_some(),
        balance: site.config.balance.as_str().to_owned(),
        state: state_of(&routes).to_owned(),
        requests: figures.requests,
        refused: figures.refused,
        retries: figures.retries,
        responses: ResponseCounts {
            informational,
            successful,
            redirection,
            client_error,
            server_error,
        },
        routes,
    }
}

/// The state of a site, from those of its backends.
fn state_of(routes: &[SiteRoute]) -> &'static str {
    let usable =
        |it: &SiteBackend| matches!(it.state.as_str(), "unknown" | "healthy") && it.weight > 0;
    if !routes.iter().all(|route| route.backends.iter().any(usable)) {
        "down"
    } else if routes.iter().all(|route| route.backends.iter().all(usable)) {
        "up"
    } else {
        "degraded"
    }
}

fn route(pool: &BackendPool) -> SiteRoute {
    SiteRoute {
        path: pool.route_path().map(str::to_owned),
        strip_prefix: !pool.stripped_prefix().is_empty(),
        backends: pool.view().map(|(it, view)| backend(it, view)).collect(),
    }
}

fn backend(backend: &Backend, view: MemberView) -> SiteBackend {
    SiteBackend {
        id: backend.id.to_string(),
        url: backend.endpoint.url().to_string(),
        weight: view.weight,
        manual_weight: view.manual_weight,
        state: state_name(view.state).to_owned(),
        since_ms: view.history.last().map(|change| unix_ms(change.at)),
        last_check: backend.last_check.get().map(health_check),
        in_flight: view.in_flight,
        requests: view.requests,
        failures: view.failures,
        latency_ms: view.latency.map(milliseconds),
        history: view.history.iter().map(state_change).collect(),
    }
}

fn health_check(result: CheckResult) -> HealthCheck {
    let at = result
        .at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    HealthCheck {
        at_ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        ok: result
            .outcome
            .as_ref()
            .is_ok_and(|status| (200..400).contains(status)),
        status: result.outcome.as_ref().ok().copied(),
        took_ms: milliseconds(result.took),
        error: result.outcome.err(),
    }
}

fn state_change(change: &StateChange) -> BackendStateChange {
    BackendStateChange {
        at_ms: unix_ms(change.at),
        state: state_name(change.state).to_owned(),
        cause: match change.cause {
            Cause::Probe => "probe",
            Cause::Requests => "requests",
            Cause::EjectionEnded => "ejection-ended",
            Cause::Manual => "manual",
        }
        .to_owned(),
    }
}

pub(crate) fn state_name(state: MemberState) -> &'static str {
    match state {
        MemberState::Unknown => "unknown",
        MemberState::Healthy => "healthy",
        MemberState::Unhealthy => "unhealthy",
        MemberState::Ejected => "ejected",
        MemberState::Draining => "draining",
    }
}

fn unix_ms(at: Instant) -> u64 {
    let ago = Instant::now().saturating_duration_since(at);
    now_ms().saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
