//! GET /api/v1/why: the decision for a target, and every step that led to it, from the engine's own decision function.

use std::collections::BTreeMap;

use axum::extract::State;
use privet_api::why::{Explanation, ExplanationStep, Outcome, WhyQuery};
use privet_api::{Problem, escape};
use privet_engine::{ExceptionReason, SimulatedRequest, parse_client, parse_protocol};
use privet_policy::Inspection;
use privet_sites::explain::ExplainError;

use crate::convert::explanation;
use crate::extract::{Query, check_length};
use crate::rejection::Answer;
use crate::state::ApiState;

/// Explain a decision
#[utoipa::path(
    get,
    path = "/api/v1/why",
    tag = "connections",
    params(WhyQuery),
    responses(
        (status = 200, description = "The decision and every step", body = Explanation),
        (status = 404, description = "There is no such site or listener"),
        (status = 422, description = "The target is neither host:port nor a URL, or the client or the protocol is none")
    )
)]
pub(crate) async fn explain(
    State(api): State<ApiState>,
    Query(query): Query<WhyQuery>,
) -> Answer<Explanation> {
    if query.target.is_empty() {
        return Err(Problem::bad_request("`target` is empty.").into());
    }
    check_length(&query.target, 2048, "target")?;
    check_length(query.app.as_deref().unwrap_or_default(), 4096, "app")?;
    check_length(query.user.as_deref().unwrap_or_default(), 255, "user")?;
    check_length(query.client.as_deref().unwrap_or_default(), 64, "client")?;
    check_length(
        query.protocol.as_deref().unwrap_or_default(),
        16,
        "protocol",
    )?;
    if let Some(site) = &query.site {
        return explain_site(&api, site, &query);
    }
    let request = SimulatedRequest {
        target: query.target.clone(),
        app: query.app,
        user: query.user,
        client: query
            .client
            .as_deref()
            .map(parse_client)
            .transpose()
            .map_err(|error| Problem::unprocessable("client", escape(&error)))?,
        protocol: query
            .protocol
            .as_deref()
            .map(parse_protocol)
            .transpose()
            .map_err(|error| Problem::unprocessable("protocol", escape(&error)))?,
    };
    let explained = api.engine.why(&request).await.map_err(|error| {
        Problem::unprocessable("target", escape(&error.to_string()))
            .help("Write host, host:port or a URL.")
    })?;
    let treatment = explained.verdict.treatment;
    let mut answer = explanation(query.target, &explained);
    if treatment.inspection == (Inspection::Inspect { demanded: false }) {
        answer.steps.extend(exception(&api, &request));
    }
    Ok(axum::Json(answer))
}

/// The exception that holds for the host now: for the program, where one is given, else for every program.
fn exception(api: &ApiState, request: &SimulatedRequest) -> Option<ExplanationStep> {
    let excepted = api.engine.inspection()?.excepted();
    let host = request.host()?.to_string();
    let found = excepted.into_iter().find(|exception| {
        let is_of_program = match (&exception.client, &request.app) {
            (None, _) => true,
            (Some(client), Some(app)) => {
                client == app || client.rsplit('/').next() == Some(app.as_str())
            }
            (Some(_), None) => false,
        };
        is_of_program && host.eq_ignore_ascii_case(&exception.host)
    })?;
    let until = privet_config::format_timestamp_seconds(found.until);
    let why = match found.reason {
        ExceptionReason::RefusedCertificate => "the program refused the certificate",
        ExceptionReason::ClientCertificate => "the host asks for a certificate of the client",
    };
    Some(ExplanationStep {
        what: "inspect".to_owned(),
        list: None,
        line: None,
        source: None,
        matched: true,
        text: format!("until {until} it passes untouched: {why}"),
        code: "inspect.exception".to_owned(),
        values: BTreeMap::from([("until".to_owned(), until)]),
    })
}

/// Explains a request to a site.
fn explain_site(api: &ApiState, site: &str, query: &WhyQuery) -> Answer<Explanation> {
    check_length(site, 128, "site")?;
    let client = query.client.as_deref().map(parse_client).transpose();
    let client = client.map_err(|error| Problem::unprocessable("client", escape(&error)))?;
    let explained = api.engine.sites().explain(site, &query.target, client);
    let explained = explained.map_err(|error| match error {
        ExplainError::NoSite(_) => Problem::not_found(format!("{}.", escape(&error.to_string()))),
        ExplainError::Target(_) => Problem::unprocessable("target", escape(&error.to_string()))
            .help("Write the URL as the client does: http://HOST/PATH."),
    })?;
    let (action, outbound, text) = match &explained.outcome {
        Ok(backends) => {
            let first = backends.first().cloned();
            let text = format!("it goes to {}", first.as_deref().unwrap_or_default());
            ("site", first, text)
        }
        Err(error) => {
            let text = format!("the site answers {} {}", error.status(), error.phrase());
            ("block", None, text)
        }
    };
    let steps = explained.steps.into_iter().map(|step| ExplanationStep {
        what: step.what,
        list: None,
        line: None,
        source: None,
        matched: step.matched,
        text: step.text,
        code: String::new(),
        values: BTreeMap::new(),
    });
    Ok(axum::Json(Explanation {
        target: query.target.clone(),
        outcome: Outcome {
            action: action.to_owned(),
            outbound,
            direct_fallback: false,
            kind: "site".to_owned(),
            text,
        },
        rule: None,
        steps: steps.collect(),
    }))
}
