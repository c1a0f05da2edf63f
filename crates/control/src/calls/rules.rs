//! POST /api/v1/rules: one more rule, put before the others.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::config::{self, Change, ChangeQuery};
use crate::api::Api;
use crate::extract::{Json, Query};
use crate::logs::escape;
use crate::problem::Problem;

/// A rule to be added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleWish {
    /// As in the configuration: `match`, `use`, and `until` (RFC 3339) for a rule that ends by itself.
    #[schema(value_type = Object, example = json!({"match": {"domain": ["example.com"]}, "use": "direct", "until": "2026-11-24T22:00:00Z"}))]
    pub rule: Value,
    /// Before the rule at this place, from 0 [default: before all].
    #[serde(default)]
    pub at: u32,
}

/// Add a rule
#[utoipa::path(
    post,
    path = "/api/v1/rules",
    tag = "config",
    params(ChangeQuery),
    request_body = RuleWish,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 409, description = "A listener cannot be opened: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It is no sound rule: nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be written: nothing was changed", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn add_rule(
    State(api): State<Api>,
    Query(how): Query<ChangeQuery>,
    Json(wish): Json<RuleWish>,
) -> Result<axum::Json<Change>, Problem> {
    if !wish.rule.is_object() {
        return Err(Problem::unprocessable(
            "rule",
            format!("{} is no rule.", escape(&wish.rule.to_string())),
        )
        .help(
            "Send {\"rule\": {\"match\": {\"domain\": [\"example.com\"]}, \"use\": \"direct\"}}.",
        ));
    }
    let at = usize::try_from(wish.at).unwrap_or(usize::MAX);
    config::edit(&api, how, move |document| document.add_rule(at, &wish.rule)).await
}
