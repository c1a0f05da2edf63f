//! GET /api/v1/why: the decision for a target, and every step that led to it, from the engine's own decision function.

use axum::extract::State;
use privet_api::why::{Explanation, WhyQuery};
use privet_api::{Problem, escape};
use privet_engine::{SimulatedRequest, parse_client, parse_protocol};

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
    Ok(axum::Json(explanation(query.target, &explained)))
}
