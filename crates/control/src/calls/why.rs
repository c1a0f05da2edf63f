//! GET /api/v1/why: the verdict on a target, and every step that led to it; the engine's own function answers.

use std::collections::BTreeMap;

use axum::extract::State;
use privet_engine::SimulatedRequest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::extract::{self, Query};
use crate::problem::Problem;

/// A question as one would type it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// `host`, `host:port` or a URL.
    #[param(min_length = 1, max_length = 2048, example = "https://example.com/")]
    pub target: String,
    /// The program that would ask: its name, or its full path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 4096, nullable = false)]
    pub app: Option<String>,
    /// Whom it would be logged in as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 255, nullable = false)]
    pub user: Option<String>,
}

/// The verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// As it was asked.
    pub target: String,
    pub outcome: Outcome,
    /// What the rule that decided is known by; `null`: no rule did.
    pub rule: Option<String>,
    /// Everything that was looked at, in order; all lists that match, not the first alone.
    pub steps: Vec<Step>,
}

/// The verdict by names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// "block", "direct" or "via".
    #[schema(example = "block")]
    pub action: String,
    /// The upstream or group.
    pub outlet: Option<String>,
    /// When the outlet is down, the connection goes direct.
    pub otherwise_direct: bool,
    /// What decided: "loop", "rule", "deny", "list", "mode" or "kill-switch".
    pub kind: String,
    /// Why, in one sentence.
    pub text: String,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// "loop", "rule 3", "temporary rule 1", "filter.allow", "list ads", "mode standard".
    pub what: String,
    /// The list whose source `line` counts in; `null`: the configuration file.
    pub list: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// What stands on that line.
    pub source: Option<String>,
    pub matched: bool,
    /// Why it matched, or why not.
    pub text: String,
    /// Which sentence `text` is, for who tells it in another language: "rule.key", "list.blocks", "mode.direct".
    #[schema(example = "list.blocks")]
    pub code: String,
    /// What stands in the sentence's places.
    #[schema(example = json!({"host": "ads.example"}))]
    pub values: BTreeMap<String, String>,
}

impl Outcome {
    /// The policy's outcome as the API tells it.
    pub fn of(outcome: &privet_policy::Outcome) -> Self {
        Self {
            action: super::word(&outcome.action),
            outlet: outcome.outbound.as_ref().map(ToString::to_string),
            otherwise_direct: outcome.fallback_direct,
            kind: super::word(&outcome.kind),
            text: outcome.text.to_string(),
        }
    }
}

impl Explanation {
    /// The policy's explanation as the API tells it.
    pub fn of(target: &str, explained: &privet_policy::Explanation) -> Self {
        Self {
            target: target.to_owned(),
            outcome: Outcome::of(&explained.outcome),
            rule: explained.rule.as_ref().map(ToString::to_string),
            steps: explained
                .steps
                .iter()
                .map(|step| Step {
                    what: step.what.clone(),
                    list: step.list.as_ref().map(ToString::to_string),
                    line: step.line,
                    source: step.source.clone(),
                    matched: step.matched,
                    text: step.text.clone(),
                    code: step.message.code.to_owned(),
                    values: values(&step.message),
                })
                .collect(),
        }
    }

    /// Whether the answer is no.
    pub fn is_blocked(&self) -> bool {
        self.outcome.action == "block"
    }
}

fn values(said: &privet_policy::StepMessage) -> BTreeMap<String, String> {
    let pairs = said.values.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// Why would that go there?
#[utoipa::path(
    get,
    path = "/api/v1/why",
    tag = "connections",
    params(WhyQuery),
    responses(
        (status = 200, description = "The verdict and every step", body = Explanation),
        (status = 422, description = "The target is neither host:port nor a URL", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn ask_why(
    State(api): State<Api>,
    Query(asked): Query<WhyQuery>,
) -> Result<axum::Json<Explanation>, Problem> {
    if asked.target.is_empty() {
        return Err(Problem::bad_request("`target` is empty."));
    }
    extract::at_most(&asked.target, 2048, "target")?;
    extract::at_most(asked.app.as_deref().unwrap_or_default(), 4096, "app")?;
    extract::at_most(asked.user.as_deref().unwrap_or_default(), 255, "user")?;
    let question = SimulatedRequest {
        target: asked.target.clone(),
        app: asked.app,
        user: asked.user,
    };
    let explained = api.engine.why(&question).await.map_err(|error| {
        Problem::unprocessable("target", crate::logs::escape(&error.to_string()))
            .help("Write host, host:port or a URL.")
    })?;
    Ok(axum::Json(Explanation::of(&asked.target, &explained)))
}
