//! `/api/v1/why`: the decision for a target, and every step that led to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A target, and who would connect to it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// `host`, `host:port` or a URL.
    #[param(min_length = 1, max_length = 2048, example = "https://example.com/")]
    pub target: String,
    /// The program that would connect: its name, or its full path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 4096, nullable = false)]
    pub app: Option<String>,
    /// Explains a request to this site, or to the site's listener at this address, instead of one through the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 128, nullable = false, example = "app")]
    pub site: Option<String>,
    /// The user it would be logged in as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 255, nullable = false)]
    pub user: Option<String>,
    /// The address of the client; absent: this machine. Clients on other machines do not reach the gateway's own network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 64, nullable = false, example = "192.168.1.20")]
    pub client: Option<String>,
    /// How the client would ask: "socks4", "socks5", "udp", "http" or "connect"; absent: "http" for an `http://` URL, else
    /// "connect".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(max_length = 16, nullable = false, example = "socks5")]
    pub protocol: Option<String>,
}

/// The decision with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// As in the query.
    pub target: String,
    pub outcome: Outcome,
    /// The id of the rule that decided; `null`: no rule did.
    pub rule: Option<String>,
    /// Everything that was evaluated, in order; all lists that match, not only the first.
    pub steps: Vec<ExplanationStep>,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// "block", "direct", "via", or "site" for a request to a site.
    #[schema(example = "block")]
    pub action: String,
    /// The upstream or group, or the backend of a site.
    pub outbound: Option<String>,
    /// When the upstream or group is down, the connection goes direct.
    pub direct_fallback: bool,
    /// What decided: "loop", "own-network", "rule", "deny", "list", "mode", "kill-switch", "undetermined" or "site".
    pub kind: String,
    /// Why, in one sentence.
    pub text: String,
}

/// One thing that was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationStep {
    /// "loop", "own network", "rule 3", "temporary rule 1", "filter.allow", "list ads", "mode standard".
    pub what: String,
    /// The list that `line` belongs to; `null`: the configuration file.
    pub list: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// The text of that line.
    pub source: Option<String>,
    pub matched: bool,
    /// Why it matched, or why not.
    pub text: String,
    /// Which sentence `text` is, for translations: "rule.key", "list.blocks", "mode.direct".
    #[schema(example = "list.blocks")]
    pub code: String,
    /// The values in the sentence.
    #[schema(example = json!({"host": "ads.example"}))]
    pub values: BTreeMap<String, String>,
}

impl Explanation {
    pub fn is_blocked(&self) -> bool {
        self.outcome.action == "block"
    }
}
