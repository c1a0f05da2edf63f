//! GET /api/v1/doctor: what is wrong with a running engine, each finding with its fix.

use axum::extract::State;
use privet_api::Problem;
use privet_api::diagnostics::{Diagnosis, Finding, FindingState};
use privet_net::outbound_health::{OutboundHealth, OutboundState};

use crate::convert::json_name;
use crate::diagnostics::{self, CheckInputs};
use crate::rejection::Answer;
use crate::state::ApiState;

/// Diagnose the engine
#[utoipa::path(
    get,
    path = "/api/v1/doctor",
    tag = "status",
    responses(
        (status = 200, description = "The result of every check", body = Diagnosis),
        (status = 500, description = "The checks could not be completed")
    )
)]
pub(crate) async fn diagnose(State(api): State<ApiState>) -> Answer<Diagnosis> {
    let engine = &api.engine;
    let version = env!("CARGO_PKG_VERSION");
    let mut findings = vec![Finding::ok(
        "engine",
        format!("privet {version} runs as process {}", std::process::id()),
    )];
    findings.extend(engine.listeners().iter().map(|listener| {
        let kind = json_name(&listener.kind);
        Finding::ok(
            "listener",
            format!("{kind} listens on {}", listener.address),
        )
    }));
    findings.extend(engine.problems().into_iter().map(|problem| {
        let check = problem.about.split(':').next().unwrap_or("engine");
        Finding::wrong(check, problem.text, problem.fix)
    }));
    findings.extend(engine.upstreams().into_iter().map(upstream));
    let report = api.system_proxy.measure().await;
    findings.extend(report.map(diagnostics::system_proxy));
    let files = CheckInputs {
        config_path: engine.options().config_path.clone(),
        data_dir: engine.options().data_dir.clone(),
        keyring: engine.options().keyring.clone(),
    };
    let offline = tokio::task::spawn_blocking(move || diagnostics::run_checks(&files)).await;
    let offline = offline.map_err(|error| Problem::internal(error.to_string()))?;
    // Each error of the file is a finding: the problem that names the first one says no more.
    let is_wrong =
        |found: &Finding| found.check == "configuration" && found.state == FindingState::Wrong;
    if offline.iter().any(is_wrong) {
        findings.retain(|found| found.check != "config");
    }
    findings.extend(offline);
    Ok(axum::Json(Diagnosis::new(findings)))
}

fn upstream(health: OutboundHealth) -> Finding {
    let (name, error) = (health.name, health.last_error);
    match health.state {
        OutboundState::Up => Finding::ok("upstream", format!("{name} works")),
        OutboundState::Unknown => Finding::ok("upstream", format!("{name} was not used yet")),
        OutboundState::Down => Finding::wrong(
            "upstream",
            format!(
                "{name} is down: {}",
                error.unwrap_or_else(|| "no reason known".to_owned())
            ),
            "start it, or check its url, username and password in the configuration",
        ),
    }
}
