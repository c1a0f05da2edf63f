//! GET /api/v1/doctor: what is wrong with a running engine, each finding with its mend.

use axum::extract::State;
use privet_net::outbound_health::OutboundState;
use privet_system::proxy::{SystemProxyReport, SystemProxyState as Found};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Api;
use crate::examine::{self, Place};
use crate::problem::Problem;

/// All findings, what is well included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnosis {
    /// Nothing is wrong; warnings do not count.
    pub healthy: bool,
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What was looked at: "engine", "configuration", "listener", "upstream", "clock", "permissions", "keyring", "files", "system proxy".
    pub check: String,
    pub state: Health,
    pub text: String,
    /// What to do; only where something is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mend: Option<String>,
}

/// How a thing fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Ok,
    Warning,
    Wrong,
}

impl Finding {
    pub fn ok(check: &str, text: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            state: Health::Ok,
            text: text.into(),
            mend: None,
        }
    }

    pub fn warning(check: &str, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            state: Health::Warning,
            mend: Some(mend.into()),
            ..Self::ok(check, text)
        }
    }

    pub fn wrong(check: &str, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            state: Health::Wrong,
            ..Self::warning(check, text, mend)
        }
    }
}

impl Diagnosis {
    pub fn of(findings: Vec<Finding>) -> Self {
        Self {
            healthy: findings
                .iter()
                .all(|finding| finding.state != Health::Wrong),
            findings,
        }
    }
}

/// What is wrong
#[utoipa::path(
    get,
    path = "/api/v1/doctor",
    tag = "status",
    responses(
        (status = 200, description = "All that was looked at", body = Diagnosis),
        (status = 500, description = "The examination broke off", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn examine(State(api): State<Api>) -> Result<axum::Json<Diagnosis>, Problem> {
    let engine = &api.engine;
    let mut findings = vec![Finding::ok(
        "engine",
        format!(
            "privet {} runs as process {}",
            env!("CARGO_PKG_VERSION"),
            std::process::id()
        ),
    )];
    findings.extend(engine.listeners().iter().map(|listener| {
        Finding::ok(
            "listener",
            format!(
                "{} listens on {}",
                super::word(&listener.kind),
                listener.address
            ),
        )
    }));
    findings.extend(engine.problems().into_iter().map(|problem| {
        Finding::wrong(
            problem.about.split(':').next().unwrap_or("engine"),
            problem.text,
            problem.fix,
        )
    }));
    findings.extend(engine.upstreams().into_iter().map(upstream));
    findings.extend(api.system_proxy.look().await.map(system_proxy));
    let place = Place {
        config_path: engine.options().config_path.clone(),
        data_dir: engine.options().data_dir.clone(),
        keyring: engine.options().keyring.clone(),
    };
    let still = tokio::task::spawn_blocking(move || examine::files(&place));
    findings.extend(
        still
            .await
            .map_err(|error| Problem::internal(error.to_string()))?,
    );
    Ok(axum::Json(Diagnosis::of(findings)))
}

/// The desktop's proxy as a finding; a desktop without one is no fault.
pub fn system_proxy(report: SystemProxyReport) -> Finding {
    let check = "system proxy";
    let mend = report.fix.unwrap_or_default();
    match report.state {
        Found::On if mend.is_empty() => Finding::ok(check, report.text),
        Found::Off | Found::Unsupported => Finding::ok(check, report.text),
        Found::Leftover => Finding::wrong(check, report.text, mend),
        Found::On | Found::Changed | Found::Unknown => Finding::warning(check, report.text, mend),
    }
}

fn upstream(outlet: privet_net::outbound_health::OutboundHealth) -> Finding {
    let (name, error) = (outlet.name, outlet.last_error);
    match outlet.state {
        OutboundState::Up => Finding::ok("upstream", format!("{name} works")),
        OutboundState::Unknown => Finding::ok("upstream", format!("{name} was not tried yet")),
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
